"""The outbox and the inbox: what is written in a transaction, and what is there for a relay."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import Connection, MetaData, create_engine

from embedded_services.bus.inbox import KEPT_S, Inbox, inbox_table
from embedded_services.bus.outbox import BATCH, Backlog, Outbox, current_trace, outbox_table
from embedded_services.contracts.events import Envelope

metadata = MetaData()
outbox = outbox_table(metadata)
inbox = inbox_table(metadata)
NOW = 1_700_000_000.0


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        yield connection
    engine.dispose()


@pytest.fixture
def book() -> Outbox:
    return Outbox(outbox, "order", "order-1")


def test_an_event_is_the_guide_s_envelope(connection: Connection, book: Outbox) -> None:
    id_ = book.publish(connection, "order.created", {"total": Decimal("29.90")}, NOW)
    (parcel,) = book.waiting(connection, "order-1", NOW).due
    assert (parcel.exchange, parcel.routing_key, parcel.message_id) == ("events", "order.created", id_)
    assert msgspec.json.decode(parcel.body) == {
        "type": "order.created",
        "data": {"total": 29.90},
        "source": "order",
        "version": "1.0",
        "timestamp": "2023-11-14T22:13:20.000Z",
        "messageId": id_,
    }
    assert msgspec.json.decode(parcel.body, type=Envelope).message_id == id_


def test_a_message_to_a_queue_has_no_exchange(connection: Connection, book: Outbox) -> None:
    book.send(connection, "mail", "mail.due", {}, NOW)
    (parcel,) = book.waiting(connection, "order-1", NOW).due
    assert (parcel.exchange, parcel.routing_key) == ("", "mail")


def test_an_event_belongs_to_what_is_being_worked_on(connection: Connection, book: Outbox) -> None:
    token = current_trace.set("00-aa-bb-01")
    book.publish(connection, "a.b", {}, NOW)
    current_trace.reset(token)
    book.publish(connection, "a.b", {}, NOW)
    assert [p.traceparent for p in book.waiting(connection, "order-1", NOW).due] == ["00-aa-bb-01", ""]


def test_each_writer_has_its_own_in_order_and_in_batches(connection: Connection, book: Outbox) -> None:
    other = Outbox(outbox, "order", "order-2")
    ids = [book.publish(connection, "a.b", {"n": n}, NOW) for n in range(BATCH + 5)]
    other.publish(connection, "a.b", {}, NOW + 1)
    first = book.waiting(connection, "order-1", NOW).due
    assert [parcel.message_id for parcel in first] == ids[:BATCH]
    book.remove(connection, [parcel.seq for parcel in first])
    assert [p.message_id for p in book.waiting(connection, "order-1", NOW).due] == ids[BATCH:]
    assert book.writers(connection) == {"order-1", "order-2"}
    assert book.backlog(connection, NOW) == {
        "order-1": Backlog(5, 0, NOW), "order-2": Backlog(1, 0, NOW + 1),
    }  # fmt: skip


def test_a_delayed_event_is_due_at_its_time(connection: Connection, book: Outbox) -> None:
    book.publish(connection, "a.late", {}, NOW, delay_s=3600)
    book.publish(connection, "a.later", {}, NOW, delay_s=7200)
    waiting = book.waiting(connection, "order-1", NOW)
    assert (waiting.due, waiting.next_at) == ([], NOW + 3600)
    assert book.backlog(connection, NOW) == {"order-1": Backlog(0, 2, None)}
    waiting = book.waiting(connection, "order-1", NOW + 3600)
    assert ([p.routing_key for p in waiting.due], waiting.next_at) == (["a.late"], NOW + 7200)


def test_it_knows_whether_anything_was_added(connection: Connection, book: Outbox) -> None:
    assert not book.took_any()
    book.publish(connection, "a.b", {}, NOW)
    assert book.took_any()
    assert not book.took_any()


def test_numbers_are_never_used_again(connection: Connection, book: Outbox) -> None:
    """Or an adopter could take a new message for one that it has just sent."""
    book.publish(connection, "a.b", {}, NOW)
    (first,) = book.waiting(connection, "order-1", NOW).due
    book.remove(connection, [first.seq])
    book.publish(connection, "a.b", {}, NOW)
    (second,) = book.waiting(connection, "order-1", NOW).due
    assert second.seq > first.seq


def test_a_message_is_new_once_until_it_is_forgotten(connection: Connection) -> None:
    book = Inbox(inbox)
    assert book.is_new(connection, "m1", NOW)
    assert not book.is_new(connection, "m1", NOW + 1)
    assert book.is_new(connection, "m2", NOW + 1)
    book.forget_old(connection, NOW + KEPT_S)
    assert not book.is_new(connection, "m1", NOW)
    book.forget_old(connection, NOW + KEPT_S + 0.5)
    assert book.is_new(connection, "m1", NOW)
    assert not book.is_new(connection, "m2", NOW)
