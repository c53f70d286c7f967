"""As many requests as each can answer: small bodies, large ones, and a thousand connections."""

from collections.abc import Sequence
from typing import Any, Final

from tests.benchmarks.figures import Figure, ratios
from tests.benchmarks.nginx import SIZES
from tests.benchmarks.proxies import CADDY, EXPRESS, FASTIFY, NGINX, OURS, Proxy
from tests.benchmarks.rounds import interleaved
from tests.benchmarks.scene import CONNECTIONS, Reading, Scene, loaded, short
from tests.benchmarks.wrk import load

BARS: Final = {EXPRESS: "≥ 10", FASTIFY: "≥ 2", CADDY: "≥ 1"}


async def throughput(scene: Scene) -> list[Figure]:
    """As many requests as each can answer, 64 connections, bodies of about 350 bytes."""
    proxies = [scene.ours, *scene.peers]
    for proxy in proxies:
        await load(proxy.path(), connections=CONNECTIONS, seconds=1, headers=dict(proxy.headers))
    readings = await interleaved(proxies, scene.pace.rounds, loaded(scene.pace.seconds))
    figures = [
        _rate(f"{proxy.name}, -c{CONNECTIONS}", took, version=proxy.version)
        for proxy, took in zip(proxies, readings, strict=True)
    ]
    rates = [[reading.load.rate for reading in took] for took in readings]
    return figures + [
        Figure(f"{OURS} ÷ {peer.name}", "×", ratios(rates[0], theirs), BARS.get(peer.name, ""))
        for peer, theirs in zip(scene.peers, rates[1:], strict=True)
    ]


async def bodies(scene: Scene) -> list[Figure]:
    """Larger bodies, against Caddy and nginx."""
    figures = []
    proxies = scene.and_peers(CADDY, NGINX)
    for name, size in SIZES.items():
        readings = await interleaved(
            proxies, scene.pace.side_rounds, loaded(scene.pace.side_seconds, last=name)
        )
        figures += _compared(proxies, readings, f"{name} bodies", size)
    return figures


async def many_connections(scene: Scene) -> list[Figure]:
    """A thousand connections, against Caddy and nginx."""
    proxies = scene.and_peers(CADDY, NGINX)
    readings = await interleaved(
        proxies, scene.pace.side_rounds, loaded(scene.pace.side_seconds, connections=1000)
    )
    return _compared(proxies, readings, "-c1000")


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


def _rate(name: str, took: Sequence[Reading], size: int = 0, version: str = "") -> Figure:
    rates = [reading.load.rate for reading in took]
    notes: dict[str, Any] = {"MB/s": short([rate * size / 1e6 for rate in rates])} if size else {}
    notes["CPU µs a request"] = short([reading.cpu_us for reading in took])
    notes["p99 ms"] = short([reading.load.p99 for reading in took])
    notes["bad"] = sum(reading.load.bad for reading in took)
    if version:
        notes["version"] = version
    return Figure(name, "/s", rates, notes=notes)
