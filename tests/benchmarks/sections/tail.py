"""How long requests take at a rate that all can answer."""

from typing import Final

from tests.benchmarks import offered
from tests.benchmarks.figures import Figure, ratios
from tests.benchmarks.proxies import CADDY, OURS, Proxy
from tests.benchmarks.rounds import interleaved
from tests.benchmarks.scene import Scene, short

RATE: Final = 2000


async def tail(scene: Scene) -> list[Figure]:
    """How long requests take at a rate that all can answer: an open model, latency from when each was due."""
    proxies = [*scene.and_peers(CADDY), scene.direct]

    async def offer(proxy: Proxy) -> offered.Offered:
        return await offered.offer(proxy.path(), proxy.headers, rate=RATE, seconds=1.0)

    readings = await interleaved(proxies, scene.pace.tail_rounds, offer)
    figures = [
        Figure(
            f"{proxy.name}, p99 at {RATE}/s",
            "ms",
            [reading.p99 for reading in took],
            notes={
                "p50": short([reading.p50 for reading in took]),
                "client late p99": short([reading.late_p99 for reading in took]),
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
