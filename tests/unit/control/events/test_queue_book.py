from embedded_services.contracts.queues import QueueState
from embedded_services.control.events.queue_book import QueueBook, queues_of
from embedded_services.control.events.tap import PREFIX


def queue(name: str, ready: int = 0, unacked: int | None = 0, bound: list[str] | None = None) -> QueueState:
    return QueueState(
        name=name, type="classic", durable=True, ready=ready, unacked=unacked, consumers=1, bound=bound
    )


def book(*queues: QueueState, held: int = 0) -> QueueBook:
    made = QueueBook(lambda: None, lambda name: held if name.endswith(".dead") else 0)
    made.take(queues)
    return made


def test_dead_letters_that_are_merely_shown_are_told_as_lying_there() -> None:
    row = book(queue("a.dead", ready=2, unacked=3), queue("a"), held=3).rows()["a.dead"]
    assert (row.ready, row.unacked, row.consumers) == (5, 0, 0)
    row = book(queue("a.dead", ready=2, unacked=None), held=3).rows()["a.dead"]
    assert (row.ready, row.unacked) == (5, None)


def test_what_is_held_counts_once_though_the_broker_has_not_told_yet() -> None:
    row = book(queue("a.dead", ready=3, unacked=0), held=3).rows()["a.dead"]
    assert (row.ready, row.unacked) == (3, 0)


def test_who_wants_an_event_is_known_from_bindings_the_tap_apart() -> None:
    known = book(queue("order.events", bound=["order.*"]), queue(f"{PREFIX}1", bound=["#"]))
    assert known.wants("order.created") is True
    assert known.wants("user.created") is False
    assert book(queue("order.events")).wants("order.created") is None
    assert book().wants("order.created") is None


def test_the_queues_of_a_service() -> None:
    names = queues_of("order")
    assert {"order.events", "order.events.dead", "order.deliveries", "order.events.retry.500"} <= set(names)
