"""Faults of messages, on either broker: each does what it says, is counted, ends when it is taken back; and not even then is
anything lost, out of order, or done twice."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from embedded_services.bus import names
from embedded_services.bus.faults import MADE_TO_FAIL
from embedded_services.contracts.events import Failure
from embedded_services.contracts.faults import FaultTarget
from tests.contract.test_bus import noting
from tests.helpers.broker_node import BrokerNode
from tests.helpers.bus import joined, listening, taken
from tests.helpers.eventually import until
from tests.helpers.faults import Arming


@pytest.fixture(autouse=True)
def told_in_the_log(allow_log: Callable[[str], None]) -> None:
    """An attempt that failed is told there, whoever made it fail."""
    allow_log(MADE_TO_FAIL)


@pytest.fixture
def faults(name: str) -> Arming:
    """Those of the one instance that each test joins."""
    return Arming(f"{name}-1", name)


async def until_true(holds: Callable[[], bool]) -> None:
    async def look() -> bool:
        return holds()

    await until(look)


def arm(faults: Arming, kind: str, probability: float = 1.0, **params: Any) -> str:
    return faults.add(kind, probability=probability, **params)


async def test_what_is_refused_waits_in_the_outbox_and_goes_in_order_once_it_may(
    broker: BrokerNode, tmp_path: Path, name: str, faults: Arming
) -> None:
    type_ = f"{name}.created"
    async with (
        listening(broker.url, type_) as heard,
        joined(broker.url, tmp_path, name, faults=faults.held) as end,
    ):
        fault = arm(faults, "publish-failure", how="refused")
        await end.publish(type_, *range(5))
        await until_true(lambda: faults.counts(fault).injected >= 1)
        assert await end.waiting() == 5
        assert heard.empty()
        faults.take_back(fault)
        numbers = [msgspec.json.decode((await heard.get()).body)["data"]["n"] for _ in range(5)]
        assert numbers == list(range(5))
        await end.until_waiting(0)


async def test_a_lost_confirmation_has_it_told_again_and_order_and_effects_hold(
    broker: BrokerNode, tmp_path: Path, name: str, faults: Arming
) -> None:
    type_ = f"{name}.created"
    async with (
        listening(broker.url, type_) as heard,
        joined(broker.url, tmp_path, name, handlers=noting(type_), faults=faults.held) as end,
    ):
        await end.until(end.bus.connected.is_set)
        fault = arm(faults, "publish-failure", how="unconfirmed")
        await end.publish(type_, 1, 2)
        await until_true(lambda: faults.counts(fault).injected >= 1)
        faults.take_back(fault)
        await end.until(lambda: end.relay.relayed == 2)
        await end.until(lambda: "duplicate" in end.outcomes())
        await end.until(lambda: sum(outcome == "done" for outcome in end.outcomes()) == 2)
        numbers = [0]
        while numbers[-1] != 2:
            numbers.append(msgspec.json.decode((await heard.get()).body)["data"]["n"])
        assert numbers[1:-1] == [1] * (faults.counts(fault).injected + 1)
        assert await end.effects() == ["1", "2"]


async def test_a_poisoned_message_fails_at_every_attempt_and_says_why(
    broker: BrokerNode, tmp_path: Path, name: str, faults: Arming
) -> None:
    type_ = f"{name}.created"
    async with joined(broker.url, tmp_path, name, handlers=noting(type_), faults=faults.held) as end:
        await end.until(end.bus.connected.is_set)
        fault = arm(faults, "handler-failure", sticky=True)
        await end.publish(type_, 1)
        letter = await taken(broker.url, names.dead_queue(names.queue_of(name)))
        failures = msgspec.json.decode(str(letter.headers[names.FAILURES]), type=list[Failure])
        assert [MADE_TO_FAIL + fault in failure.reason for failure in failures] == [True] * 5
        assert (faults.counts(fault).eligible, faults.counts(fault).injected) == (1, 1)
        assert await end.effects() == []
        assert faults.counts(fault).last[0].request_id == letter.message_id


async def test_one_failure_is_made_good_by_the_next_attempt(
    broker: BrokerNode, tmp_path: Path, name: str, faults: Arming
) -> None:
    type_ = f"{name}.created"
    async with joined(broker.url, tmp_path, name, handlers=noting(type_), faults=faults.held) as end:
        await end.until(end.bus.connected.is_set)
        fault = arm(faults, "handler-failure", sticky=True)
        await end.publish(type_, 1)
        await end.until(lambda: end.outcomes()[:1] == ["retry"])
        faults.take_back(fault)
        await end.until(lambda: "done" in end.outcomes())
        assert await end.effects() == ["1"]


async def test_duplicates_come_once_each_and_have_no_effect(
    broker: BrokerNode, tmp_path: Path, name: str, faults: Arming
) -> None:
    type_ = f"{name}.created"
    async with joined(broker.url, tmp_path, name, handlers=noting(type_), faults=faults.held) as end:
        await end.until(end.bus.connected.is_set)
        fault = arm(faults, "duplicate", copies=2)
        await end.publish(type_, 1, 2, 3)
        await end.until(lambda: len(end.handled) == 9)
        assert sorted(end.outcomes()) == ["done"] * 3 + ["duplicate"] * 6
        assert sorted(await end.effects()) == ["1", "2", "3"]
        assert faults.counts(fault).injected == 3


async def test_a_delay_ends_with_its_fault(
    broker: BrokerNode, tmp_path: Path, name: str, faults: Arming
) -> None:
    type_ = f"{name}.created"
    async with joined(broker.url, tmp_path, name, handlers=noting(type_), faults=faults.held) as end:
        await end.until(end.bus.connected.is_set)
        fault = arm(faults, "delay", distribution="fixed", ms=60_000)
        await end.publish(type_, 1)
        await until_true(lambda: faults.counts(fault).injected == 1)
        assert end.handled == []
        faults.take_back(fault)
        await end.until(lambda: end.outcomes() == ["done"])


async def test_a_delay_takes_as_long_as_it_says(
    broker: BrokerNode, tmp_path: Path, name: str, faults: Arming
) -> None:
    type_ = f"{name}.created"
    async with joined(broker.url, tmp_path, name, handlers=noting(type_), faults=faults.held) as end:
        await end.until(end.bus.connected.is_set)
        arm(faults, "delay", distribution="fixed", ms=150)
        await end.publish(type_, 1)
        await end.until(lambda: end.outcomes() == ["done"])
        assert end.handled[0].took_ms >= 150


async def test_messages_change_places_and_none_is_kept(
    broker: BrokerNode, tmp_path: Path, name: str, faults: Arming
) -> None:
    type_ = f"{name}.created"
    async with joined(broker.url, tmp_path, name, handlers=noting(type_), faults=faults.held) as end:
        await end.until(end.bus.connected.is_set)
        arm(faults, "reorder", window=4, holdMs=30_000)
        await end.publish(type_, 1, 2, 3, 4)
        await end.until(lambda: len(end.handled) == 4)
        assert await end.effects() == ["4", "3", "2", "1"]


async def test_a_message_that_has_no_other_to_change_places_with_goes_after_its_time(
    broker: BrokerNode, tmp_path: Path, name: str, faults: Arming
) -> None:
    type_ = f"{name}.created"
    async with joined(broker.url, tmp_path, name, handlers=noting(type_), faults=faults.held) as end:
        await end.until(end.bus.connected.is_set)
        arm(faults, "reorder", window=10, holdMs=100)
        await end.publish(type_, 1)
        await end.until(lambda: end.outcomes() == ["done"])


async def test_only_what_is_aimed_at_is_struck(
    broker: BrokerNode, tmp_path: Path, name: str, faults: Arming
) -> None:
    type_, other = f"{name}.created", f"{name}.updated"
    async with joined(
        broker.url,
        tmp_path,
        name,
        handlers=lambda end: noting(type_)(end) | noting(other)(end),
        faults=faults.held,
    ) as end:
        await end.until(end.bus.connected.is_set)
        fault = faults.add("handler-failure", FaultTarget(event=other), sticky=True)
        await end.publish(type_, 1)
        await end.publish(other, 2)
        await end.until(lambda: len(end.handled) >= 2)
        assert await end.effects() == ["1"]
        faults.take_back(fault)


async def test_nothing_is_lost_or_done_twice_under_all_of_them_at_once(
    broker: BrokerNode, tmp_path: Path, name: str, faults: Arming
) -> None:
    type_ = f"{name}.created"
    async with joined(broker.url, tmp_path, name, handlers=noting(type_), faults=faults.held) as end:
        await end.until(end.bus.connected.is_set)
        armed = [
            arm(faults, "publish-failure", 0.05, how="unconfirmed"),
            arm(faults, "handler-failure", 0.1, sticky=False),
            arm(faults, "duplicate", 0.2),
            arm(faults, "delay", 0.2, distribution="uniform", ms=10, jitterMs=10),
            arm(faults, "reorder", 0.3, window=5, holdMs=50),
        ]
        for first in range(0, 60, 10):
            await end.publish(type_, *range(first, first + 10))
            await asyncio.sleep(0)
        await end.until(lambda: sum(outcome == "done" for outcome in end.outcomes()) >= 30)
        for fault in armed:
            faults.take_back(fault)
        await end.until(lambda: sum(outcome == "done" for outcome in end.outcomes()) == 60)
        await end.until_waiting(0)
        assert sorted(map(int, await end.effects())) == list(range(60))
