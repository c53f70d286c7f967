"""The event bus keeps its promises on either broker: nothing lost, in order, effects once, failures where people find them."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import aio_pika
import msgspec
import pytest

from embedded_services.bus import names, relay
from embedded_services.bus.outbox import current_trace
from embedded_services.bus.subscriber import Arrived, Handler, Refused
from embedded_services.contracts.events import Envelope, Failure
from tests.helpers.broker_node import BrokerNode
from tests.helpers.bus import WAITS_MS, End, effect, joined, listening, taken

TRACE = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


def number(arrived: Arrived) -> str:
    return str(arrived.event.data["n"])


def noting(type_: str) -> Callable[[End], dict[str, Handler]]:
    return lambda end: {type_: effect(end, number)}


def failing(type_: str, error: Exception) -> Callable[[End], dict[str, Handler]]:
    async def handle(arrived: Arrived) -> bool:
        raise error

    return lambda _: {type_: handle}


async def put(url: str, queue: str, body: bytes, **properties: object) -> None:
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        message = aio_pika.Message(body, **properties)  # type: ignore[arg-type]  # as the message's
        await channel.default_exchange.publish(message, queue)


async def test_what_a_transaction_told_reaches_every_subscriber(
    broker: BrokerNode, tmp_path: Path, name: str
) -> None:
    type_ = f"{name}.created"
    async with (
        joined(broker.url, tmp_path, f"{name}-one", handlers=noting(type_)) as one,
        joined(broker.url, tmp_path, f"{name}-two", handlers=noting(type_)) as two,
        listening(broker.url, type_) as heard,
    ):
        await two.until(two.bus.connected.is_set)
        await one.publish(type_, 1, 2)
        await one.until(lambda: len(one.handled) == 2)
        await two.until(lambda: len(two.handled) == 2)
        assert sorted(await one.effects()) == sorted(await two.effects()) == ["1", "2"]
        message = await heard.get()
        event = msgspec.json.decode(message.body, type=Envelope)
        assert (event.type, event.data, event.source) == (type_, {"n": 1}, f"{name}-one")
        assert event.message_id == message.message_id
        assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
        await one.until(lambda: one.relay.relayed == 2)
        await one.until_waiting(0)


async def test_what_was_rolled_back_is_told_to_nobody(broker: BrokerNode, tmp_path: Path, name: str) -> None:
    type_ = f"{name}.created"
    async with joined(broker.url, tmp_path, name) as end, listening(broker.url, type_) as heard:
        with pytest.raises(ZeroDivisionError):
            await end.database.transact(lambda c: (end.outbox.publish(c, type_, {}, 1.0), 1 / 0))
        await end.publish(type_, 7)
        assert msgspec.json.decode((await heard.get()).body)["data"] == {"n": 7}


async def test_events_of_a_writer_come_in_their_order(broker: BrokerNode, tmp_path: Path, name: str) -> None:
    type_ = f"{name}.created"
    async with listening(broker.url, type_) as heard, joined(broker.url, tmp_path, name) as end:
        for first in range(0, 900, 30):
            await end.publish(type_, *range(first, first + 30))
        numbers = [msgspec.json.decode((await heard.get()).body)["data"]["n"] for _ in range(900)]
    assert numbers == list(range(900))


async def test_a_message_to_a_queue_goes_there_alone_and_makes_it(
    broker: BrokerNode, tmp_path: Path, name: str
) -> None:
    async with listening(broker.url, "#") as heard, joined(broker.url, tmp_path, name) as end:
        await end.send(f"{name}.work", f"{name}.due", 1)
        message = await taken(broker.url, f"{name}.work")
        assert (message.exchange, message.routing_key) == ("", f"{name}.work")
        await end.publish(f"{name}.after", 2)
        while (event := msgspec.json.decode((await heard.get()).body))["source"] != name:
            pass
        assert event["type"] == f"{name}.after"


async def test_a_delayed_event_waits_its_time_and_holds_up_no_other(
    broker: BrokerNode, tmp_path: Path, name: str
) -> None:
    async with listening(broker.url, f"{name}.*") as heard:
        async with joined(broker.url, tmp_path, name) as end:
            await end.publish(f"{name}.late", 1, delay_s=0.8)
            await end.publish(f"{name}.soon", 2)
            assert (await heard.get()).routing_key == f"{name}.soon"
            await end.until(lambda: end.relay.relayed == 1)
            await end.until_waiting(1)
        # Its time passes, or does not, while nobody is there.
        async with joined(broker.url, tmp_path, name):
            assert (await heard.get()).routing_key == f"{name}.late"


async def test_subscribers_that_never_came_up_find_what_was_told_before(
    broker: BrokerNode, tmp_path: Path, name: str
) -> None:
    type_, reader = f"{name}.created", f"{name}-reader"
    async with joined(broker.url, tmp_path, name, topology={names.queue_of(reader): (type_,)}) as end:
        await end.publish(type_, 1)
        await end.until(lambda: end.relay.relayed == 1)
    async with joined(broker.url, tmp_path, reader, handlers=noting(type_)) as late:
        await late.until(lambda: late.handled)
        assert await late.effects() == ["1"]


async def test_a_repeated_message_has_no_second_effect(broker: BrokerNode, tmp_path: Path, name: str) -> None:
    type_ = f"{name}.created"
    async with (
        joined(broker.url, tmp_path, name, handlers=noting(type_)) as end,
        listening(broker.url, type_) as heard,
    ):
        await end.publish(type_, 1)
        body = (await heard.get()).body
        await put(broker.url, names.queue_of(name), body)
        await end.until(lambda: len(end.handled) == 2)
        assert end.outcomes() == ["done", "duplicate"]
        assert await end.effects() == ["1"]


async def test_a_failed_attempt_is_repeated_after_growing_waits(
    broker: BrokerNode, tmp_path: Path, name: str, expect_log: Callable[[str], None]
) -> None:
    expect_log("attempt [12] failed: ValueError: not yet")
    type_ = f"{name}.created"

    def handlers(end: End) -> dict[str, Handler]:
        done = effect(end, number)

        async def handle(arrived: Arrived) -> bool:
            if arrived.attempt < 3:
                raise ValueError("not yet")
            return await done(arrived)

        return {type_: handle}

    async with joined(broker.url, tmp_path, name, handlers=handlers) as end:
        await end.publish(type_, 1)
        await end.until(lambda: len(end.handled) == 3)
        assert [(h.outcome, h.attempt, h.wait_s) for h in end.handled] == [
            ("retry", 1, WAITS_MS[0] / 1000), ("retry", 2, WAITS_MS[1] / 1000), ("done", 3, 0.0),
        ]  # fmt: skip
        begun = [h.at - h.took_ms / 1000 for h in end.handled]
        assert begun[1] - begun[0] >= WAITS_MS[0] / 1000
        assert begun[2] - begun[1] >= WAITS_MS[1] / 1000
        assert await end.effects() == ["1"]


async def test_after_five_attempts_it_is_a_dead_letter_with_its_history(
    broker: BrokerNode, tmp_path: Path, name: str, expect_log: Callable[[str], None]
) -> None:
    expect_log("attempt [1-5] failed: ValueError: it cannot be")
    type_ = f"{name}.created"
    async with joined(broker.url, tmp_path, name, handlers=failing(type_, ValueError("it cannot be"))) as end:
        current_trace.set(TRACE)
        await end.publish(type_, 1)
        await end.until(lambda: len(end.handled) == 5)
        assert end.outcomes() == ["retry"] * 4 + ["dead"]
        letter = await taken(broker.url, names.dead_queue(names.queue_of(name)))
    headers = letter.headers
    assert headers[names.TRACEPARENT] == TRACE
    assert headers[names.REASON] == "ValueError: it cannot be"
    assert (headers[names.FIRST_EXCHANGE], headers[names.FIRST_KEY]) == (names.EXCHANGE, type_)
    assert headers[names.ATTEMPTS] == 5
    history = msgspec.json.decode(str(headers[names.FAILURES]), type=list[Failure])
    assert [(f.instance, f.reason) for f in history] == [(f"{name}-1", "ValueError: it cannot be")] * 5
    assert [f.at for f in history] == sorted(f.at for f in history)
    assert msgspec.json.decode(letter.body, type=Envelope).data == {"n": 1}
    assert letter.delivery_mode == aio_pika.DeliveryMode.PERSISTENT


async def test_what_no_attempt_can_handle_is_a_dead_letter_at_once(
    broker: BrokerNode, tmp_path: Path, name: str, expect_log: Callable[[str], None]
) -> None:
    expect_log("refused: no such thing")
    expect_log("refused: not an event")
    type_, queue = f"{name}.created", names.queue_of(name)
    async with joined(broker.url, tmp_path, name, handlers=failing(type_, Refused("no such thing"))) as end:
        await end.publish(type_, 1)
        await end.until(lambda: len(end.handled) == 1)
        letter = await taken(broker.url, names.dead_queue(queue))
        assert letter.headers[names.REASON] == "no such thing"
        for body in (b"\xff\x00 nothing", b"{}", b"[" * 100_000, b'{"type":"A","data":1}'):
            await put(broker.url, queue, body, message_id="m", headers={"mine": 1, names.ATTEMPTS: "many"})
            letter = await taken(broker.url, names.dead_queue(queue))
            assert letter.body == body
            assert str(letter.headers[names.REASON]).startswith("not an event")
            assert letter.headers["mine"] == 1
        await end.until(lambda: len(end.handled) == 5)
        assert {h.attempt for h in end.handled} == {1}


async def test_a_dead_letter_is_the_message_that_it_was(
    broker: BrokerNode, tmp_path: Path, name: str, expect_log: Callable[[str], None]
) -> None:
    expect_log("refused: not an event")
    queue = names.queue_of(name)
    async with joined(broker.url, tmp_path, name, handlers=noting(f"{name}.created")) as end:
        await end.until(end.bus.connected.is_set)
        await put(
            broker.url, queue, b"?", message_id="m", correlation_id="c", type="t", app_id="a", reply_to="r",
            content_type="text/plain", content_encoding="utf-8", expiration=60,
            headers={"CC": [f"{name}-elsewhere"], "list": [1, "two"], "deep": {"x": True}},
        )  # fmt: skip
        letter = await taken(broker.url, names.dead_queue(queue))
    assert (letter.message_id, letter.correlation_id, letter.type, letter.app_id, letter.reply_to) == (
        "m", "c", "t", "a", "r",
    )  # fmt: skip
    assert (letter.content_type, letter.content_encoding, letter.expiration) == ("text/plain", "utf-8", None)
    assert (letter.headers["list"], letter.headers["deep"]) == ([1, "two"], {"x": True})
    assert "CC" not in letter.headers


async def test_an_event_that_nobody_handles_is_no_dead_letter(
    broker: BrokerNode, tmp_path: Path, name: str
) -> None:
    async with joined(broker.url, tmp_path, name, handlers=noting(f"{name}.created")) as end:
        await end.send(names.queue_of(name), f"{name}.other", 1)
        await end.until(lambda: end.handled)
        assert end.outcomes() == ["ignored"]


async def test_an_event_carries_on_the_trace_of_the_one_that_caused_it(
    broker: BrokerNode, tmp_path: Path, name: str
) -> None:
    def handlers(end: End) -> dict[str, Handler]:
        async def handle(arrived: Arrived) -> bool:
            await end.publish(f"{name}.second", 2)
            return True

        return {f"{name}.first": handle}

    async with (
        joined(broker.url, tmp_path, name, handlers=handlers) as end,
        listening(broker.url, f"{name}.second") as heard,
    ):
        current_trace.set(TRACE)
        await end.publish(f"{name}.first", 1)
        current_trace.set("")
        assert (await heard.get()).headers[names.TRACEPARENT] == TRACE


async def test_what_is_under_way_at_the_stop_ends_or_goes_back(
    broker: BrokerNode, tmp_path: Path, name: str
) -> None:
    type_ = f"{name}.created"
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()

    def handlers(end: End) -> dict[str, Handler]:
        done = effect(end, number)

        async def handle(arrived: Arrived) -> bool:
            begun.release()
            if arrived.event.data["n"] == 1:
                await go_on.wait()
            else:
                await asyncio.Event().wait()
            return await done(arrived)

        return {type_: handle}

    async with joined(broker.url, tmp_path, name, handlers=handlers) as end:
        await end.publish(type_, 1, 2)
        await begun.acquire()
        await begun.acquire()
        asyncio.get_running_loop().call_later(0.2, go_on.set)
    async with joined(broker.url, tmp_path, name, handlers=noting(type_)) as end:
        await end.until(lambda: end.handled)
        assert sorted(await end.effects()) == ["1", "2"]
        assert len(end.handled) == 1


async def test_a_sibling_that_is_gone_is_stood_in_for(
    broker: BrokerNode,
    tmp_path: Path,
    name: str,
    allow_log: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allow_log("cannot connect")
    monkeypatch.setattr(relay, "ABSENT_S", 0.3)
    type_ = f"{name}.created"
    async with joined("amqp://127.0.0.1:1/", tmp_path, name, 2) as cut_off:
        await cut_off.publish(type_, 1, 2, 3)
        await cut_off.publish(type_, 4, delay_s=0.1)
    async with listening(broker.url, type_) as heard, joined(broker.url, tmp_path, name, 1) as end:
        end.relay.siblings([f"{name}-2"])
        await end.until(end.bus.connected.is_set)
        assert await end.waiting() == 0, "they are the sibling's"
        end.relay.siblings([])
        assert await end.waiting() == 4
        numbers = [msgspec.json.decode((await heard.get()).body)["data"]["n"] for _ in range(4)]
        assert numbers == [1, 2, 3, 4]


async def test_a_queue_that_is_deleted_is_made_again(
    broker: BrokerNode, tmp_path: Path, name: str, expect_log: Callable[[str], None]
) -> None:
    expect_log("the broker cancelled a consumer")
    type_ = f"{name}.created"
    async with joined(broker.url, tmp_path, name, handlers=noting(type_)) as end:
        await end.until(end.bus.connected.is_set)
        connection = await aio_pika.connect(broker.url)
        async with connection, connection.channel() as channel:
            await channel.queue_delete(names.queue_of(name))
        await end.until(lambda: not end.bus.connected.is_set())
        await end.until(end.bus.connected.is_set)
        await end.publish(type_, 1)
        await end.until(lambda: end.handled)
        assert end.outcomes() == ["done"]
