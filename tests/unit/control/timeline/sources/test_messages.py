"""What happens to events: dead letters, outboxes that grow, a broker that is lost and back."""

from embedded_services.contracts.agent import Beat
from embedded_services.contracts.events import BusState, Handled, OutboxState
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.control.timeline.facts import Fact
from embedded_services.control.timeline.sources.messages import MessageFacts
from embedded_services.control.timeline.sources.missed import MissedFacts


def handled(outcome: str, number: int = 1) -> Handled:
    return Handled(
        at=1.0, message_id=f"m-{number}", type="order.created", queue="notification.events", instance="notification-1",
        outcome=outcome, attempt=5, took_ms=1.0, error="poison",
    )  # fmt: skip


def outbox(waiting: int, *, connected: bool = True) -> Beat:
    state = OutboxState(
        waiting=waiting,
        oldest_at=None,
        delayed=0,
        relayed=0,
        connected=connected,
        problem="" if connected else "gone",
    )
    return Beat(outbox=state)


def bus(*, connected: bool) -> BusState:
    return BusState(
        url="amqp://x", kind="embedded", connected=connected, problem="", events_per_s=0, handled_per_s=0, total=0,
        dropped=0, gaps=0, gap_at=None, dead_letters=0, dead_letters_total=0,
    )  # fmt: skip


def told(source: MessageFacts, beat: Beat, now: float = 10.0) -> list[Fact]:
    return list(source.told("notification-1", "notification", beat, 1.0, now))


def test_dead_letters_of_one_queue_are_one_entry_with_their_traces() -> None:
    source = MessageFacts(lambda message: f"trace of {message}")
    [first] = told(source, Beat(handled=[handled("done"), handled("dead", 1)]))
    [second] = told(source, Beat(handled=[handled("dead", 2), handled("dead", 3)]), now=12.0)
    assert (first.kind, first.count, second.count) == (Kind.DEAD_LETTER, 1, 3)
    assert first.key == second.key
    assert second.traces == ("trace of m-1", "trace of m-2", "trace of m-3")
    assert second.subject.queue == "notification.events"


def test_what_was_handled_is_no_news() -> None:
    assert told(MessageFacts(lambda _: ""), Beat(handled=[handled("done"), handled("retry")])) == []


def test_an_outbox_grows_and_is_told_when_all_is_told() -> None:
    source = MessageFacts(lambda _: "")
    facts = [fact for waiting in (1, 19, 25, 24, 60, 12, 3, 0) for fact in told(source, outbox(waiting))]
    assert [(fact.word, fact.count) for fact in facts] == [("grows", 25), ("grows", 60), ("told", 1)]
    assert facts[2].because == facts[1].names


def test_without_a_broker_the_first_message_that_waits_is_told() -> None:
    source = MessageFacts(lambda _: "")
    assert told(source, outbox(1, connected=False)) == [], "it had not been there yet"
    told(source, outbox(0))
    assert [fact.word for fact in told(source, outbox(1, connected=False))] == ["grows"]


def test_a_broker_is_lost_once_it_had_been_there() -> None:
    source = MessageFacts(lambda _: "")
    states = [bus(connected=False), bus(connected=True), bus(connected=True), bus(connected=False)]
    states += [bus(connected=False), bus(connected=True)]
    told_of = [fact.kind for state in states for fact in source.bus(state, 1.0)]
    assert told_of == [Kind.BROKER_LOST, Kind.BROKER_BACK]
    assert list(source.bus(None, 1.0)) == []


class TestMissed:
    def test_what_there_was_no_room_for_is_told_and_counted(self) -> None:
        source = MissedFacts()
        beat = Beat(handled=[handled("done")], handled_seq=4)
        [first] = source.told("order-1", 1, beat, 1.0)
        assert (first.kind, first.count) == (Kind.MISSED, 3)
        [more] = source.told("order-1", 1, Beat(handled_seq=6), 1.0)
        assert (more.key, more.count) == (first.key, 5)

    def test_all_that_was_told_is_nothing_missed(self) -> None:
        source = MissedFacts()
        assert list(source.told("order-1", 1, Beat(handled=[handled("done")], handled_seq=1), 1.0)) == []
        assert list(source.told("order-1", 1, Beat(handled_seq=1), 1.0)) == []

    def test_a_process_that_was_started_again_counts_from_zero(self) -> None:
        source = MissedFacts()
        list(source.told("order-1", 1, Beat(handled=[handled("done")] * 5, handled_seq=5), 1.0))
        assert list(source.told("order-1", 2, Beat(handled=[handled("done")], handled_seq=1), 1.0)) == []

    def test_movements_of_sagas_that_were_not_told_are(self) -> None:
        [fact] = MissedFacts().told("orchestrator", 1, Beat(sagas_missed=7), 1.0)
        assert fact.count == 7
