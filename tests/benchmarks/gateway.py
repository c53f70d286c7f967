"""The gateway with every feature on, against its peers: in one run, before the same nginx upstreams, taking turns.

Peers: the guide's gateway on Express, one of Fastify's plugins, Caddy, nginx as the limit, and a plain proxy on aiohttp.
Each is seen to work before it is measured, and one that cannot be had is named. A ratio is taken round by round, of two
readings that are seconds apart, so that its spread says how far it can be trusted.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import psutil

from embedded_services.common.platform import raise_file_limit
from tests.benchmarks.faultdeck import faultdeck
from tests.benchmarks.figures import Figure, Missing
from tests.benchmarks.nginx import nginx
from tests.benchmarks.processes import free_port
from tests.benchmarks.proxies import (
    CADDY,
    EXPRESS,
    FASTIFY,
    KEEP_ALIVE,
    NGINX,
    OURS,
    PLAIN,
    MissingError,
    Proxy,
    caddy,
    nginx_as_proxy,
    node_gateway,
    plain_aiohttp,
    seen_to_work,
)
from tests.benchmarks.scene import FULL, QUICK, Scene
from tests.benchmarks.sections.costs import costs
from tests.benchmarks.sections.memory import memory
from tests.benchmarks.sections.tail import tail
from tests.benchmarks.sections.throughput import bodies, many_connections, throughput

UPSTREAMS: Final = 2


async def measure(*, quick: bool) -> list[Figure | Missing]:
    raise_file_limit(16_384)
    ports = [free_port() for _ in range(UPSTREAMS)]
    async with AsyncExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        await stack.enter_async_context(nginx(root / "upstreams", ports))
        system = await stack.enter_async_context(faultdeck(root / "workspace", ports))
        headers = {"Authorization": f"Bearer {system.token()}"}
        ours = Proxy(OURS, system.url, system.root, headers, asks_for_token=True)
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
        PLAIN: plain_aiohttp(ports),
        NGINX: nginx_as_proxy(root / "proxy", ports),
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
