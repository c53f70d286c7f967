"""Load from wrk, another process, so that the measuring does not slow what is measured."""

import re
from dataclasses import dataclass

from tests.benchmarks.processes import output_of


@dataclass(frozen=True)
class Load:
    """`rate` is answered requests a second; latencies are milliseconds; `bad` counts non-2xx/3xx and socket errors."""

    rate: float
    p50: float
    p99: float
    bad: int
    requests: int


_UNIT_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


async def load(
    url: str, *, connections: int = 64, seconds: int = 5, headers: dict[str, str] | None = None
) -> Load:
    """Closed-loop load on a loopback address for `seconds`."""
    fields = [part for name, value in (headers or {}).items() for part in ("-H", f"{name}: {value}")]
    return read(await output_of("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *fields, url))


def read(out: str) -> Load:
    """What wrk says of a run. Raises ValueError when it is not that."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    requests = re.search(r"(\d+) requests in", out)
    if rate is None or requests is None:
        raise ValueError(f"not what wrk says of a run: {out}")
    bad = sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", out))
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    bad += sum(int(n) for n in errors.groups()) if errors else 0
    return Load(float(rate[1]), _percentile(out, "50%"), _percentile(out, "99%"), bad, int(requests[1]))


def _percentile(out: str, which: str) -> float:
    found = re.search(rf"{which}\s+([\d.]+)(us|ms|s|m)", out)
    return float(found[1]) * _UNIT_MS[found[2]] if found else float("nan")
