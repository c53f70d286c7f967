"""What wrk prints is read whole, errors too."""

import pytest

from tests.benchmarks.wrk import Load, read

OUT = """Running 2s test @ http://127.0.0.1:45481/
  1 threads and 64 connections
  Latency Distribution
     50%  850.00us
     75%    1.20ms
     90%    2.00ms
     99%    1.05s
  1212 requests in 2.00s, 868.78KB read
Requests/sec:    604.80
Transfer/sec:    433.53KB
"""


def test_rate_count_and_latencies_in_milliseconds() -> None:
    assert read(OUT) == Load(604.8, 0.85, 1050.0, 0, 1212)


def test_errors_of_sockets_and_statuses_add_up() -> None:
    errors = "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 5\n"
    assert read(OUT + errors).bad == 15


def test_anything_else_is_an_error() -> None:
    with pytest.raises(ValueError, match="unable to connect"):
        read("unable to connect to 127.0.0.1:1 Connection refused")
