"""The gateway with every feature on, against its peers: in one run, before the same nginx upstreams, taking turns.

Peers: the guide's gateway on Express, one of Fastify's plugins, Caddy, nginx as the limit, and a plain proxy on aiohttp.
Each is seen to work before it is measured, and one that cannot be had is named. A ratio is taken round by round, of two
readings that are seconds apart, so that its spread says how far it can be trusted.
"""

import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from embedded_services.common.platform import raise_file_limit
from tests.benchmarks import keys, offered
from tests.benchmarks.faultdeck import SERVICE, Faultdeck, faultdeck
from tests.benchmarks.figures import Figure, Missing, ratios
from tests.benchmarks.nginx import SIZES, nginx
from tests.benchmarks.processes import cpu_s, free_port, pss
from tests.benchmarks.proxies import (
    MissingError,
    Proxy,
    caddy,
    nginx_as_proxy,
    node_gateway,
    plain_aiohttp,
    seen_to_work,
)
from tests.benchmarks.rounds import interleaved
from tests.benchmarks.wrk import Load, load

OURS: Final = "Faultdeck"
EXPRESS: Final = "Express, the guide's"
KEEP_ALIVE: Final = "Express, keep-alive"
FASTIFY: Final = "Fastify"
CADDY: Final = "Caddy"
BARS: Final = {EXPRESS: "≥ 10", FASTIFY: "≥ 2", CADDY: "≥ 1"}

CONNECTIONS: Final = 64
RATE: Final = 2000
UPSTREAMS: Final = 2


@dataclass(frozen=True)
class Pace:
    """How often and how long (seconds); `side` is for what is not the main figure."""

    rounds: int
    seconds: int
    side_rounds: int
    side_seconds: int
    clients: int
    clients_s: float


FULL: Final = Pace(5, 3, 3, 2, 1_000_000, 60.0)
QUICK: Final = Pace(2, 1, 1, 1, 50_000, 10.0)


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


async def measure(*, quick: bool) -> list[Figure | Missing]:
    raise_file_limit(16_384)
    ports = [free_port() for _ in range(UPSTREAMS)]
    async with AsyncExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        await stack.enter_async_context(nginx(root / "upstreams", ports))
        system = await stack.enter_async_context(faultdeck(root / "workspace", ports))
        headers = {"Authorization": f"Bearer {system.token()}"}
        ours = Proxy(OURS, system.url, system.pid, headers, asks_for_token=True)
        await seen_to_work(ours, ports)
        peers, missing = await _peers(stack, root, ports, system.secret, headers)
        direct = Proxy("nothing between", f"http://127.0.0.1:{ports[0]}", 0)
        scene = Scene(QUICK if quick else FULL, system, ours, peers, direct)
        others = Others()
        figures: list[Figure | Missing] = [*missing]
        for section in (throughput, tail, costs, bodies, many_connections, memory):
            say(section.__name__.replace("_", " "))
            figures += await section(scene)
        return [*figures, Figure("CPU that others took meanwhile", "% of the machine", [others.percent()])]


async def _peers(
    stack: AsyncExitStack, root: Path, ports: Sequence[int], secret: str, headers: Mapping[str, str]
) -> tuple[list[Proxy], list[Missing]]:
    """Those that can be had, seen to work, and those that cannot."""
    wanted = {
        EXPRESS: node_gateway(EXPRESS, "express", ports, secret, headers),
        KEEP_ALIVE: node_gateway(KEEP_ALIVE, "express", ports, secret, headers, {"AGENT": "keep-alive"}),
        FASTIFY: node_gateway(FASTIFY, "fastify", ports, secret, headers),
        CADDY: caddy(root / "caddy", ports),
        "plain aiohttp proxy": plain_aiohttp(ports),
        "nginx": nginx_as_proxy(root / "proxy", ports),
    }
    found, missing = [], []
    for name, peer in wanted.items():
        try:
            proxy = await stack.enter_async_context(peer)
        except MissingError as error:
            missing.append(Missing(name, str(error)))
        else:
            await seen_to_work(proxy, ports)
            found.append(proxy)
    return found, missing


# --- the sections -------------------------------------------------------------------------------------------------


async def throughput(scene: Scene) -> list[Figure]:
    """As many requests as each can answer, 64 connections, bodies of about 350 bytes."""
    proxies = [scene.ours, *scene.peers]
    for proxy in proxies:
        await load(proxy.path(), connections=CONNECTIONS, seconds=1, headers=dict(proxy.headers))
    readings = await interleaved(proxies, scene.pace.rounds, _loaded(scene.pace.seconds))
    figures = [
        _rate(f"{proxy.name}, -c{CONNECTIONS}", took) for proxy, took in zip(proxies, readings, strict=True)
    ]
    rates = [[reading.load.rate for reading in took] for took in readings]
    return figures + [
        Figure(f"{OURS} ÷ {peer.name}", "×", ratios(rates[0], theirs), BARS.get(peer.name, ""))
        for peer, theirs in zip(scene.peers, rates[1:], strict=True)
    ]


async def tail(scene: Scene) -> list[Figure]:
    """How long requests take at a rate that all can answer: an open model, latency from when each was due."""
    proxies = [*scene.and_peers(CADDY), scene.direct]

    async def offer(proxy: Proxy) -> offered.Offered:
        return await offered.offer(
            proxy.path(), proxy.headers, rate=RATE, seconds=float(scene.pace.side_seconds)
        )

    readings = await interleaved(proxies, scene.pace.rounds, offer)
    figures = [
        Figure(
            f"{proxy.name}, p99 at {RATE}/s",
            "ms",
            [reading.p99 for reading in took],
            notes={
                "p50": _short([reading.p50 for reading in took]),
                "client late p99": _short([reading.late_p99 for reading in took]),
                "bad": sum(reading.bad for reading in took),
            },
        )
        for proxy, took in zip(proxies, readings, strict=True)
    ]
    p99 = [[reading.p99 for reading in took] for took in readings]
    return figures + [
        Figure(f"{OURS} ÷ {peer.name}, p99 at {RATE}/s", "×", ratios(p99[0], theirs), "≤ 1")
        for peer, theirs in zip(proxies[1:-1], p99[1:-1], strict=True)
    ]


@dataclass(frozen=True)
class Without:
    """The gateway with a feature less: by a patch of its settings, or by asking for a route that does without."""

    feature: str
    patch: Mapping[str, Any] = field(default_factory=dict)
    undo: Mapping[str, Any] = field(default_factory=dict)
    public: bool = False


def _policy(**enabled: bool) -> Mapping[str, Any]:
    return {"services": {SERVICE: {"policy": {name: {"enabled": on} for name, on in enabled.items()}}}}


FEATURES: Final = (
    Without("none"),
    Without("tokens", public=True),
    Without("traces", {"gateway": {"tracesPerS": 0}}, {"gateway": {"tracesPerS": None}}),
    Without("retries", _policy(retries=False), _policy(retries=True)),
    Without(
        "breakers, ejection and concurrency limits",
        _policy(breaker=False, outliers=False, concurrency=False),
        _policy(breaker=True, outliers=True, concurrency=True),
    ),
)


async def costs(scene: Scene) -> list[Figure]:
    """CPU of the gateway a request, and how much less it is without a feature."""
    control = scene.faultdeck.control

    async def without(given: Without) -> Reading:
        if given.patch:
            await control.patch_settings(given.patch)
        try:
            path = f"{scene.ours.url}/api/open/prod1" if given.public else scene.ours.path()
            headers = {} if given.public else scene.ours.headers
            return await _read(scene.ours, path, headers, CONNECTIONS, scene.pace.side_seconds)
        finally:
            if given.undo:
                await control.patch_settings(given.undo)

    readings = await interleaved(FEATURES, scene.pace.rounds, without)
    every = [reading.cpu_us for reading in readings[0]]
    return [
        Figure("CPU of the gateway, every feature on", "µs a request", every),
        *(
            Figure(
                f"  of that, {given.feature}",
                "µs a request",
                [whole - reading.cpu_us for whole, reading in zip(every, took, strict=True)],
                notes={"requests/s without": _short([reading.load.rate for reading in took])},
            )
            for given, took in zip(FEATURES[1:], readings[1:], strict=True)
        ),
    ]


async def bodies(scene: Scene) -> list[Figure]:
    """Larger bodies, against Caddy and nginx."""
    figures = []
    proxies = scene.and_peers(CADDY, "nginx")
    for name, size in SIZES.items():
        readings = await interleaved(
            proxies, scene.pace.side_rounds, _loaded(scene.pace.side_seconds, last=name)
        )
        figures += _compared(proxies, readings, f"{name} bodies", size)
    return figures


async def many_connections(scene: Scene) -> list[Figure]:
    """A thousand connections, against Caddy and nginx."""
    proxies = scene.and_peers(CADDY, "nginx")
    readings = await interleaved(
        proxies, scene.pace.side_rounds, _loaded(scene.pace.side_seconds, connections=1000)
    )
    return _compared(proxies, readings, "-c1000")


async def memory(scene: Scene) -> list[Figure]:
    """What the rate limit remembers of a million clients takes: each came once, over HTTP."""
    pace, pid = scene.pace, scene.faultdeck.pid
    control = scene.faultdeck.control
    before = pss(pid)
    await control.patch_settings({"limits": {"key": "header:X-Client", "windowS": 3600}})
    counted = await keys.come(scene.ours.path(), clients=pace.clients, within_s=pace.clients_s)
    after = pss(pid)
    await control.patch_settings({"limits": {"key": None, "windowS": None}})
    came = {"clients": counted.clients, "of": pace.clients, "in s": round(counted.seconds, 1)}
    return [
        Figure("memory of the gateway (PSS), before", "MB", [before / 1e6]),
        Figure("memory of the gateway (PSS), with all clients remembered", "MB", [after / 1e6], notes=came),
        Figure("memory a client", "bytes", [(after - before) / counted.clients]),
    ]


# --- how they read ------------------------------------------------------------------------------------------------


def _loaded(
    seconds: int, *, connections: int = CONNECTIONS, last: str = "prod1"
) -> Callable[[Proxy], Awaitable[Reading]]:
    async def measure_one(proxy: Proxy) -> Reading:
        return await _read(proxy, proxy.path(last), proxy.headers, connections, seconds)

    return measure_one


async def _read(
    proxy: Proxy, url: str, headers: Mapping[str, str], connections: int, seconds: int
) -> Reading:
    before = cpu_s(proxy.pid)
    took = await load(url, connections=connections, seconds=seconds, headers=dict(headers))
    return Reading(took, 1e6 * (cpu_s(proxy.pid) - before) / max(1, took.requests))


def _compared(
    proxies: Sequence[Proxy], readings: Sequence[Sequence[Reading]], what: str, size: int = 0
) -> list[Figure]:
    """What each does, and this gateway, the first of them, against the others."""
    rates = [[reading.load.rate for reading in took] for took in readings]
    return [
        *(_rate(f"{proxy.name}, {what}", took, size) for proxy, took in zip(proxies, readings, strict=True)),
        *(
            Figure(f"{OURS} ÷ {peer.name}, {what}", "×", ratios(rates[0], theirs))
            for peer, theirs in zip(proxies[1:], rates[1:], strict=True)
        ),
    ]


def _rate(name: str, took: Sequence[Reading], size: int = 0) -> Figure:
    rates = [reading.load.rate for reading in took]
    notes: dict[str, Any] = {"MB/s": _short([rate * size / 1e6 for rate in rates])} if size else {}
    notes["CPU µs a request"] = _short([reading.cpu_us for reading in took])
    notes["p99 ms"] = _short([reading.load.p99 for reading in took])
    notes["bad"] = sum(reading.load.bad for reading in took)
    return Figure(name, "/s", rates, notes=notes)


def _short(readings: Sequence[float]) -> float:
    return float(f"{median(readings):.4g}")


class Others:
    """What the rest of the machine has used since this was made: figures of a run that had to share are worth less."""

    def __init__(self) -> None:
        self._all, self._ours = self._used()

    def percent(self) -> float:
        """Of all cores."""
        everybody, ours = self._used()
        whole = sum(everybody) - sum(self._all)
        idle = everybody.idle + everybody.iowait - self._all.idle - self._all.iowait
        taken: float = 100 * max(0.0, 1 - (idle + ours - self._ours) / whole)
        return taken

    @staticmethod
    def _used() -> tuple[Any, float]:
        """All cores' times, and the seconds that this process and all that it started have used."""
        own = psutil.Process()
        tree = (own, *own.children(recursive=True))
        return psutil.cpu_times(), sum(sum(process.cpu_times()[:4]) for process in tree)


def say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)
