from embedded_services.contracts.faults import LAST, Affected
from embedded_services.faults.counters import Counter


def test_the_newest_affected_requests_are_named_newest_first() -> None:
    counter = Counter("f_a")
    for number in range(8):
        counter.last.append(Affected(at=float(number), request_id=str(number), trace_id=""))
    assert [one.request_id for one in counter.counts().last] == ["7", "6", "5", "4", "3"][:LAST]


def test_what_clients_saw_is_counted_apart() -> None:
    counter = Counter("f_a")
    assert counter.counts().added_ms is None
    for number in range(100):
        counter.seen(number / 1000, failed=number < 10)
    counts = counter.counts()
    assert (counts.client_requests, counts.client_failures) == (100, 10)
    assert counts.added_ms is not None
    assert (counts.added_ms.p50, counts.added_ms.p99) == (50.0, 99.0)
