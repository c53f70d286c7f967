"""The timeline of a real system: what is done to it, what comes of that, in order and with its causes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from embedded_services.client.stream_client import StreamClient
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.events import NewEvent
from embedded_services.contracts.faults import FaultTarget, NewFault
from embedded_services.contracts.limits import LimitPatch
from embedded_services.contracts.sagas import NewSaga
from embedded_services.contracts.settings import ServicePatch, Strategy
from embedded_services.contracts.stream import Events
from embedded_services.contracts.timeline import TimelineEntry
from embedded_services.contracts.timeline import TimelineKind as Kind
from tests.helpers.system import RunningSystem

pytestmark = pytest.mark.asyncio(loop_scope="package")

WITHIN_S = 20.0
ORDER = {"userId": "usr_demo", "items": [{"productId": "prod1", "quantity": 1}]}


@dataclass(frozen=True)
class Told:
    """What was told after a number, by order."""

    entries: list[TimelineEntry]

    def chain(self, root: TimelineEntry) -> list[TimelineEntry]:
        return [entry for entry in self.entries if entry.chain == root.chain]

    def find(self, kind: Kind, word: str | None = None, **subject: str) -> TimelineEntry | None:
        return next(
            (
                entry
                for entry in self.entries
                if entry.kind is kind
                and word in (None, entry.word)
                and all(getattr(entry.subject, name) == value for name, value in subject.items())
            ),
            None,
        )

    def one(self, kind: Kind, word: str | None = None, **subject: str) -> TimelineEntry:
        found = self.find(kind, word, **subject)
        assert found is not None, f"no {kind} in {[entry.text for entry in self.entries]}"
        return found


async def now(system: RunningSystem) -> int:
    return (await system.control.timeline(after=0, limit=1)).last_seq


async def told(system: RunningSystem, after: int) -> Told:
    page = await system.control.timeline(after=after, limit=1000)
    return Told(sorted(page.items, key=lambda entry: entry.order))


async def until(system: RunningSystem, after: int, holds: Callable[[Told], object]) -> Told:
    """Ask until it holds of what was told after a number, which is in a true order whenever it is asked."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            what = await told(system, after)
            orders = {entry.id: entry.order for entry in what.entries}
            for entry in what.entries:
                assert all(orders[cause] < entry.order for cause in entry.causes if cause in orders), entry
            if holds(what):
                return what
            await asyncio.sleep(0.05)


@asynccontextmanager
async def load(system: RunningSystem, path: str) -> AsyncIterator[None]:
    """Requests one after the other, four at a time, whatever becomes of them."""
    headers = await system.login()

    async def ask() -> None:
        while True:
            await system.gateway.get(path, headers=headers)

    async with Tasks("load") as tasks:
        for number in range(4):
            tasks.spawn(ask(), f"load {number}")
        yield


async def test_a_kill_is_told_from_the_deed_to_the_recovery(system: RunningSystem) -> None:
    await system.control.patch_limits(LimitPatch(limit=1_000_000))
    await system.until_healthy("order-1")
    async with load(system, "/api/products"):
        since = await now(system)
        await system.control.act_on_instance("order-1", "kill")
        what = await until(
            system,
            since,
            lambda what: what.find(Kind.STATUS, "healthy", instance="order-1"),
        )
    kill = what.one(Kind.ACTION, "kill", instance="order-1")
    ended = what.one(Kind.EXIT, instance="order-1")
    out = what.one(Kind.OUT_OF_ROTATION, instance="order-1")
    again = what.one(Kind.RESTART, instance="order-1")
    healthy = what.one(Kind.STATUS, "healthy", instance="order-1")
    assert [entry.order for entry in (kill, ended, out, again, healthy)] == sorted(
        entry.order for entry in (kill, ended, out, again, healthy)
    )
    assert kill.causes == []
    assert ended.causes == [kill.id]
    assert out.causes == [ended.id]
    assert again.causes == [ended.id]
    assert healthy.causes == [again.id]
    assert {entry.chain for entry in (kill, ended, out, again, healthy)} == {kill.id}


async def test_a_fault_of_calls_is_told_with_what_callers_and_clients_saw(system: RunningSystem) -> None:
    await system.control.patch_limits(LimitPatch(limit=1_000_000))
    async with load(system, "/api/payments"):
        since = await now(system)
        fault = await system.control.arm_fault(
            NewFault(kind="abort", target=FaultTarget(service="payment"), params={"status": 503})
        )
        what = await until(
            system, since, lambda what: what.find(Kind.ERROR_BURST) and what.find(Kind.FAULT_INJECTED)
        )
        armed = what.one(Kind.FAULT_ARMED, fault=fault.id)
        await system.control.remove_fault(fault.id)
        what = await until(system, since, lambda what: what.find(Kind.FAULT_REMOVED, fault=fault.id))
    kinds = {entry.kind for entry in what.chain(armed)}
    assert {Kind.FAULT_INJECTED, Kind.CALLS_FAILED, Kind.ERROR_BURST, Kind.FAULT_REMOVED} <= kinds
    injected = what.one(Kind.FAULT_INJECTED, fault=fault.id)
    assert injected.causes == [armed.id]
    assert injected.traces
    burst = what.one(Kind.ERROR_BURST, service="payment")
    assert burst.chain == armed.id
    assert burst.count >= 3
    assert len(what.entries) < 60, "bursts are summarised"


async def test_another_strategy_is_what_a_person_did(system: RunningSystem) -> None:
    since = await now(system)
    await system.control.patch_service("user", ServicePatch(strategy=Strategy.RANDOM))
    what = await until(system, since, lambda what: what.find(Kind.STRATEGY, "random", service="user"))
    assert what.one(Kind.STRATEGY).causes == []


async def test_a_burst_of_429_comes_of_the_limit(system: RunningSystem) -> None:
    since = await now(system)
    await system.control.patch_limits(LimitPatch(limit=5))
    for _ in range(40):
        await system.gateway.get("/api/products")
    what = await until(
        system,
        since,
        lambda what: (burst := what.find(Kind.LIMITED_BURST)) is not None and burst.count >= 30,
    )
    await system.control.patch_limits(LimitPatch(limit=1_000_000))
    limits, burst = what.one(Kind.LIMITS), what.one(Kind.LIMITED_BURST)
    assert burst.causes == [limits.id]
    assert sum(entry.kind is Kind.LIMITED_BURST for entry in what.entries) == 1, "it is one entry"


async def test_a_dead_letter_names_its_queue_and_its_trace(system: RunningSystem) -> None:
    since = await now(system)
    await system.control.publish_event(NewEvent(type="order.created", data={"nothing": "of use"}))
    what = await until(system, since, lambda what: what.find(Kind.DEAD_LETTER))
    letter = what.one(Kind.DEAD_LETTER)
    assert letter.subject.queue == "notification.events"
    assert letter.subject.event == "order.created"
    assert letter.subject.service == "notification"


async def test_a_saga_that_compensates_comes_of_the_fault_it_was_armed_with(system: RunningSystem) -> None:
    since = await now(system)
    saga = await system.control.start_saga(
        NewSaga(name="order-processing", data=ORDER, faults={"process-payment": {"kind": "fail-step"}})
    )
    what = await until(system, since, lambda what: what.find(Kind.SAGA_ENDED, saga=saga.id))
    armed = what.one(Kind.FAULT_ARMED, "fail-step", saga=saga.id)
    compensating = what.one(Kind.SAGA_COMPENSATING, saga=saga.id)
    ended = what.one(Kind.SAGA_ENDED, "compensated", saga=saga.id)
    assert compensating.causes == [armed.id]
    assert compensating.subject.step == "process-payment"
    assert ended.causes == [compensating.id]
    assert compensating.traces


async def test_a_killed_broker_is_lost_and_comes_back(system: RunningSystem) -> None:
    since = await now(system)
    await system.control.act_on_process("broker", "kill")
    what = await until(system, since, lambda what: what.find(Kind.BROKER_BACK))
    kill, ended = what.one(Kind.ACTION, "kill", process="broker"), what.one(Kind.EXIT, process="broker")
    lost, back = what.one(Kind.BROKER_LOST), what.one(Kind.BROKER_BACK)
    assert ended.causes == [kill.id]
    assert lost.chain == back.chain == kill.id
    assert lost.order < back.order


async def test_who_follows_is_told_each_entry_and_its_later_versions(system: RunningSystem) -> None:
    page = await system.control.timeline(limit=1000)
    async with StreamClient(system.ready.control, system.ready.token, ["timeline"]) as stream:
        async with asyncio.timeout(WITHIN_S):
            async for news in stream:
                if isinstance(news, Events) and news.topic == "timeline":
                    break
    assert isinstance(news, Events)
    assert {item["id"] for item in news.items} >= {entry.id for entry in page.items}
    assert news.skipped == 0, "earlier versions are nothing that was missed"


async def test_it_is_read_page_by_page(system: RunningSystem) -> None:
    seen: list[TimelineEntry] = []
    after: int | None = 0
    while after is not None:
        page = await system.control.timeline(after=after, limit=7)
        seen += page.items
        after = page.next_after
    seqs = [entry.seq for entry in seen]
    assert seqs == sorted(set(seqs))
    assert {entry.id for entry in seen} == {
        entry.id for entry in (await system.control.timeline(limit=1000)).items
    }
