"""What becomes of sagas, whatever their services do, whoever interferes, and however the orchestrator ends."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import pytest

from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.sagas import ArmedFault, FaultKind, HoldReason
from embedded_services.sagas.calls import AT_ONCE
from embedded_services.sagas.definition import Definition, Step
from embedded_services.sagas.journal import Shelf
from embedded_services.sagas.orchestrator import origin_of
from embedded_services.sagas.participants import Done, No, Nobody, Unknown
from embedded_services.sagas.run import Run
from embedded_services.sagas.signals import Cancel, Next, Skip, TryAgain
from tests.helpers.eventually import until
from tests.unit.sagas.world import (
    COMPENSATED,
    COMPLETED,
    FAILED,
    LINE,
    SOON,
    Script,
    call,
    states,
    step,
    world,
)

NO = No("no")
LOST = Unknown("no answer")


def held_by(reason: HoldReason) -> Callable[[Run], bool]:
    return lambda run: run.hold is not None and run.hold.reason is reason


async def until_true(holds: Callable[[], bool]) -> None:
    async def look() -> bool | None:
        return holds() or None

    await until(look, 5)


# --- the ordinary course ---


async def test_steps_run_in_order_under_keys_of_their_own_and_gather_data(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        run = await w.run()
        assert (run.state, states(run)) == (COMPLETED, ["completed"] * 3)
        assert w.script.calls == [(name, f"{run.id}:{name}:do") for name in "abc"]
        assert run.data == {"x": 1, "a": True, "b": True, "c": True}
        assert [each.instance for each in run.steps] == ["a-1", "b-1", "c-1"]


async def test_a_refusal_undoes_what_was_done_in_reverse_and_not_itself(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.script.will("c", NO)
        run = await w.run()
        assert (run.state, run.failure) == (COMPENSATED, "no")
        assert w.script.services == ["a", "b", "c", "undo-b", "undo-a"]
        assert states(run) == ["compensated", "compensated", "failed"]


async def test_an_unknown_outcome_is_asked_again_under_the_same_key_and_then_undone(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.script.will("b", *[LOST] * 3)
        run = await w.run()
        assert run.state is COMPENSATED
        assert w.script.services == ["a", "b", "b", "b", "undo-b", "undo-a"]
        assert len({key for service, key in w.script.calls if service == "b"}) == 1


async def test_a_refusal_after_a_call_that_was_not_heard_of_is_undone_too(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.script.will("b", LOST, NO)
        assert (await w.run()).state is COMPENSATED
        assert w.script.services == ["a", "b", "b", "undo-b", "undo-a"]


async def test_what_a_step_needs_is_asked_first_and_its_refusal_is_the_step_s(tmp_path: Path) -> None:
    needing = Definition("line", [Step("a", call("a"), call("undo-a"), needs=call("who"), retry=SOON)])
    async with world(tmp_path, needing) as w:
        assert (await w.run()).state is COMPLETED
        w.script.will("who", No("nobody of that name"))
        run = await w.run()
        assert (run.state, run.failure) == (COMPENSATED, "nobody of that name")
        assert w.script.services == ["who", "a", "who"]


async def test_parallel_steps_run_at_the_same_time_and_are_undone_together(tmp_path: Path) -> None:
    beside = Definition("line", [step("a"), step("b"), step("c", beside=True), step("d")])
    both = asyncio.Barrier(2)

    async def meet() -> Done:
        await both.wait()
        return Done({}, "x-1")

    async with world(tmp_path, beside) as w:
        w.script.will("b", meet)
        w.script.will("c", meet)
        w.script.will("d", NO)
        run = await w.run()
        assert run.state is COMPENSATED
        assert w.script.services[-4:] == ["d", "undo-c", "undo-b", "undo-a"]


async def test_past_the_pivot_it_only_goes_forward_and_a_person_helps(tmp_path: Path) -> None:
    pivot = Definition("line", [step("a"), step("b", pivot=True), step("c")])
    async with world(tmp_path, pivot) as w:
        w.script.will("c", NO, NO)
        run = await w.start()
        await w.until(run, held_by(HoldReason.PERSON))
        with pytest.raises(ApiError, match="point of no return"):
            await w.orchestrator.act(run.id, Cancel("too late"))
        await w.orchestrator.act(run.id, TryAgain())
        await w.until(run, held_by(HoldReason.PERSON))
        await w.orchestrator.act(run.id, TryAgain())
        assert (await w.end(run)).state is COMPLETED
        assert not any(service.startswith("undo") for service in w.script.services)


# --- people ---


async def test_step_by_step_it_waits_for_next_before_each_step(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        run = await w.start(step_mode=True)
        for done in range(3):
            await w.until(run, held_by(HoldReason.NEXT))
            assert len(w.script.calls) == done
            await w.orchestrator.act(run.id, Next())
        assert (await w.end(run)).state is COMPLETED
        with pytest.raises(ApiError, match="has ended") as error:
            await w.orchestrator.act(run.id, Next())
        assert error.value.code == "CONFLICT"


async def test_a_cancelled_saga_undoes_what_it_did(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        run = await w.start(step_mode=True)
        await w.until(run, held_by(HoldReason.NEXT))
        await w.orchestrator.act(run.id, Next())
        await w.until(run, lambda run: run.steps[0].state.value == "completed")
        await w.orchestrator.act(run.id, Cancel("changed my mind"))
        run = await w.end(run)
        assert (run.state, run.failure) == (COMPENSATED, "cancelled: changed my mind")
        assert w.script.services == ["a", "undo-a"]


async def test_a_compensation_that_fails_for_good_waits_for_a_person_who_tries_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.script.will("c", NO)
        w.script.will("undo-b", *[NO] * 3)
        run = await w.start()
        run = await w.until(run, held_by(HoldReason.PERSON))
        assert (run.state, states(run)) == (FAILED, ["completed", "compensation_failed", "failed"])
        await w.orchestrator.act(run.id, TryAgain())
        assert (await w.end(run)).state is COMPENSATED
        assert w.script.services[-2:] == ["undo-b", "undo-a"]


async def test_skipping_needs_a_reason_and_is_written_down(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.script.will("c", NO)
        w.script.will("undo-b", *[NO] * 3)
        run = await w.start()
        await w.until(run, held_by(HoldReason.PERSON))
        with pytest.raises(ApiError, match="reason"):
            await w.orchestrator.act(run.id, Skip(" "))
        await w.orchestrator.act(run.id, Skip("refunded by hand"))
        run = await w.end(run)
        assert (run.state, states(run)) == (COMPENSATED, ["compensated", "skipped", "failed"])
        await w.orchestrator.committed()
        lines = Shelf(w.journal.path).lines_of(w.orchestrator.get(run.id).seq)
        assert ("skipped by a person", "b", "refunded by hand") in [
            (line.what, line.step, line.detail) for line in lines
        ]


# --- services and time ---


async def test_it_waits_for_a_service_that_is_away_and_goes_on_by_itself(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.script.will("b", Nobody("b has no instance in rotation"))
        run = await w.start()
        held = await w.until(run, held_by(HoldReason.SERVICE))
        assert held.hold is not None
        assert held.hold.why == "b has no instance in rotation"
        run = await w.end(run)
        assert (run.state, run.hold, run.steps[1].attempts) == (COMPLETED, None, 1)


async def test_the_deadline_turns_it_back(tmp_path: Path) -> None:
    hasty = Definition("line", [step("a"), step("b")], deadline_s=0.05)
    async with world(tmp_path, hasty) as w:
        w.script.will("b", *[Nobody("away")] * 3)
        run = await w.run()
        assert (run.state, run.failure) == (COMPENSATED, "not done within 0.05 s")
        assert w.script.services[-1] == "undo-a"


async def test_calls_under_way_are_bounded(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        runs = await asyncio.gather(*(w.start() for _ in range(2 * AT_ONCE)))
        await asyncio.gather(*map(w.end, runs))
        assert w.script.most_at_once <= AT_ONCE


@pytest.mark.parametrize("slow", [False, True])
async def test_a_slow_disk_holds_up_the_sagas_and_not_the_loop(tmp_path: Path, slow: bool) -> None:
    """What is decided while a batch is written is the next batch."""
    async with world(tmp_path) as w:
        w.orchestrator._turns._took_s = 1.0 if slow else 0.0
        runs = await asyncio.gather(*(w.start() for _ in range(40)))
        ended = await asyncio.gather(*map(w.end, runs))
        assert {run.state for run in ended} == {COMPLETED}
    async with world(tmp_path) as w:
        assert await w.orchestrator.recover() == 0, "all of it is on disk"


# --- requests ---


async def test_a_request_that_is_repeated_starts_one_saga(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        twins = await asyncio.gather(*(w.start(request=("k", b"1")) for _ in range(3)))
        later = await w.start(request=("k", b"1"))
        assert len({run.id for run in (*twins, later)}) == 1
        with pytest.raises(ApiError) as error:
            await w.start(request=("k", b"2"))
        assert (error.value.code, error.value.status) == ("IDEMPOTENCY_KEY_REUSED", 422)
        await w.end(later)
    async with world(tmp_path) as w:
        assert (await w.start(request=("k", b"1"))).id == later.id


async def test_unknown_sagas_and_steps_are_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for given, code in (
            (w.start("nothing"), "NOT_FOUND"),
            (w.start(faults={"z": {"kind": "slow"}}), "VALIDATION_FAILED"),
            (w.start(faults={"a": {"kind": "explode"}}), "VALIDATION_FAILED"),
            (w.orchestrator.act("saga_none", Next()), "NOT_FOUND"),
        ):
            with pytest.raises(ApiError) as error:
                await given
            assert error.value.code == code
        assert w.orchestrator.unfinished == 0


# --- faults that are armed for a run ---


async def test_a_step_is_made_to_fail_without_being_called(tmp_path: Path) -> None:
    failing = Definition("line", [step("a"), step("b", fails="Payment processing failed")])
    async with world(tmp_path, failing) as w:
        run = await w.run(faults={"b": {"kind": "fail-step"}})
        assert (run.state, run.failure) == (COMPENSATED, "Payment processing failed")
        assert w.script.services == ["a", "undo-a"]
        assert run.faults["b"].kind == "fail-step"
        assert (await w.run()).state is COMPLETED, "it was armed for that run alone"


@pytest.mark.parametrize(("times", "ends"), [(1, COMPLETED), (None, COMPENSATED)])
async def test_a_reply_is_lost_though_the_step_was_done(
    tmp_path: Path, times: int | None, ends: object
) -> None:
    async with world(tmp_path) as w:
        run = await w.run(faults={"b": {"kind": "reply-lost", "times": times}})
        assert run.state is ends
        assert w.script.services.count("b") == (2 if times else 3)


async def test_a_fault_that_is_in_force_acts_as_one_that_was_armed(tmp_path: Path) -> None:
    asked: list[tuple[str, str, str, bool]] = []

    def fault_for(run: Run, step: str, undoing: bool) -> ArmedFault | None:
        asked.append((run.name, step, run.id, undoing))
        return {
            ("b", False): ArmedFault(kind=FaultKind.FAIL_STEP, times=7),
            ("a", False): ArmedFault(kind=FaultKind.FAIL_COMPENSATION),  # of the other direction: passed over
        }.get((step, undoing))

    async with world(tmp_path) as w:
        w.orchestrator.fault_for = fault_for
        run = await w.run()
        assert (run.state, run.failure) == (COMPENSATED, "This step was made to fail")
        assert asked == [
            ("line", step, run.id, undoing) for step, undoing in (("a", False), ("b", False), ("a", True))
        ]
        assert w.script.services == ["a", "undo-a"]
        lines = [(line.what, line.step, line.detail) for line in w.lines(run.id)]
        assert ("fault", "b", "fail-step") in lines
        assert ("fault", "a", "fail-compensation") not in lines


async def test_what_was_armed_for_a_run_comes_before_what_is_in_force(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.orchestrator.fault_for = lambda *_: ArmedFault(kind=FaultKind.FAIL_STEP)
        run = await w.run(faults={"a": {"kind": "reply-lost", "times": None}})
        assert run.failure == "its answer was lost, as it was made to"


@pytest.mark.parametrize("before", [True, False])
async def test_a_crash_that_is_in_force_comes_when_what_led_to_it_is_on_disk(
    tmp_path: Path, *, before: bool
) -> None:
    crash = ArmedFault(kind=FaultKind.CRASH_ORCHESTRATOR, before=before)
    async with world(tmp_path) as w:
        crashed = asyncio.Event()
        w.orchestrator.crash = crashed.set
        w.orchestrator.fault_for = lambda _run, step, _undoing: crash if step == "b" else None
        run = await w.start()
        async with asyncio.timeout(5):
            await crashed.wait()
        found = w.journal.find(run.id)
        assert found is not None
        assert [state.calling for state in found.run.steps][:2] == [False, before]
        assert w.script.services.count("b") == (0 if before else 1)
        assert "fault" in [line.what for line in w.lines(run.id)]


async def test_a_call_that_is_slower_than_its_timeout_arrives_when_nobody_waits(tmp_path: Path) -> None:
    slow = Definition("line", [step("a"), step("b", timeout_s=0.01)])
    async with world(tmp_path, slow) as w:
        arrived = asyncio.Event()

        async def arrive() -> Done:
            arrived.set()
            return Done({}, "b-1")

        w.script.will("b", arrive)
        run = await w.run(faults={"b": {"kind": "slow", "delayMs": 500}})
        assert (run.state, arrived.is_set()) == (COMPENSATED, False)
        async with asyncio.timeout(2):
            await arrived.wait()


async def test_a_compensation_is_made_to_fail_once_or_for_good(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.script.will("c", NO, NO)
        once = {"b": {"kind": "fail-compensation", "times": 1}}
        assert (await w.run(faults=once)).state is COMPENSATED
        run = await w.start(faults={"b": {"kind": "fail-compensation", "final": True, "times": 1}})
        run = await w.until(run, held_by(HoldReason.PERSON))
        assert (run.state, run.steps[1].attempts) == (FAILED, 1)
        await w.orchestrator.act(run.id, TryAgain())
        assert (await w.end(run)).state is COMPENSATED


@pytest.mark.parametrize("before", [True, False])
async def test_the_orchestrator_dies_once_and_the_next_goes_on(tmp_path: Path, before: bool) -> None:
    script = Script()
    died = asyncio.Event()
    async with world(tmp_path, script=script) as w:

        def die() -> None:
            died.set()
            w.orchestrator._tasks = cast("Tasks", _Dead())

        w.orchestrator.crash = die
        run = await w.start(faults={"b": {"kind": "crash-orchestrator", "before": before}})
        async with asyncio.timeout(2):
            await died.wait()
    assert script.services == (["a"] if before else ["a", "b"])
    async with world(tmp_path, script=script) as w:
        assert await w.orchestrator.recover() == 1
        assert (await w.end(run)).state is COMPLETED
    assert script.services == ["a", "b", "c"]


class _Dead:
    """Nothing is begun any more."""

    def spawn(self, coroutine: Coroutine[Any, Any, Any], _name: str) -> None:
        coroutine.close()


# --- after a crash ---


async def test_a_new_orchestrator_goes_on_with_every_saga(tmp_path: Path) -> None:
    script, never = Script(), asyncio.Event()
    script.will("b", *[never.wait] * 300)
    async with world(tmp_path, script=script) as w:
        runs = [await w.start() for _ in range(50)]
        await until_true(lambda: script.services.count("b") == 50)
    script.answers.clear()
    async with world(tmp_path, script=script) as w:
        assert await w.orchestrator.recover() == 50
        ended = await asyncio.gather(*map(w.end, runs))
        assert {run.state for run in ended} == {COMPLETED}
        assert all(run.steps[1].attempts == 2 for run in ended)
        assert await w.orchestrator.recover() == 0


async def test_what_a_person_wants_before_the_recovery_has_come_so_far_is_done(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        run = await w.start(step_mode=True)
        await w.until(run, held_by(HoldReason.NEXT))
    async with world(tmp_path) as w:
        await w.orchestrator.act(run.id, Next())
        assert await w.orchestrator.recover() == 0
        await w.until(run, lambda run: run.steps[0].state.value == "completed")


async def test_nothing_is_called_before_it_is_on_disk(
    tmp_path: Path, allow_log: Callable[[str], None]
) -> None:
    allow_log("the journal cannot be written")
    async with world(tmp_path) as w:
        await w.run()
        blocker = sqlite3.connect(tmp_path / "sagas.db", isolation_level=None)
        w.journal._db.execute("PRAGMA busy_timeout = 0")
        blocker.execute("BEGIN IMMEDIATE")
        calls = len(w.script.calls)
        async with asyncio.TaskGroup() as group:
            starting = group.create_task(w.start())
            await until_true(lambda: bool(w.orchestrator.trouble))
            assert len(w.script.calls) == calls
            blocker.execute("ROLLBACK")
        assert (await w.end(starting.result())).state is COMPLETED
        assert w.orchestrator.trouble == ""
        blocker.close()


def test_traces_are_read() -> None:
    origin = origin_of("00-" + "a" * 32 + "-" + "b" * 16 + "-00")
    assert (origin.trace_id, origin.span, origin.traced) == ("a" * 32, "b" * 16, False)
    assert len(origin_of("nonsense").trace_id) == 32
    assert LINE.stages == ((0,), (1,), (2,))
