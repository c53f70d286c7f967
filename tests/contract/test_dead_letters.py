"""Dead letters: why a message was given up, where it goes, and what is told of its history."""

from datetime import datetime
from typing import Any

import pytest
from pamqp import commands

from tests.helpers.amqp_wire import Basic, Properties, Wire, WireChannel, death_of


@pytest.fixture
def dead(channel: WireChannel, name: str) -> str:
    """A queue for what a queue gives up that names it as its dead letter key."""
    return channel.declare(f"{name}-dead", exclusive=True)


def to(dead: str, **arguments: Any) -> dict[str, Any]:
    named = {f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}
    return {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead, **named}


def test_rejected(channel: WireChannel, name: str, dead: str) -> None:
    channel.declare(name, exclusive=True, arguments=to(dead))
    channel.publish(
        name, b"x", properties=Properties(headers={"own": "kept"}, message_id="m", delivery_mode=2)
    )
    channel.reject(channel.must_get(name, no_ack=False).tag, requeue=False)
    letter = channel.must_get(dead)
    assert (letter.body, letter.redelivered, letter.properties.message_id) == (b"x", False, "m")
    assert (letter.method.exchange, letter.method.routing_key) == ("", dead)
    headers = letter.headers
    assert isinstance(headers["x-death"][0]["time"], datetime)
    assert death_of(letter) == [
        {"count": 1, "reason": "rejected", "queue": name, "exchange": "", "routing-keys": [name]}
    ]
    del headers["x-death"]
    assert headers == {
        "own": "kept",
        "x-first-death-exchange": "",
        "x-first-death-queue": name,
        "x-first-death-reason": "rejected",
    }


def test_expired_in_the_queue(channel: WireChannel, name: str, dead: str) -> None:
    channel.declare(name, exclusive=True, arguments=to(dead, message_ttl=100))
    channel.put(name, b"x")
    letter = channel.must_get(dead)
    assert death_of(letter) == [
        {"count": 1, "reason": "expired", "queue": name, "exchange": "", "routing-keys": [name]}
    ]
    assert letter.headers["x-first-death-reason"] == "expired"


def test_expired_by_its_own_time_which_it_loses(channel: WireChannel, name: str, dead: str) -> None:
    channel.declare(name, exclusive=True, arguments=to(dead))
    channel.put(name, b"x", expiration="100")
    letter = channel.must_get(dead)
    assert letter.properties.expiration is None
    assert death_of(letter) == [
        {
            "count": 1,
            "reason": "expired",
            "original-expiration": "100",
            "queue": name,
            "exchange": "",
            "routing-keys": [name],
        }
    ]


def test_too_many(channel: WireChannel, name: str, dead: str) -> None:
    channel.declare(name, exclusive=True, arguments=to(dead, max_length=2))
    channel.put(name, b"0", b"1", b"2", b"3")
    assert channel.drain(name) == [b"2", b"3"]
    letters = [channel.must_get(dead) for _ in range(2)]
    assert [letter.body for letter in letters] == [b"0", b"1"]
    assert death_of(letters[0])[0]["reason"] == "maxlen"


def test_rejected_publishes_may_be_dead_letters(channel: WireChannel, name: str, dead: str) -> None:
    arguments = to(dead, max_length=1, overflow="reject-publish-dlx")
    channel.declare(name, exclusive=True, arguments=arguments)
    assert channel.put(name, b"0") == [True]
    assert channel.put(name, b"1") == [False]
    assert channel.drain(name) == [b"0"]
    letter = channel.must_get(dead)
    assert (letter.body, death_of(letter)[0]["reason"]) == (b"1", "maxlen")


def test_the_key_stays_when_none_is_named(channel: WireChannel, name: str, dead: str) -> None:
    channel.exchange(name, "topic", auto_delete=True)
    channel.bind(dead, name, "order.#")
    channel.declare(name, exclusive=True, arguments={"x-dead-letter-exchange": name})
    channel.bind(name, "amq.topic", "order.*")
    channel.put("order.created", b"x", exchange="amq.topic")
    channel.reject(channel.must_get(name, no_ack=False).tag, requeue=False)
    letter = channel.must_get(dead)
    assert (letter.method.exchange, letter.method.routing_key) == (name, "order.created")
    assert death_of(letter) == [
        {
            "count": 1,
            "reason": "rejected",
            "queue": name,
            "exchange": "amq.topic",
            "routing-keys": ["order.created"],
        }
    ]


def test_history_counts_and_has_the_newest_first(channel: WireChannel, name: str, dead: str) -> None:
    """Between two queues: rejected here, expired there."""
    other = f"{name}-other"
    channel.declare(name, exclusive=True, arguments=to(other))
    channel.declare(other, exclusive=True, arguments=to(name, message_ttl=50))
    channel.put(name, b"x")
    histories = []
    for _ in range(3):
        message = channel.must_get(name, no_ack=False)
        histories.append([(death["queue"], death["reason"], death["count"]) for death in death_of(message)])
        channel.reject(message.tag, requeue=False)
    assert histories == [
        [],
        [(other, "expired", 1), (name, "rejected", 1)],
        [(other, "expired", 2), (name, "rejected", 2)],
    ]


def test_first_death_stays_as_it_was(channel: WireChannel, name: str, dead: str) -> None:
    middle = f"{name}-middle"
    channel.declare(name, exclusive=True, arguments=to(middle, message_ttl=10))
    channel.declare(middle, exclusive=True, arguments=to(dead))
    channel.put(name, b"x")
    channel.reject(channel.must_get(middle, no_ack=False).tag, requeue=False)
    letter = channel.must_get(dead)
    assert letter.headers["x-first-death-queue"] == name
    assert letter.headers["x-first-death-reason"] == "expired"
    assert [death["queue"] for death in death_of(letter)] == [middle, name]


def test_a_circle_without_a_rejection_ends(channel: WireChannel, name: str) -> None:
    """By time alone a message would go round for ever; it is dropped when it comes to a queue again."""
    other = f"{name}-other"
    channel.declare(name, exclusive=True, arguments=to(other, message_ttl=30))
    channel.declare(other, exclusive=True, arguments=to(name, message_ttl=30))
    channel.put(name, b"x")
    channel.pause(0.5)
    assert channel.counts(name) == (0, 0)
    assert channel.counts(other) == (0, 0)


def test_a_queue_that_is_its_own_dead_letter_queue(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments=to(name, message_ttl=30))
    channel.put(name, b"x")
    channel.pause(0.3)
    assert channel.counts(name) == (0, 0)


def test_a_rejection_may_go_in_circles(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments=to(name))
    channel.put(name, b"x")
    for count in range(1, 4):
        channel.reject(channel.must_get(name, no_ack=False).tag, requeue=False)
        message = channel.must_get(name, no_ack=False)
        assert death_of(message)[0]["count"] == count
        channel.reject(message.tag)


def test_a_dead_letter_exchange_that_is_not_there_loses_them(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments={"x-dead-letter-exchange": f"{name}-absent"})
    channel.put(name, b"x")
    channel.reject(channel.must_get(name, no_ack=False).tag, requeue=False)
    assert channel.counts(name) == (0, 0)


def test_headers_that_python_does_not_write_survive(channel: WireChannel, name: str, dead: str) -> None:
    channel.declare(name, exclusive=True, arguments=to(dead))
    headers: Any = {
        "double": 0.1,
        "long": 2**40,
        "deep": {"list": [1.5, None, {"x": True}]},
        "raw": bytearray(b"\xff\x00"),
    }
    channel.publish(name, b"x", properties=Properties(headers=headers))
    before = channel.must_get(name, no_ack=False)
    channel.reject(before.tag, requeue=False)
    after = channel.must_get(dead).headers
    assert {key: after[key] for key in headers} == before.headers


def test_a_history_that_a_client_made_up_does_no_harm(channel: WireChannel, name: str, dead: str) -> None:
    channel.declare(name, exclusive=True, arguments=to(dead))
    histories: Any = ([], [{"queue": name}], [{"queue": name, "reason": "rejected", "count": 5}])
    for history in histories:
        channel.publish(name, b"x", properties=Properties(headers={"x-death": history}))
        channel.confirmed(1)
        channel.reject(channel.must_get(name, no_ack=False).tag, requeue=False)
        letter = channel.must_get(dead)
        assert letter.headers["x-death"][0]["queue"] == name


def test_purged_and_deleted_messages_are_no_dead_letters(
    wire: Wire, channel: WireChannel, name: str, dead: str
) -> None:
    channel.declare(name, arguments=to(dead))
    channel.put(name, b"1")
    channel.call(commands.Queue.Purge(queue=name), commands.Queue.PurgeOk)
    channel.put(name, b"2")
    channel.call(commands.Queue.Delete(queue=name), commands.Queue.DeleteOk)
    channel.pause(0.2)
    assert channel.counts(dead) == (0, 0)


def test_a_dead_letter_is_persistent_as_before(channel: WireChannel, name: str, dead: str) -> None:
    channel.declare(name, exclusive=True, arguments=to(dead))
    channel.put(name, b"x", delivery_mode=2, priority=4)
    channel.nack(channel.must_get(name, no_ack=False).tag, requeue=False)
    letter = channel.must_get(dead)
    assert (letter.properties.delivery_mode, letter.properties.priority) == (2, 4)


def test_many_rejected_at_once_keep_their_order(channel: WireChannel, name: str, dead: str) -> None:
    channel.declare(name, exclusive=True, arguments=to(dead))
    bodies = [b"%d" % number for number in range(20)]
    channel.put(name, *bodies)
    channel.call(Basic.Consume(queue=name), Basic.ConsumeOk)
    channel.take(20)
    channel.nack(0, multiple=True, requeue=False)
    assert [channel.must_get(dead).body for _ in range(20)] == bodies


def test_what_is_still_out_when_its_queue_goes_is_gone(channel: WireChannel, name: str, dead: str) -> None:
    channel.declare(name, arguments=to(dead))
    channel.put(name, b"1", b"2", b"3")
    tags = [channel.must_get(name, no_ack=False).tag for _ in range(3)]
    channel.call(commands.Queue.Delete(queue=name), commands.Queue.DeleteOk)
    channel.reject(tags[0], requeue=False)
    channel.reject(tags[1], requeue=True)
    channel.wire.quiet()
    assert channel.get(dead) is None
