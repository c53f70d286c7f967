"""Events through the control API, on a real system with a broker of its own beside it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import httpx
import pytest
import pytest_asyncio

from embedded_services.bus import names
from embedded_services.client.errors import ControlError
from embedded_services.client.stream_client import StreamClient
from embedded_services.contracts.events import EventQuery, NewEvent
from embedded_services.contracts.queues import DeadLetterQuery, ReplayGroup, ReplayOptions, ReplayRequest
from embedded_services.contracts.stream import Delta, Events, Snapshot
from tests.helpers.broker_node import EmbeddedNode
from tests.helpers.desk import Client, client
from tests.helpers.eventually import until
from tests.helpers.ports import free_port
from tests.helpers.system import RunningSystem, away_from_others, running_system

pytestmark = pytest.mark.asyncio(loop_scope="module")
T = TypeVar("T")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedNode]:
    node = EmbeddedNode(tmp_path_factory.mktemp("broker"))
    node.start()
    yield node
    node.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    tmp_path_factory: pytest.TempPathFactory, node: EmbeddedNode
) -> AsyncIterator[RunningSystem]:
    folder = away_from_others(tmp_path_factory.mktemp("events") / "ws")
    async with running_system(folder, "--replicas", "1", "--broker-url", node.url) as system:
        yield system


@pytest_asyncio.fixture(loop_scope="module")
async def other(node: EmbeddedNode) -> AsyncIterator[Client]:
    async with client(node.url) as other:
        yield other


async def found(look: Callable[[], Awaitable[T | None]]) -> T:
    return await until(look, within_s=10.0)


async def refused(call: Any, code: str) -> ControlError:
    with pytest.raises(ControlError) as error:
        await call
    assert error.value.code == code
    return error.value


async def test_what_a_person_publishes_is_found_again_and_handled(system: RunningSystem) -> None:
    told: list[Any] = []
    async with StreamClient(
        system.ready.control, system.ready.token, ["events", "handled", "bus", "outbox"]
    ) as stream:
        published = await system.control.publish_event(
            NewEvent(type="inventory.updated", data={"productId": "P-Ärmel", "stock": 3})
        )

        async def page() -> Any:
            page = await system.control.events(EventQuery(q="p-ärmel"))
            return page if page.total else None

        seen = (await found(page)).items[0]
        assert (seen.message_id, seen.type, seen.source) == (
            published.message_id,
            "inventory.updated",
            "person",
        )
        assert (await system.control.events(EventQuery(type="order.*", q="p-ärmel"))).total == 0
        async with asyncio.timeout(10.0):
            async for news in stream:
                told.append(news)
                topics = {one.topic for one in told if isinstance(one, Events)}
                if "events" in topics:
                    break
        first = next(one for one in told if isinstance(one, Snapshot))
        assert first.state["bus"]["bus"]["kind"] == "external"
        assert "•••" in first.state["bus"]["bus"]["url"]


async def test_a_registration_shows_as_event_as_handled_and_in_the_outbox(system: RunningSystem) -> None:
    answer = await system.gateway.post(
        "/api/auth/register",
        json={"email": "lin@example.com", "password": "correct horse battery", "name": "Lin"},
    )
    assert answer.status_code == 201, answer.text

    async def event() -> Any:
        page = await system.control.events(EventQuery(type="user.*", q="lin@example.com"))
        return page.items or None

    seen = (await found(event))[0]
    assert seen.trace

    async def relayed() -> Any:
        rows = {row.instance: row for row in (await system.control.outbox()).items}
        row = rows.get("user-1")
        return row if row is not None and row.relayed and not row.waiting else None

    assert (await found(relayed)).connected

    async with StreamClient(system.ready.control, system.ready.token, ["handled"]) as stream:
        async with asyncio.timeout(10.0):
            async for news in stream:
                if isinstance(news, Events) and any(
                    row["messageId"] == seen.message_id and row["outcome"] == "done" for row in news.items
                ):
                    break


async def test_the_queues_of_the_services_are_listed(system: RunningSystem) -> None:
    async def queues() -> Any:
        names_ = {row.name for row in (await system.control.queues()).items}
        return (
            names_ if {"order.events", "notification.events", "notification.events.dead"} <= names_ else None
        )

    assert await found(queues)


async def test_dead_letters_are_listed_replayed_and_discarded(system: RunningSystem, other: Client) -> None:
    for number in range(5):
        await other.die("notification", "order.vanished", number, "no template" if number else "odd")

    async def all_five() -> Any:
        page = await system.control.dead_letters(DeadLetterQuery(type="order.vanished"))
        return page if page.total == 5 else None

    page = await found(all_five)
    assert (page.held, page.in_queues >= 5) == (5, True)
    assert [letter.dead_at for letter in page.items] == sorted(
        (letter.dead_at for letter in page.items), reverse=True
    )
    some = await system.control.dead_letters(DeadLetterQuery(q="NO TEMPL", limit=3))
    assert (some.total, len(some.items)) == (4, 3)
    rest = await system.control.dead_letters(
        DeadLetterQuery(q="no templ", limit=3, cursor=some.next_cursor or "")
    )
    assert len(rest.items) == 1
    odd = (await system.control.dead_letters(DeadLetterQuery(reason="odd"))).items[0]
    assert (await system.control.dead_letter(odd.id)).body == odd.body
    await system.control.discard_dead_letter(odd.id)
    await refused(system.control.discard_dead_letter(odd.id), "NOT_FOUND")
    one = await system.control.replay_dead_letter(page.items[0].id)
    assert one.message_id == page.items[0].message_id
    group = ReplayGroup(queue=names.dead_queue("notification.events"), reason="no template")
    replay = await system.control.replay_dead_letters(ReplayRequest(group=group, keep_id=False))
    assert replay.total == 3

    async def done() -> Any:
        row = await system.control.replay(replay.id)
        return row if row.state != "running" else None

    row = await found(done)
    assert (row.state, row.done, row.failed) == ("done", 3, 0)
    assert (await system.control.dead_letters(DeadLetterQuery(type="order.vanished"))).total == 0


async def test_what_is_not_valid_is_refused(system: RunningSystem, other: Client) -> None:
    control = system.control
    await refused(control.replay_dead_letters(ReplayRequest()), "VALIDATION_FAILED")
    await refused(
        control.replay_dead_letters(ReplayRequest(ids=["x"], group=ReplayGroup())), "VALIDATION_FAILED"
    )
    await refused(control.replay_dead_letter("nobody"), "NOT_FOUND")
    await refused(control.replay("nobody"), "NOT_FOUND")
    await refused(control.dead_letters(DeadLetterQuery(cursor="nobody")), "VALIDATION_FAILED")
    headers = {"Authorization": f"Bearer {system.ready.token}"}
    async with httpx.AsyncClient(base_url=system.ready.control, headers=headers, trust_env=False) as raw:
        bodies: list[dict[str, Any]] = [
            {"type": "Nonsense"},
            {"data": {}},
            {"type": "a.b", "data": []},
            {"type": "a.b", "x": 1},
        ]
        for body in bodies:
            assert (await raw.post("/v1/events", json=body)).status_code == 400
        for query in ("limit=0", "after=-1", f"before={2**70}", "what=1"):
            assert (await raw.get(f"/v1/events?{query}")).status_code == 400
    await other.die("order", "order.odd")

    async def letter() -> Any:
        page = await control.dead_letters(DeadLetterQuery(type="order.odd"))
        return page.items[0] if page.items else None

    dead = await found(letter)
    await refused(control.replay_dead_letter(dead.id, ReplayOptions(body="[]")), "VALIDATION_FAILED")
    await refused(
        control.replay_dead_letter(dead.id, ReplayOptions(body='{"type":"a.b"}')), "VALIDATION_FAILED"
    )
    await control.discard_dead_letter(dead.id)


async def test_a_broker_is_tried_before_it_is_used(system: RunningSystem, node: EmbeddedNode) -> None:
    good = await system.control.test_broker(node.url)
    assert good.ok
    assert good.product
    bad = await system.control.test_broker(node.url.replace("guest:guest", "guest:wrong"))
    assert not bad.ok
    assert "ACCESS_REFUSED" in bad.message
    nobody = await system.control.test_broker(f"amqp://guest:guest@127.0.0.1:{free_port()}/")
    assert (nobody.ok, nobody.message) == (False, "connection refused: nothing listens there")
    for url, why in (
        (f"{node.url}nope", "no such virtual host"),
        (system.ready.control.replace("http", "amqp"), "no AMQP broker"),
        (node.url.replace("amqp:", "amqps:"), "must begin with amqp, not amqps"),
    ):
        told = await system.control.test_broker(url)
        assert not told.ok
        assert why in told.message
    await refused(system.control.test_broker("http://127.0.0.1:1/"), "VALIDATION_FAILED")
    await refused(system.control.test_broker("amqp://host:port"), "VALIDATION_FAILED")


async def test_a_broker_that_is_killed_costs_nothing_that_it_held(
    system: RunningSystem, node: EmbeddedNode
) -> None:
    """Last: it changes the broker under the system."""
    async with client(node.url) as before:
        await before.die("notification", "order.lasting")

    async def letter() -> Any:
        page = await system.control.dead_letters(DeadLetterQuery(type="order.lasting"))
        return page.items[0] if page.items else None

    dead = await found(letter)
    async with StreamClient(system.ready.control, system.ready.token, ["bus"]) as stream:
        node.kill()
        async with asyncio.timeout(10.0):
            async for news in stream:
                if _bus(news) and not _bus(news)["connected"]:
                    break
        error = await refused(system.control.publish_event(NewEvent(type="a.b")), "SERVICE_UNAVAILABLE")
        assert "broker" in error.message
        await refused(system.control.replay_dead_letter(dead.id), "SERVICE_UNAVAILABLE")
        assert (await letter()).id == dead.id, "what was known stays to be seen"
        node.start()
        async with asyncio.timeout(10.0):
            async for news in stream:
                if _bus(news) and _bus(news)["connected"]:
                    assert _bus(news)["gaps"] == 1
                    break

    async def discarded() -> Any:
        try:
            await system.control.discard_dead_letter(dead.id)
        except ControlError as error:
            return None if error.code == "SERVICE_UNAVAILABLE" else error
        return True

    assert await found(discarded) is True


def _bus(news: Any) -> Any:
    match news:
        case Snapshot():
            return news.state.get("bus", {}).get("bus")
        case Delta():
            return news.set.get("bus", {}).get("bus")
        case _:
            return None
