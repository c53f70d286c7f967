"""The control plane at a broker, whichever it is: it shows all that passes and what lies dead, and disturbs nothing."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from embedded_services.bus import names
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.events import EventQuery, NewEvent
from embedded_services.contracts.queues import ReplayGroup, ReplayOptions, ReplayRequest
from tests.helpers.broker_node import BrokerNode
from tests.helpers.desk import Client, Watched, client, watched_desk


@pytest.fixture
def service() -> str:
    return f"s{uuid.uuid4().hex[:8]}"


@pytest_asyncio.fixture
async def other(broker: BrokerNode) -> AsyncIterator[Client]:
    async with client(broker.url) as other:
        yield other


@pytest_asyncio.fixture
async def desk(broker: BrokerNode, tmp_path: Path, service: str, other: Client) -> AsyncIterator[Watched]:
    await other.service(service, f"{service}.created")
    async with watched_desk(broker.url, tmp_path, [service]) as desk:
        yield desk


async def test_what_passes_is_shown_numbered_and_kept(desk: Watched, other: Client, service: str) -> None:
    first = desk.desk.history.next_seq
    await other.publish(f"{service}.created", 1, trace="a" * 32)
    await other.raw(names.EXCHANGE, "odd", b"\xff not an event", {})
    await desk.until(lambda: desk.desk.history.total == 2)
    event, odd = desk.events()
    assert (event.seq, event.type, event.source, event.trace) == (
        first,
        f"{service}.created",
        service,
        "a" * 32,
    )
    assert json.loads(event.body)["data"] == {"n": 1}
    assert (odd.type, odd.size) == ("odd", 14)
    page = await desk.desk.search(EventQuery(trace="a" * 32))
    assert [found.seq for found in page.items] == [first]
    assert (page.total, page.dropped) == (1, 0)


async def test_other_queues_see_no_difference(desk: Watched, other: Client, service: str) -> None:
    await other.publish(f"{service}.created", 1)
    await desk.until(lambda: desk.desk.history.total == 1)
    assert await other.count(names.queue_of(service)) == 1


async def test_an_event_is_published_and_shown(desk: Watched, other: Client, service: str) -> None:
    published = await desk.desk.publish(NewEvent(type=f"{service}.created", data={"n": 1}))
    assert published.routed is None, "AMQP does not tell, with the tap there"
    await desk.until(lambda: desk.desk.history.total == 1)
    assert desk.events()[0].message_id == published.message_id
    assert desk.events()[0].trace
    assert await other.count(names.queue_of(service)) == 1


async def test_the_queues_of_the_services_are_told_as_far_as_amqp_tells(
    desk: Watched, other: Client, service: str
) -> None:
    queue = names.queue_of(service)
    await other.publish(f"{service}.created", 1)
    await other.die(service, f"{service}.created")
    await desk.until(lambda: desk.letters(service))
    await desk.until(lambda: (row := desk.desk.queues.rows().get(queue)) and row.ready == 1)
    dead = names.dead_queue(queue)
    await desk.until(
        lambda: (desk.desk.queues.rows()[dead].ready, desk.desk.queues.rows()[dead].consumers) == (1, 0)
    )


class TestDeadLetters:
    async def test_they_are_shown_and_stay_where_they_are(
        self, desk: Watched, other: Client, service: str, expect_log: Callable[[str], None]
    ) -> None:
        expect_log("the test wants another connection")
        for number in (1, 2):
            await other.die(service, f"{service}.created", number)
        await desk.until(lambda: len(desk.letters(service)) == 2)
        letter = desk.letters(service)[0]
        assert (letter.reason, letter.attempts, letter.first_exchange, letter.first_key, letter.trace) == (
            "no stock",
            5,
            "events",
            f"{service}.created",
            "a" * 32,
        )
        assert [failure.instance for failure in letter.failures] == [f"{service}-1"]
        shown = {letter.id for letter in desk.letters(service)}
        desk.desk.link.reading.give_up("the test wants another connection")
        await desk.until(lambda: not desk.desk.link.reading.connected.is_set())
        await desk.connected()
        await desk.until(lambda: desk.desk.link.letters.is_settled)
        assert {letter.id for letter in desk.letters(service)} == shown

    async def test_a_replay_goes_where_it_came_from_without_its_history(
        self, desk: Watched, other: Client, service: str
    ) -> None:
        old = await other.die(service, f"{service}.created")
        await desk.until(lambda: desk.letters(service))
        published = await desk.desk.replays.one(
            desk.letters(service)[0].id, ReplayOptions(to="exchange", keep_id=False)
        )
        assert published.message_id == f"{old}.r1"
        assert desk.letters(service) == []
        message = await other.get(names.queue_of(service))
        assert message is not None
        body = json.loads(message.body)
        assert (body["messageId"], body["data"]) == (f"{old}.r1", {"n": 0, "price": 12.10})
        assert (message.message_id, message.routing_key) == (f"{old}.r1", f"{service}.created")
        assert set(message.headers) == {names.TRACEPARENT, "x-replays", "x-replayed-from"}
        assert await other.count(names.dead_queue(names.queue_of(service))) == 0

    async def test_it_goes_to_the_queue_alone_with_its_id_or_is_edited(
        self, desk: Watched, other: Client, service: str
    ) -> None:
        old = await other.die(service, f"{service}.created")
        await desk.until(lambda: desk.letters(service))
        await desk.desk.replays.one(desk.letters(service)[0].id, ReplayOptions())
        message = await other.get(names.queue_of(service))
        assert message is not None
        assert (message.message_id, message.exchange) == (old, "")
        await other.die(service, "never.bound")
        await desk.until(lambda: desk.letters(service))
        letter = desk.letters(service)[0]
        body = letter.body.replace('"n": 0', '"n": 7')
        options = ReplayOptions(type=f"{service}.created", body=body, to="exchange", keep_id=False)
        await desk.desk.replays.one(letter.id, options)
        message = await other.get(names.queue_of(service))
        assert message is not None
        event = json.loads(message.body)
        assert (event["type"], event["data"]["n"]) == (f"{service}.created", 7)
        assert event["messageId"].startswith("m-never.bound-0.r1-")

    async def test_a_group_is_replayed_with_progress_and_the_rest_stays(
        self, desk: Watched, other: Client, service: str
    ) -> None:
        for number in range(120):
            await other.die(service, f"{service}.created", number, "no stock" if number % 2 else "too late")
        await desk.until(lambda: len(desk.letters(service)) == 120)
        row = desk.desk.replays.many(
            ReplayRequest(
                group=ReplayGroup(queue=names.dead_queue(names.queue_of(service)), reason="too late")
            )
        )
        assert (row.total, row.state) == (60, "running")
        await desk.until(lambda: desk.desk.replays.get(row.id).state != "running")
        row = desk.desk.replays.get(row.id)
        assert (row.done, row.failed, row.state) == (60, 0, "done")
        assert await other.count(names.queue_of(service)) == 60
        assert {letter.reason for letter in desk.letters(service)} == {"no stock"}

    async def test_one_is_discarded_once(self, desk: Watched, other: Client, service: str) -> None:
        await other.die(service, f"{service}.created")
        await desk.until(lambda: desk.letters(service))
        letter = desk.letters(service)[0].id
        await desk.desk.replays.discard(letter)
        with pytest.raises(ApiError, match="there is no dead letter"):
            await desk.desk.replays.discard(letter)
        assert await other.count(names.queue_of(service)) == 0


async def test_a_burst_is_all_shown_or_counted(desk: Watched, other: Client, service: str) -> None:
    for start in range(0, 5_000, 500):
        await asyncio.gather(*(other.publish(f"{service}.other", n) for n in range(start, start + 500)))
    await desk.until(lambda: desk.desk.history.total >= 5_000)
    page = await desk.desk.search(EventQuery(type=f"{service}.*"))
    assert page.total + desk.desk.history.dropped == 5_000
