"""Sagas through the control API and the stream, on a running system."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.core.feed import SAGA_COUNTS, SAGAS, Feed
from embedded_services.client.errors import ControlError
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.sagas import NewSaga, Saga, SagaQuery, SagaState, StepState
from tests.helpers.eventually import until
from tests.helpers.system import RunningSystem

pytestmark = pytest.mark.asyncio(loop_scope="package")
AT_ONCE = 40
"""Starts that are under way at a time: each is to be answered within the client's five seconds, on a busy machine too."""
ORDER = {
    "userId": "usr_demo",
    "items": [
        {"productId": "prod1", "quantity": 2, "price": 29.99},
        {"productId": "prod2", "quantity": 1, "price": 59.99},
    ],
}


def order_saga(**changes: Any) -> NewSaga:
    return NewSaga(name="order-processing", data=ORDER, **changes)


async def saga_in(system: RunningSystem, id_: str, *states: SagaState) -> Saga:
    async def look() -> Saga | None:
        saga = await system.control.saga(id_)
        return saga if saga.state in states else None

    return await until(look)


async def held(system: RunningSystem, id_: str, why: str) -> Saga:
    async def look() -> Saga | None:
        saga = await system.control.saga(id_)
        return saga if saga.hold is not None and why in saga.hold.why else None

    return await until(look)


async def refused(call: Any, code: str) -> ControlError:
    with pytest.raises(ControlError) as error:
        await call
    assert error.value.code == code, error.value
    return error.value


@asynccontextmanager
async def followed(system: RunningSystem) -> AsyncIterator[Feed]:
    feed = Feed()
    async with Tasks("test") as tasks:
        tasks.spawn(feed.follow(system.ready.control, system.ready.token), "follow")
        yield feed


async def told(feed: Feed, holds: Callable[[], bool]) -> None:
    news = asyncio.Event()
    leave = feed.listen(news.set, SAGAS, SAGA_COUNTS)
    try:
        async with asyncio.timeout(10.0):
            while not holds():
                news.clear()
                await news.wait()
    finally:
        leave()


async def test_an_order_is_placed_by_a_saga_and_seen_step_by_step(system: RunningSystem) -> None:
    started = await system.control.start_saga(order_saga())
    saga = await saga_in(system, started.id, SagaState.COMPLETED)
    assert saga.steps[0].name == "validate-order"
    assert {step.state for step in saga.steps} == {StepState.COMPLETED}
    assert saga.journal[-1].what == "completed", saga.journal
    page = await system.control.sagas(SagaQuery(q=started.id))
    assert [row.id for row in page.items] == [started.id]
    assert page.items[0].journal == []
    assert page.counts["completed"] >= 1
    assert (await system.control.sagas(SagaQuery(q=started.id, state=SagaState.RUNNING))).items == []


async def test_what_can_be_started_is_listed_with_its_steps(system: RunningSystem) -> None:
    known = {row.name: row for row in (await system.control.saga_definitions()).items}
    assert known.keys() == {"order-processing", "refund-order"}
    steps = known["order-processing"].steps
    assert [step.service for step in steps] == ["order", "order", "payment", "order", "notification"]
    assert all(step.undoable for step in steps)
    refund = {step.name: step for step in known["refund-order"].steps}
    assert refund["refund-payment"].pivot
    assert refund["notify-owner"].beside
    assert not refund["cancel-order"].undoable


async def test_a_saga_waits_for_each_step_and_is_cancelled(system: RunningSystem) -> None:
    started = await system.control.start_saga(order_saga(step_mode=True))
    await held(system, started.id, "validate-order")
    await system.control.act_on_saga(started.id, "next")
    await held(system, started.id, "reserve-inventory")
    await refused(system.control.act_on_saga(started.id, "retry"), "CONFLICT")
    await system.control.act_on_saga(started.id, "cancel", "not wanted")
    saga = await saga_in(system, started.id, SagaState.COMPENSATED)
    assert "not wanted" in saga.failure
    await refused(system.control.act_on_saga(started.id, "next"), "CONFLICT")


async def test_what_cannot_be_undone_is_skipped_with_a_reason(system: RunningSystem) -> None:
    faults = {
        "reserve-inventory": {"kind": "fail-compensation", "final": True},
        "process-payment": {"kind": "fail-step"},
    }
    started = await system.control.start_saga(order_saga(faults=faults))
    await saga_in(system, started.id, SagaState.COMPENSATION_FAILED)
    await refused(system.control.act_on_saga(started.id, "skip"), "VALIDATION_FAILED")
    await system.control.act_on_saga(started.id, "retry")
    await saga_in(system, started.id, SagaState.COMPENSATION_FAILED)
    listed = await system.control.sagas(SagaQuery(state=SagaState.COMPENSATION_FAILED))
    assert started.id in [row.id for row in listed.items]


async def test_what_cannot_be_is_refused_in_the_format_of_all_errors(system: RunningSystem) -> None:
    start = system.control.start_saga
    await refused(start(NewSaga(name="unheard-of", data={})), "NOT_FOUND")
    empty = await refused(
        start(NewSaga(name="order-processing", data={**ORDER, "items": []})), "VALIDATION_FAILED"
    )
    assert "Order must contain items" in empty.message
    absurd = {**ORDER, "items": [{"productId": "prod1", "quantity": 0}]}
    error = await refused(start(NewSaga(name="order-processing", data=absurd)), "VALIDATION_FAILED")
    assert [detail.field for detail in error.details] == ["items[0].quantity"]
    for faults in ({"no-such-step": {"kind": "fail-step"}}, {"validate-order": {"kind": "unheard-of"}}):
        await refused(start(order_saga(faults=faults)), "VALIDATION_FAILED")
    await refused(system.control.saga("saga_unheard"), "NOT_FOUND")
    await refused(system.control.saga("a/b?c"), "NOT_FOUND")
    await refused(system.control.sagas(SagaQuery(cursor="nonsense")), "VALIDATION_FAILED")
    await refused(system.control._call("GET", "/v1/sagas?state=lost", dict), "VALIDATION_FAILED")
    await refused(system.control._call("GET", "/v1/sagas?limit=501", dict), "VALIDATION_FAILED")
    unknown = system.control._call("POST", "/v1/sagas/saga_a/explode", dict, body={})
    await refused(unknown, "NOT_FOUND")


async def test_pages_go_on_where_the_last_one_ended(system: RunningSystem) -> None:
    ids = [(await system.control.start_saga(order_saga())).id for _ in range(3)]
    first = await system.control.sagas(SagaQuery(limit=2))
    assert first.next_cursor is not None
    rest = await system.control.sagas(SagaQuery(limit=2, cursor=first.next_cursor))
    assert [row.id for row in [*first.items, *rest.items]][:3] == ids[::-1]


async def test_the_stream_tells_of_sagas_as_they_move(system: RunningSystem) -> None:
    async with followed(system) as feed:
        started = await system.control.start_saga(order_saga())
        await told(
            feed,
            lambda: (
                started.id in feed.rows(SAGAS) and feed.rows(SAGAS)[started.id].state is SagaState.COMPLETED
            ),
        )
        assert feed.rows(SAGAS)[started.id].journal == []
        counts = (await system.control.sagas(SagaQuery())).counts
        await told(feed, lambda: feed.rows(SAGA_COUNTS)["sagas"].by_state == counts)
        assert feed.rows(SAGA_COUNTS)["sagas"].total == sum(counts.values())


async def test_the_stream_stays_bounded_and_true_in_a_rush(system: RunningSystem) -> None:
    async with followed(system) as feed:
        room = asyncio.Semaphore(AT_ONCE)

        async def start() -> str:
            async with room:
                return (await system.control.start_saga(order_saga())).id

        ids = await asyncio.gather(*(start() for _ in range(220)))

        def all_ended() -> bool:
            rows = [feed.rows(SAGAS).get(id_) for id_ in ids]
            return sum(row is not None and row.state is SagaState.COMPLETED for row in rows) >= 199

        await told(feed, all_ended)
        assert len(feed.rows(SAGAS)) <= 200


async def test_a_frozen_orchestrator_is_told_within_bounds_and_goes_on(system: RunningSystem) -> None:
    await system.control.act_on_process("orchestrator", "freeze")
    try:
        for call in (
            lambda: system.control.start_saga(order_saga()),
            lambda: system.control.sagas(SagaQuery()),
            lambda: system.control.saga_definitions(),
        ):
            began = time.monotonic()
            error = await refused(call(), "SERVICE_UNAVAILABLE")
            assert (error.status, time.monotonic() - began < 4.0) == (503, True)
            assert "orchestrator" in error.message
    finally:
        await system.control.act_on_process("orchestrator", "thaw")
    await until(lambda: answering(system))


async def test_a_killed_orchestrator_is_told_and_its_sagas_go_on(system: RunningSystem) -> None:
    async with followed(system) as feed:
        started = await system.control.start_saga(order_saga(step_mode=True))
        await held(system, started.id, "validate-order")
        refusals: list[ControlError] = []
        before = await pid_of_orchestrator(system)
        async with Tasks("test") as tasks:
            tasks.spawn(system.control.act_on_process("orchestrator", "kill"), "kill")
            while await pid_of_orchestrator(system) in (before, None) or not await answering(system):
                try:
                    await system.control.saga(started.id)
                except ControlError as error:
                    refusals.append(error)
        # It is back so soon that perhaps nobody was refused at all.
        assert {(error.code, error.status) for error in refusals} <= {("SERVICE_UNAVAILABLE", 503)}
        assert all("orchestrator" in error.message for error in refusals)
        await system.control.act_on_saga(started.id, "cancel")
        await saga_in(system, started.id, SagaState.COMPENSATED)

        def is_compensated() -> bool:
            row = feed.rows(SAGAS).get(started.id)
            return row is not None and row.state is SagaState.COMPENSATED

        await told(feed, is_compensated)


async def pid_of_orchestrator(system: RunningSystem) -> int | None:
    rows = (await system.control.processes()).items
    return next(row.pid for row in rows if row.name == "orchestrator")


async def answering(system: RunningSystem) -> bool:
    try:
        await system.control.saga_definitions()
    except ControlError:
        return False
    return True
