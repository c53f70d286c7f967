"""Load from wrk, another process, so that the measuring does not slow what is measured."""

import asyncio
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """`rate` is answered requests a second; latencies are milliseconds; `bad` counts non-2xx/3xx and socket errors."""

    rate: float
    p50: float
    p99: float
    bad: int


_UNIT_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


async def load(
    url: str, *, connections: int = 64, seconds: int = 5, headers: dict[str, str] | None = None
) -> Load:
    """Closed-loop load on a loopback address for `seconds`."""
    fields = [part for name, value in (headers or {}).items() for part in ("-H", f"{name}: {value}")]
    process = await asyncio.create_subprocess_exec(
        "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *fields, url,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out = (await process.communicate())[0].decode()
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    if process.returncode != 0 or rate is None:
        raise RuntimeError(f"wrk failed: {out}")
    bad = sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", out))
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    bad += sum(int(n) for n in errors.groups()) if errors else 0
    return Load(float(rate[1]), _percentile(out, "50%"), _percentile(out, "99%"), bad)


def _percentile(out: str, which: str) -> float:
    found = re.search(rf"{which}\s+([\d.]+)(us|ms|s|m)", out)
    return float(found[1]) * _UNIT_MS[found[2]] if found else float("nan")
