"""The fault book over processes that are not there: what it writes, tells and undoes, and when."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.faults import Fault, FaultCounts, FaultState, FaultTarget, NewFault
from embedded_services.contracts.instances import Status
from embedded_services.contracts.system import RequestRecord
from embedded_services.control.actions import Actions
from embedded_services.control.agents import Agents
from embedded_services.control.faults.aiming import Scene
from embedded_services.control.faults.desk import ENDED, Around, FaultDesk
from tests.helpers.clock import settle
from tests.helpers.fake_processes import FakeSystem

NOTHING: Any = None


class Desk:
    """The book, and what it told."""

    def __init__(self, folder: Path, tasks: Tasks) -> None:
        self.system = FakeSystem(folder, tasks)
        self.agents = Agents("token", NOTHING, NOTHING, NOTHING)
        self.told: list[tuple[str, FaultState]] = []
        self.path = folder / "faults.json"
        supervisor = self.system.supervisor
        self.actions = actions = Actions(
            supervisor,
            self.agents,
            self.system.drain,
            self.system.clock,
            tasks,
            lambda action, slot, fault: self.desk.acted(action, slot.id, fault),
        )
        self.desk = FaultDesk(
            self.path,
            Around(
                supervisor=supervisor,
                actions=actions,
                agents=self.agents,
                clock=self.system.clock,
                tasks=tasks,
                scene=self._scene,
                changed=lambda: None,
                told=lambda fault: self.told.append((fault.id, fault.state)),
            ),
        )

    async def _scene(self, _: NewFault) -> Scene:
        entries = list(self.system.instances)
        return Scene(
            services=list(self.system.settings.services),
            instances={entry.id: entry.service for entry in entries},
            external=(),
            processes=[slot.id for slot in self.system.supervisor.slots()],
        )

    async def arm(self, kind: str, *, ttl: float = 60, instance: str = "order-1", **params: Any) -> Fault:
        return await self.desk.arm(
            NewFault(kind=kind, target=FaultTarget(instance=instance), params=params, ttl=ttl)
        )

    def state(self, fault: Fault) -> FaultState:
        return self.desk.get(fault.id).state


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Tasks("test") as tasks:
        book = Desk(tmp_path, tasks)
        book.system.apply(book.system.settings)
        await book.system.all_healthy()
        async with book.desk.serving():
            yield book


async def test_it_is_written_down_while_it_is_in_force(book: Desk) -> None:
    fault = await book.arm("abort")
    assert fault.id.encode() in book.path.read_bytes()
    await book.desk.remove(fault.id)
    assert not book.path.exists()


async def test_what_cannot_be_written_down_is_not_armed(book: Desk) -> None:
    book.path.mkdir()
    with pytest.raises(ApiError, match="cannot write"):
        await book.arm("abort")
    assert book.desk.snapshot().items == []
    book.path.rmdir()


async def test_what_is_over_is_over_though_that_cannot_be_written_down(
    book: Desk, expect_log: Callable[[str], None]
) -> None:
    fault = await book.arm("abort")
    book.path.unlink()
    (book.path / "in the way").mkdir(parents=True)
    with pytest.raises(ApiError, match="cannot write"):
        await book.desk.extend(fault.id, 100)
    assert book.desk.get(fault.id).ttl == 60
    expect_log("still written down")
    assert (await book.desk.remove(fault.id)).state is FaultState.REMOVED
    assert book.desk.snapshot().items == []
    (book.path / "in the way").rmdir()
    book.path.rmdir()


async def test_children_are_told_complete_parameters_and_moments_of_their_own_clock(book: Desk) -> None:
    now = book.system.clock.monotonic()
    await book.arm("abort", ttl=30, status=418)
    (told,) = book.desk.snapshot().items
    assert (told.armed_at, told.deadline) == (now, now + 30)
    assert told.params["status"] == 418
    assert told.params["rampS"] == 0.0
    assert told.target == FaultTarget(service="order", instance="order-1")


async def test_a_fault_that_the_control_plane_carries_out_is_not_told_to_children(book: Desk) -> None:
    await book.arm("kill")
    assert book.desk.snapshot().items == []


async def test_each_change_has_a_revision_of_its_own(book: Desk) -> None:
    first = book.desk.snapshot().revision
    fault = await book.arm("abort")
    armed = book.desk.snapshot().revision
    await book.desk.extend(fault.id, 100)
    extended = book.desk.snapshot().revision
    await book.desk.remove(fault.id)
    assert first < armed < extended < book.desk.snapshot().revision


async def test_it_expires_when_its_time_is_over(book: Desk) -> None:
    short, longer = await book.arm("abort", ttl=10), await book.arm("latency", ttl=20)
    await book.system.clock.advance(9.9)
    assert [book.state(fault) for fault in (short, longer)] == [FaultState.ACTIVE, FaultState.ACTIVE]
    await book.system.clock.advance(0.1)
    assert [book.state(fault) for fault in (short, longer)] == [FaultState.EXPIRED, FaultState.ACTIVE]
    await book.desk.extend(longer.id, 30)
    await book.system.clock.advance(29.9)
    assert book.state(longer) is FaultState.ACTIVE
    await book.system.clock.advance(0.1)
    assert book.state(longer) is FaultState.EXPIRED
    assert not book.path.exists()


async def test_what_is_kept_down_starts_when_the_time_is_over(book: Desk) -> None:
    await book.arm("kill", stayDown=True, ttl=10)
    await settle()
    assert book.system.slot("order-1").running is None
    await book.system.clock.advance(10)
    assert book.system.slot("order-1").running is not None


async def test_a_seed_is_drawn_and_told_if_none_is_given(book: Desk) -> None:
    first, second = await book.arm("abort"), await book.arm("abort")
    assert first.seed != second.seed


async def test_one_that_has_ended_cannot_be_extended_or_removed(book: Desk) -> None:
    fault = await book.arm("abort")
    await book.desk.remove(fault.id)
    for again in (book.desk.remove(fault.id), book.desk.extend(fault.id, 10)):
        with pytest.raises(ApiError, match="it is removed") as refused:
            await again
        assert refused.value.code == "CONFLICT"


async def test_an_unknown_one_is_not_found(book: Desk) -> None:
    with pytest.raises(ApiError) as refused:
        await book.desk.remove("f_nothing")
    assert refused.value.code == "NOT_FOUND"


async def test_what_a_fault_keeps_down_starts_when_it_ends(book: Desk) -> None:
    fault = await book.arm("kill", stayDown=True)
    await settle()
    assert book.system.status("order-1") is Status.STOPPED
    await book.desk.remove(fault.id)
    assert book.system.slot("order-1").running is not None
    assert book.system.slot("order-1").history.exits == ()


async def test_what_a_person_starts_again_is_not_kept_down_any_more(book: Desk) -> None:
    fault = await book.arm("kill", stayDown=True)
    await settle()
    await book.actions.act("order-1", "restart")
    assert book.told[-1] == (fault.id, FaultState.REMOVED)
    assert book.desk.get(fault.id).detail == "restarted by hand"
    assert not book.path.exists()
    assert (await book.desk.restore()).undone == []


@pytest.mark.parametrize(
    ("action", "detail"), [("restart", "restarted by hand"), ("drain", "drained by hand")]
)
async def test_a_person_who_wants_it_otherwise_ends_a_crash_loop(
    book: Desk, action: str, detail: str
) -> None:
    fault = await book.arm("crash-loop", upS=1)
    await settle()
    book.system.hello("order-1")
    await book.system.clock.advance(0.1)
    await book.actions.act("order-1", action)
    ended = book.desk.get(fault.id)
    assert (ended.state, ended.detail) == (FaultState.REMOVED, detail)
    for _ in range(50):
        await book.system.clock.advance(0.1)
    assert "kill" not in book.system.child("order-1").signals


async def test_a_crash_loop_goes_on_after_one_kill_more_by_hand(book: Desk) -> None:
    fault = await book.arm("crash-loop", upS=1)
    await settle()
    await book.actions.act("order-1", "kill")
    assert book.state(fault) is FaultState.ACTIVE


async def test_a_fault_of_a_process_that_was_taken_out_is_over(book: Desk) -> None:
    fault = await book.arm("kill", stayDown=True)
    await settle()
    book.system.supervisor.remove(book.system.slot("order-1"), "scaled down")
    await book.system.clock.advance(0.1)
    ended = book.desk.get(fault.id)
    assert (ended.state, ended.detail) == (FaultState.REMOVED, "order-1 was taken out of the system")


async def test_what_a_person_started_meanwhile_is_not_started_again(book: Desk) -> None:
    fault = await book.arm("kill", stayDown=True)
    await settle()
    book.system.supervisor.start(book.system.slot("order-1"))
    started = len(book.system.launcher.started)
    await book.desk.remove(fault.id)
    assert len(book.system.launcher.started) == started


async def test_what_cannot_be_done_is_not_in_force_and_told_as_over(book: Desk) -> None:
    await book.arm("kill", stayDown=True)
    await settle()
    with pytest.raises(ApiError, match="no running process"):
        await book.arm("terminate")
    assert len(book.desk.snapshot().items) == 0
    assert book.told[-1][1] is FaultState.REMOVED
    assert [fault.state for fault in book.desk.faults()] == [FaultState.ACTIVE]


async def test_counts_become_proof(book: Desk) -> None:
    fault = await book.arm("abort")
    counts = FaultCounts(id=fault.id, eligible=10, injected=4)
    book.desk.report("gateway", 1, Beat(faults=[counts]))
    proof = book.desk.get(fault.id).proof
    assert (proof.eligible, proof.injected) == (10, 4)
    book.desk.report("gateway", 1, Beat(faults=[FaultCounts(id="f_other", eligible=1, injected=1)]))
    assert [row.id for row in book.desk.faults()] == [fault.id]


async def test_what_clients_saw_before_it_ended_counts_though_it_is_told_later(book: Desk) -> None:
    fault = await book.arm("kill", stayDown=True)
    await book.system.clock.advance(1)
    await book.desk.remove(fault.id)
    ended = book.system.clock.now()

    def saw(at: float) -> RequestRecord:
        return RequestRecord(
            id="r", at=at, method="GET", path="/", status=502, took_ms=1.0, route=None, service="order",
            instance="order-1", tries=1, user=None, client="127.0.0.1", trace="",
        )  # fmt: skip

    book.desk.report("gateway", 1, Beat(requests=[saw(ended - 2), saw(ended - 0.5), saw(ended + 0.5)]))
    assert book.desk.get(fault.id).proof.client_failures == 1


async def test_those_in_force_come_first_and_few_that_have_ended_are_kept(book: Desk) -> None:
    for _ in range(ENDED + 20):
        await book.desk.remove((await book.arm("abort")).id)
    first, second = await book.arm("abort"), await book.arm("latency")
    rows = book.desk.faults()
    assert [row.id for row in rows[:2]] == [second.id, first.id]
    assert len(rows) == 2 + ENDED


async def test_restore_all_ends_all_and_says_what_it_undid(book: Desk) -> None:
    edge, kill = await book.arm("abort"), await book.arm("kill", instance="user-1", stayDown=True)
    await settle()
    restored = await book.desk.restore()
    assert restored.removed == [edge.id, kill.id]
    assert restored.undone == ["started user-1"]
    assert {row.state for row in book.desk.faults()} == {FaultState.REMOVED}
    assert (await book.desk.restore()).removed == []


async def test_what_the_run_before_left_is_told_as_cleared(
    tmp_path: Path, expect_log: Callable[[str], None]
) -> None:
    expect_log("in force; it is cleared")
    async with Tasks("test") as tasks:
        before = Desk(tmp_path, tasks)
        before.system.apply(before.system.settings)
        fault = await before.arm("abort")
        after = Desk(tmp_path, tasks)
        after.desk.recall()
        (left,) = after.desk.faults()
        assert (left.id, left.state) == (fault.id, FaultState.REMOVED)
        assert "cleared" in left.detail
        assert after.desk.snapshot().items == []
        assert not after.path.exists()
