import logging
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.common.logs import JsonLines
from embedded_services.contracts.logs import LogEntry
from embedded_services.control.log_tail import TAIL_BYTES, last_error


def line(level: str, message: str, trace: str = "") -> bytes:
    entry = LogEntry(at=1.0, level=level, process="user-1", logger="x", message=message, trace=trace)
    return msgspec.json.encode(entry) + b"\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "user-1.log"


def test_newest_error_is_told(log: Path) -> None:
    log.write_bytes(
        line("ERROR", "old") + line("CRITICAL", "new") + line("WARNING", "hm") + line("INFO", "bye")
    )
    assert last_error(log, "ended with exit code 1") == "ended with exit code 1: new"


@pytest.mark.parametrize(
    "content", [b"", b"\n", line("INFO", "all is well"), b"Segmentation fault\n", b"\xff\xfe\n"]
)
def test_log_without_an_error_tells_nothing_more(log: Path, content: bytes) -> None:
    log.write_bytes(content)
    assert last_error(log, "ended with exit code 1") == "ended with exit code 1"


def test_no_log_at_all_tells_nothing_more(log: Path) -> None:
    assert last_error(log, "ended with exit code 1") == "ended with exit code 1"


def test_error_before_a_library_s_own_output_is_found(log: Path) -> None:
    log.write_bytes(
        line("ERROR", "cannot start: the database is damaged") + b"corrupted size vs. prev_size\n\xff"
    )
    assert last_error(log, "x") == "x: cannot start: the database is damaged"


def test_only_the_end_of_a_long_log_is_read(log: Path) -> None:
    log.write_bytes(line("ERROR", "long ago") + line("INFO", "x" * 100) * (TAIL_BYTES // 100))
    assert last_error(log, "x") == "x"
    log.write_bytes(line("INFO", "x" * (TAIL_BYTES * 2)) + line("ERROR", "just now"))
    assert last_error(log, "x") == "x: just now"


def traceback_of(error: Exception) -> bytes:
    try:
        raise error
    except type(error) as caught:
        info = (type(caught), caught, caught.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "ended by an error", None, info)
    return JsonLines("user-1").format(record).encode() + b"\n"


def chained() -> Exception:
    error = ValueError("the second")
    error.__cause__ = KeyError("the first")
    return error


def noted() -> Exception:
    error = RuntimeError("no such table: users\n[SQL: SELECT 1]\n(Background on this error at: somewhere)")
    error.add_note("a note")
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("what is wrong"), "ValueError: what is wrong"),
        (KeyError(), "KeyError"),
        (chained(), "ValueError: the second"),
        (noted(), "RuntimeError: no such table: users"),
    ],
)
def test_of_a_traceback_it_is_the_line_that_names_the_exception(
    log: Path, error: Exception, said: str
) -> None:
    log.write_bytes(traceback_of(error))
    assert last_error(log, "x") == f"x: {said}"


@given(st.binary(max_size=200), st.text(max_size=50))
def test_whatever_is_in_the_log_it_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, message: str
) -> None:
    log = tmp_path_factory.getbasetemp() / "junk.log"
    log.write_bytes(junk + b"\n" + line("ERROR", message) + junk)
    assert "\n" not in last_error(log, "x")
