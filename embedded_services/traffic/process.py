"""The load generator's process. It makes no traffic until the control plane orders some, and none after its end: a process
that is started again waits for an order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from embedded_services.agent.context import ChildContext
from embedded_services.common.platform import raise_file_limit
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat
from embedded_services.contracts.traffic import MOST_IN_FLIGHT, TRAFFIC, Traffic, TrafficOrder
from embedded_services.services.kit.endpoints import Ask, Endpoint, Nothing
from embedded_services.services.kit.http import listen
from embedded_services.traffic.engine import Engine

_FILES: Final = MOST_IN_FLIGHT + 2_000


@asynccontextmanager
async def serve(context: ChildContext) -> AsyncIterator[int]:
    """Yields the port, on which it answers health checks. Raises OSError with EADDRINUSE when that is taken."""
    raise_file_limit(_FILES)
    async with Tasks(TRAFFIC) as tasks:
        report = _Report()
        engine = Engine(context.clock, tasks, lambda: report.wake())
        report.engine = engine
        report.wake = context.link.report_when_woken(report.beat)
        context.link.on_linked(report.again)

        async def obey(argument: Any) -> Traffic:
            engine.obey(msgspec.convert(argument, TrafficOrder))
            return engine.traffic

        async def stop(argument: Any) -> Traffic:
            await engine.stop(str(argument))
            return engine.traffic

        context.link.on_command(TRAFFIC, obey)
        context.link.on_command("stop-traffic", stop)
        async with listen(context.spec.host, context.spec.port, [_health(context, engine)]) as port:
            tasks.spawn(engine.run(), "samples")
            try:
                yield port
            finally:
                engine.close()


class _Report:
    """What the beats tell."""

    def __init__(self) -> None:
        self.engine: Engine
        self.wake = _nobody
        self._told_sample = 0
        self._told: Traffic | None = None

    def again(self) -> None:
        """What was told before may not have arrived."""
        self._told = None
        self._told_sample = 0
        self.wake()

    def beat(self) -> Beat | None:
        engine = self.engine
        fresh = [sample for number, sample in engine.samples if number > self._told_sample]
        now = engine.traffic
        if not fresh and now == self._told:
            return None
        self._told_sample, self._told = engine.last_sample, now
        return Beat(traffic=now, traffic_samples=fresh, traffic_seq=engine.last_sample)


def _nobody() -> None: ...


def _health(context: ChildContext, engine: Engine) -> Endpoint[Nothing]:
    spec = context.spec

    async def health(_ask: Ask[Nothing]) -> object:
        state = {"service": spec.role, "instance": spec.id, "incarnation": spec.incarnation}
        return {"status": "healthy", **state, "phase": engine.traffic.phase}

    return Endpoint("GET", "/health", health, Nothing, public=True)
