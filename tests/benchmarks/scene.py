"""What the gateway's benchmark runs on: this gateway, those of its peers that can be had, and a reading of one of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.benchmarks.faultdeck import Faultdeck
from tests.benchmarks.processes import cpu_s
from tests.benchmarks.proxies import Proxy
from tests.benchmarks.wrk import Load, load

CONNECTIONS: Final = 64


@dataclass(frozen=True)
class Pace:
    """How often and how long (seconds); `side` is for what is not the main figure. A tail is measured a second at a time,
    and often: a moment's noise spoils one reading, not most."""

    rounds: int
    seconds: int
    side_rounds: int
    side_seconds: int
    tail_rounds: int
    clients: int
    clients_s: float


FULL: Final = Pace(5, 3, 3, 2, 10, 1_000_000, 60.0)
QUICK: Final = Pace(2, 1, 1, 1, 3, 50_000, 10.0)


@dataclass(frozen=True)
class Reading:
    """`cpu_us` is what the proxy's processes used a request."""

    load: Load
    cpu_us: float


@dataclass(frozen=True)
class Scene:
    """All that is running. `direct` is an upstream with nothing before it."""

    pace: Pace
    faultdeck: Faultdeck
    ours: Proxy
    peers: Sequence[Proxy]
    direct: Proxy

    def and_peers(self, *names: str) -> list[Proxy]:
        """This gateway and those of the peers that can be had."""
        return [self.ours, *(peer for peer in self.peers if peer.name in names)]


def loaded(
    seconds: int, *, connections: int = CONNECTIONS, last: str = "prod1"
) -> Callable[[Proxy], Awaitable[Reading]]:
    async def measure_one(proxy: Proxy) -> Reading:
        return await read(proxy, proxy.path(last), proxy.headers, connections, seconds)

    return measure_one


async def read(proxy: Proxy, url: str, headers: Mapping[str, str], connections: int, seconds: int) -> Reading:
    before = cpu_s(proxy.pid)
    took = await load(url, connections=connections, seconds=seconds, headers=dict(headers))
    return Reading(took, 1e6 * (cpu_s(proxy.pid) - before) / max(1, took.requests))


def short(readings: Sequence[float]) -> float:
    """Their median, as notes show it."""
    return float(f"{median(readings):.4g}")
