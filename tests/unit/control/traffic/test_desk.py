"""The desk over processes that are not there, on a clock that the test turns."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat, Done
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.runtime import OwnProcess, Runtime
from embedded_services.contracts.settings import HealthPolicy
from embedded_services.contracts.traffic import (
    TRAFFIC,
    Phase,
    Traffic,
    TrafficOrder,
    TrafficSample,
    TrafficWish,
)
from embedded_services.control.traffic.desk import BEGUN_ANEW, IDLE_S, TrafficDesk
from embedded_services.registry.catalog import Catalog
from tests.helpers.clock import settle
from tests.helpers.fake_processes import FakeSystem


class Generator:
    """A process that does what it is told, unless it is `deaf`."""

    def __init__(self, system: FakeSystem) -> None:
        self.system = system
        self.orders: list[TrafficOrder] = []
        self.deaf = False

    def is_linked(self, child: str) -> bool:
        return child in self.system.linked

    async def command(self, child: str, name: str, timeout_s: float, argument: Any = None) -> Done:
        if self.deaf:
            raise TimeoutError
        if isinstance(argument, TrafficOrder):
            self.orders.append(argument)
            state = Traffic(phase=Phase.RUNNING, run=argument.run, plan=argument.plan, addresses=1)
        else:
            state = Traffic(phase=Phase.STOPPED, run=self.orders[-1].run, reason=argument)
        return Done(command=1, ok=True, result=msgspec.to_builtins(state))


class Rig:
    def __init__(self, workspace: Path, tasks: Tasks) -> None:
        self.system = FakeSystem(workspace, tasks)
        self.agents = Generator(self.system)
        catalog = Catalog(self.system.journal, HealthPolicy, noun="process")
        self.desk = TrafficDesk(
            self.system.supervisor,
            self.agents,
            (catalog, self.system._checks(catalog, tasks)),
            LimitSettings,
            self.system.clock,
            tasks,
            lambda *_: None,
        )
        self.tasks = tasks
        self.system.scaling.start_gateway(None)
        self.system.hello("gateway")

    async def start(self, wish: TrafficWish | None = None) -> Traffic:
        starting = self.tasks.start(self.desk.start(wish or TrafficWish()), "start")
        await settle()
        if TRAFFIC in self.system.supervisor and TRAFFIC not in self.system.linked:
            assert self.desk.state.phase is Phase.STARTING
            self.system.hello(TRAFFIC)
            await self.system.clock.advance(0.05)
        return await starting

    def end_process(self, code: int) -> None:
        self.system.linked.discard(TRAFFIC)
        self.system.child(TRAFFIC).end(code)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Tasks("test") as tasks:
        yield Rig(tmp_path, tasks)


async def test_process_is_started_when_traffic_is_wanted(rig: Rig) -> None:
    assert TRAFFIC not in rig.system.supervisor
    state = await rig.start(TrafficWish(rate=50.0))
    assert (state.phase, state.run, rig.agents.orders[0].plan.rate) == (Phase.RUNNING, 1, 50.0)


async def test_second_wish_changes_the_run_and_starts_no_process(rig: Rig) -> None:
    await rig.start(TrafficWish(rate=50.0))
    await rig.start(TrafficWish(rate=60.0))
    assert [order.run for order in rig.agents.orders] == [1, 1]
    assert [child.name for child in rig.system.launcher.started].count(TRAFFIC) == 1


async def test_process_that_ends_stops_the_traffic_and_is_not_started_again(
    rig: Rig, expect_log: Any
) -> None:
    expect_log("traffic .* ended: killed by signal 9")
    await rig.start()
    rig.end_process(-9)
    await settle()
    assert (rig.desk.state.phase, rig.desk.state.reason) == (
        Phase.STOPPED,
        "its process ended: killed by signal 9",
    )
    assert TRAFFIC not in rig.system.supervisor


async def test_process_that_has_nothing_to_do_is_ended_after_a_while(rig: Rig) -> None:
    await rig.start()
    await rig.desk.stop()
    await rig.system.clock.advance(IDLE_S - 1)
    assert TRAFFIC in rig.system.supervisor
    await rig.system.clock.advance(2)
    await settle()
    assert TRAFFIC not in rig.system.supervisor
    assert rig.desk.state.reason == "stopped by you"


async def test_traffic_that_begins_again_keeps_its_process(rig: Rig) -> None:
    await rig.start()
    await rig.desk.stop()
    await rig.system.clock.advance(IDLE_S - 1)
    state = await rig.start()
    await rig.system.clock.advance(2 * IDLE_S)
    assert state.run == 2
    assert TRAFFIC in rig.system.supervisor


async def test_process_that_does_not_answer_is_killed_by_stop(rig: Rig, expect_log: Any) -> None:
    expect_log("traffic could not be stopped")
    await rig.start()
    rig.agents.deaf = True
    state = await rig.desk.stop()
    await settle()
    assert "did not answer, and was killed" in state.reason
    assert TRAFFIC not in rig.system.supervisor


async def test_process_that_does_not_come_up_is_said(rig: Rig, expect_log: Any) -> None:
    expect_log("traffic .* ended")
    starting = rig.tasks.start(rig.desk.start(TrafficWish()), "start")
    await settle()
    rig.end_process(1)
    await rig.system.clock.advance(0.1)
    with pytest.raises(ApiError, match="did not start"):
        await starting
    assert rig.desk.state.phase is Phase.STOPPED


async def test_samples_that_come_again_are_not_doubled_and_missed_ones_are_counted(rig: Rig) -> None:
    await rig.start()
    state = rig.desk.state

    def beat(numbers: range) -> Beat:
        samples = [TrafficSample(run=1, at=float(number), asked=1.0) for number in numbers]
        return Beat(traffic=state, traffic_samples=samples, traffic_seq=numbers[-1])

    rig.desk.report(TRAFFIC, 1, beat(range(1, 4)))
    rig.desk.report(TRAFFIC, 1, beat(range(1, 6)))
    rig.desk.report(TRAFFIC, 1, beat(range(8, 10)))
    rig.desk.report(TRAFFIC, 7, beat(range(1, 100)))
    window = rig.desk.samples.newest_after(0, 100)
    assert [sample.at for sample in window.items] == [1.0, 2.0, 3.0, 4.0, 5.0, 8.0, 9.0]
    assert (window.to_seq, window.skipped) == (9, 2)


async def test_control_plane_that_was_started_anew_says_that_traffic_does_not_go_on(rig: Rig) -> None:
    named = [OwnProcess(name=TRAFFIC, pid=1, started_at=1.0)]
    last = Runtime(
        ready=True, version="1", gateway="", control="", token="", broker=None, workspace="", pid=1, started_at=1.0,
        processes=named,
    )  # fmt: skip
    rig.desk.recall(last)
    assert (rig.desk.state.phase, rig.desk.state.reason) == (Phase.STOPPED, BEGUN_ANEW)


async def test_run_before_without_traffic_is_nothing_to_speak_of(rig: Rig) -> None:
    rig.desk.recall(None)
    assert rig.desk.state.reason == ""
