from embedded_services.contracts.agent import Peer
from embedded_services.upstream.stats import MAX_LEFT, CallBook


def peer(name: str = "user-1", incarnation: int = 1) -> Peer:
    return Peer(id=name, incarnation=incarnation, host="127.0.0.1", port=3001, weight=1)


def test_a_call_counts_while_it_is_under_way_and_after() -> None:
    book = CallBook()
    stats = book.of(peer())
    stats.begin()
    assert book.deltas(0)["user-1"].in_flight == 1
    stats.latency.record(0.01, 0.0)
    stats.end(failed=True)
    delta = book.deltas(0)["user-1"]
    assert (delta.in_flight, delta.requests, delta.failures) == (0, 1, 1)
    assert delta.latency_ms.p50 is not None


def test_only_what_changed_is_told() -> None:
    book = CallBook()
    first, _ = book.of(peer("user-1")), book.of(peer("user-2"))
    assert set(book.deltas(0)) == {"user-1", "user-2"}
    assert book.deltas(0) == {}
    first.begin()
    assert set(book.deltas(0)) == {"user-1"}


def test_latency_that_has_grown_old_is_told_to_be_gone() -> None:
    book = CallBook()
    stats = book.of(peer())
    stats.begin()
    stats.latency.record(0.01, 0.0)
    stats.end(failed=False)
    assert book.deltas(0)["user-1"].latency_ms.p50 is not None
    assert book.deltas(1) == {}
    assert book.deltas(20)["user-1"].latency_ms.p50 is None
    assert book.deltas(21) == {}


def test_a_new_incarnation_keeps_the_totals_and_starts_latency_afresh() -> None:
    book = CallBook()
    stats = book.of(peer(incarnation=1))
    stats.begin()
    stats.latency.record(0.01, 0.0)
    stats.end(failed=False)
    book.leave("user-1")
    book.of(peer(incarnation=2))
    delta = book.deltas(0)["user-1"]
    assert (delta.incarnation, delta.requests) == (2, 1)
    assert delta.latency_ms.p50 is None


def test_instances_that_left_long_ago_are_forgotten() -> None:
    book = CallBook()
    for number in range(3 * MAX_LEFT):
        book.of(peer(f"guest-{number}"))
        book.leave(f"guest-{number}")
    assert len(book.all()) == MAX_LEFT
    assert book.all()[-1].id == f"guest-{3 * MAX_LEFT - 1}"


def test_all_is_told_again_when_what_was_said_may_be_lost() -> None:
    book = CallBook()
    book.of(peer())
    assert set(book.deltas(0)) == {"user-1"}
    assert book.deltas(0) == {}
    book.tell_again()
    assert set(book.deltas(0)) == {"user-1"}
