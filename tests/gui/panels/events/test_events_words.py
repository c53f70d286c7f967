"""What is said of events: in a few words each, of how they were handled, of their way, of the broker and the outboxes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.panels.events import outbox_rows, queue_rows
from app.panels.events.broker_words import absence, subtitle
from app.panels.events.dead_groups import Progress, dead_groups, progress_of, when
from app.panels.events.event_columns import handled_in, went_to
from app.panels.events.event_filter import EventFilter, is_pattern
from app.panels.events.event_rows import row_of
from app.panels.events.handled_book import HandledBook
from app.panels.events.publish_form import data_of, edited, parse
from app.panels.events.queue_rows import Depths
from app.panels.events.route import route_of_event, route_of_letter
from app.panels.events.summaries import summary
from embedded_services.contracts.events import BusState, Handled, InstanceOutbox, NewEvent
from embedded_services.contracts.queues import Replay
from embedded_services.contracts.system import Process
from tests.gui.panels.events import shop
from tests.gui.panels.events.conftest import plain


def told(seq: int, outcome: str = "done", attempt: int = 1, queue: str = "notification.events") -> Handled:
    return Handled(
        at=seq + 0.005, message_id=f"msg_{seq}", type="order.created", queue=queue, instance="notification-2",
        outcome=outcome, attempt=attempt, took_ms=4.4, error="" if outcome == "done" else "no template",
        wait_s=0.5 if outcome == "retry" else 0.0,
    )  # fmt: skip


def says(book: HandledBook, seq: int) -> tuple[str, str]:
    row = row_of(plain(seq))
    went = "".join(span.text for span in went_to(row, book))
    return went, "".join(span.text for span in handled_in(book.of(row.message_id)))


@pytest.mark.parametrize(
    ("event_type", "data", "expected"),
    [
        ("order.created", {"id": "ord_1", "items": [{"quantity": 2}, {"quantity": 1}], "total": 9.5}, "ord_1 · 3 pieces · 9.50"),
        ("payment.failed", {"id": "pay_1", "amount": 5, "currency": "USD", "failureReason": "refused"}, "pay_1 · 5.00 USD · refused"),
        ("inventory.updated", {"productId": "prod1", "change": -2, "stock": 46}, "prod1 · −2 · 46 left"),
        ("email.send", {"template": "welcome", "to": "a@b.c"}, "welcome · a@b.c"),
        ("thing.done", {"x": 1, "y": "two"}, "x 1 · y two"),
        ("thing.done", {}, ""),
    ],
)  # fmt: skip
def test_summary_names_what_matters(event_type: str, data: dict[str, object], expected: str) -> None:
    assert summary(event_type, data) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["id", "items", "total", "amount", "change", "stock", "email", "status", "to", "sagaId"]
)


@given(st.sampled_from(["order.x", "payment.x", "inventory.x", "user.x", "email.x", "saga.x", "other.x"]),
       st.dictionaries(NAMES | st.text(max_size=5), JSON, max_size=6))  # fmt: skip
def test_summary_takes_data_of_any_shape(event_type: str, data: dict[str, object]) -> None:
    assert len(summary(event_type, data)) <= 120


def test_event_says_where_it_went_and_how_long_it_took() -> None:
    book = HandledBook()
    book.since = 0.0
    assert says(book, 1) == ("kept in the stream", "–")
    book.take([told(1)])
    assert says(book, 1) == ("notification.events", "4.4 ms")
    assert says(book, 2) == ("notification.events", "–")  # events of its type go there
    book.take([told(2, "retry")])
    assert says(book, 2)[1] == "try 1 failed"
    book.take([told(2, "done", 2)])
    assert says(book, 2)[1] == "try 2  4.4 ms"
    book.take([told(3, "dead", 5), told(3, queue="order.events")])
    assert says(book, 3) == ("notification.events, order.events", "dead, try 5")


def test_event_from_before_the_window_listened_is_not_called_unhandled() -> None:
    book = HandledBook()
    book.since = 100.0
    assert says(book, 99)[0] == "–"
    assert says(book, 101)[0] == "kept in the stream"


def test_repetition_does_not_hide_the_first_outcome() -> None:
    book = HandledBook()
    book.take([told(1, "dead", 5), told(1, "duplicate", 1)])
    assert book.of("msg_1").verdict == "dead"


def test_tries_are_held_of_the_newest_events_only() -> None:
    book = HandledBook(capacity=2)
    book.take([told(1), told(2), told(3)])
    assert not book.tries("msg_1")
    assert book.tries("msg_3")


def test_route_tells_each_try() -> None:
    book = HandledBook()
    book.take([told(7, "retry"), told(7, "done", 2)])
    steps = route_of_event(row_of(plain(7)), book)
    assert [step.title for step in steps] == [
        "order-1", "exchange events", "notification.events", "notification-2", "notification-2",
    ]  # fmt: skip
    assert "again in 0.5 s" in steps[3].lines[0]
    assert steps[3].lines[1] == "no template"
    assert steps[4].mark == "check"


def test_route_of_a_dead_letter_ends_where_it_lies() -> None:
    steps = route_of_letter(shop.letter(1))
    assert [step.title for step in steps][-2:] == ["notification-1, try 5", "notification.events.dead"]
    assert steps[-2].lines[0].endswith("the same")


@pytest.mark.parametrize(
    ("text", "is_one"), [("", True), ("order.*", True), ("#.failed", True), ("#", True), ("order..x", False), ("a b", False)]
)  # fmt: skip
def test_pattern_of_types_is_recognized(text: str, is_one: bool) -> None:
    assert is_pattern(text) is is_one


def test_whole_trace_id_is_looked_for_as_one() -> None:
    trace = "0AF7651916CD43DD8448EB211C80319C"
    assert (EventFilter(text=trace).trace, EventFilter(text=trace).q) == (trace.lower(), "")
    assert (EventFilter(text="ord_1").trace, EventFilter(text=" ord_1 ").q) == ("", "ord_1")


# --- queues, outboxes, broker ---


def test_waiting_rooms_are_one_row_under_their_queue() -> None:
    rows = queue_rows.queue_rows(shop.queues().values(), Depths())
    assert [row.name for row in rows][:3] == [
        "notification.deliveries", "notification.deliveries.retry", "notification.deliveries.dead",
    ]  # fmt: skip
    assert rows[1].ready == 3
    assert len(rows[1].parts) == 4
    assert queue_rows.subtitle(rows) == "3 with consumers, 3 waiting rooms for retries"


def test_depths_are_seen_once_a_second_and_forgotten_with_their_queue() -> None:
    depths, queues = Depths(), shop.queues()
    for now in (10.0, 10.5, 11.2):
        depths.see(queues, now)
    assert depths.of("order.events.retry") == (3.0, 3.0)
    depths.see({}, 20.0)
    assert depths.of("order.events.retry") == ()


def outbox(waiting: int, *, connected: bool) -> InstanceOutbox:
    return InstanceOutbox(
        instance="order-1", service="order", waiting=waiting, oldest_at=1_700_000_000.0 if waiting else None,
        delayed=0, relayed=1, connected=connected, problem="" if connected else "connection refused",
    )  # fmt: skip


def bus(*, connected: bool) -> BusState:
    return BusState(
        url="amqp://b/", kind="external", connected=connected, problem="" if connected else "connection refused",
        events_per_s=2.0, handled_per_s=1.0, total=1, dropped=0, gaps=0, gap_at=None, dead_letters=0,
        dead_letters_total=0,
    )  # fmt: skip


def test_absent_broker_is_told_with_what_waits_for_it() -> None:
    gone = absence(bus(connected=False), [outbox(37, connected=False)], 1_700_000_000.0)
    assert gone is not None
    assert gone.text.startswith("The broker is away since ")
    assert gone.text.endswith("; 37 events wait in the outboxes.")
    assert "Why: connection refused." in gone.hint
    assert absence(bus(connected=True), [outbox(0, connected=True)], None) is None
    assert absence(None, [], None) is None
    frozen = Process(
        name="broker", role="broker", pid=1, status="frozen", reason="by you", since=1_700_000_000.0,
        incarnation=1, port=1, restarts=0,
    )  # fmt: skip
    own = msgspec.structs.replace(bus(connected=True), kind="embedded")
    stands = absence(own, [], None, frozen)
    assert stands is not None
    assert stands.text.startswith("The broker is frozen since ")
    assert (
        subtitle(bus(connected=True), stale=False)
        == "broker of yours · amqp://b · 2.0 /s published · 1.0 /s handled"
    )


def test_outbox_says_since_when_it_waits() -> None:
    rows = outbox_rows.outbox_rows([outbox(3, connected=False)])
    state = outbox_rows.columns()[-1].text(rows[0])
    assert state.startswith("waits for the broker since ")
    assert state.endswith(" · connection refused")
    assert outbox_rows.subtitle(rows).startswith("3 wait for the broker since ")


# --- dead letters ---


def test_dead_letters_are_grouped_by_queue_reason_and_type() -> None:
    groups = dead_groups(shop.letters().values())
    assert [(group.reason, len(group.letters)) for group in groups] == [
        ("Payload has no userId", 2),
        (shop.MISSING, 7),
    ]
    assert groups[1].letters[0].id == "dl-6"
    assert " – " in when(groups[1])


def test_replay_counts_what_fell_back() -> None:
    replay = Replay(id="r", at=shop.NOW - 192, total=7, done=5, failed=1, state="done", problem="no queue")
    letters = {str(number): msgspec.structs.replace(shop.letter(number), replays=1) for number in (5, 1)}
    progress = progress_of(replay, letters)
    assert progress.words == "5 of 7 replayed"
    assert progress.outcome == "1 not sent: no queue · 1 failed again"
    assert Progress(replay).share == pytest.approx(6 / 7)


# --- the form ---


def test_event_that_is_well_formed_is_taken() -> None:
    assert parse("order.created", " person ", '{"a": 1}') == NewEvent(
        type="order.created", data={"a": 1}, source="person"
    )
    assert parse("order.created", "person", "") == NewEvent(type="order.created", data={}, source="person")


@pytest.mark.parametrize(
    ("event_type", "source", "text", "wrong"),
    [
        ("Order", "person", "{}", ["type"]),
        ("order.created", "", "{}", ["source"]),
        ("order.created", "x", "[1]", ["data"]),
        ("order.created", "x", '{"a": NaN}', ["data"]),
        ("", "", "{", ["data", "source", "type"]),
    ],
)
def test_what_is_wrong_is_told_by_field(event_type: str, source: str, text: str, wrong: list[str]) -> None:
    found = parse(event_type, source, text)
    assert isinstance(found, dict)
    assert sorted(found) == wrong


def test_wrong_json_is_told_with_its_place() -> None:
    assert data_of('{"a": 1,\n "b": }')[1] == "Line 2, column 7: Expecting value"
    assert data_of("[" * 100_000)[1]


def test_edit_keeps_what_it_does_not_change() -> None:
    body = '{"type":"a.b","data":{"x":1},"source":"s","version":"1.0","messageId":"m","own":true}'
    assert edited(body, NewEvent(type="a.c", data={"x": 2}, source="s")) == (
        '{"type": "a.c", "data": {"x": 2}, "source": "s", "version": "1.0", "messageId": "m", "own": true}'
    )
