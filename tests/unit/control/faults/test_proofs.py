from msgspec.structs import replace

from embedded_services.contracts.faults import Affected, FaultCounts
from embedded_services.contracts.gateway import Attempt
from embedded_services.contracts.instances import Latency
from embedded_services.contracts.system import RequestRecord
from embedded_services.contracts.traffic import TrafficSample
from embedded_services.control.faults.proofs import ProofBook


def counts(eligible: int, injected: int, *at: float, seen: int = 0) -> FaultCounts:
    last = [Affected(at=moment, request_id=f"r{moment:g}", trace_id="") for moment in at]
    added = Latency(p50=1.0, p99=2.0) if seen else None
    return FaultCounts(
        id="f_a", eligible=eligible, injected=injected, client_requests=seen, added_ms=added, last=last
    )


def test_nothing_is_known_of_what_nobody_counted() -> None:
    proof = ProofBook().of("f_a")
    assert (proof.eligible, proof.injected, proof.added_ms, proof.last) == (0, 0, None, [])


def test_the_counts_of_all_processes_add_up() -> None:
    book = ProofBook()
    book.report("gateway", 1, [counts(10, 3, 5.0, 2.0, seen=3)], ["f_a"])
    book.report("orchestrator", 1, [counts(4, 1, 3.0)], ["f_a"])
    proof = book.of("f_a")
    assert (proof.eligible, proof.injected, proof.client_requests) == (14, 4, 3)
    assert [one.at for one in proof.last] == [5.0, 3.0, 2.0]
    assert proof.added_ms == Latency(p50=1.0, p99=2.0)


def test_what_an_earlier_incarnation_counted_stays() -> None:
    book = ProofBook()
    book.report("gateway", 1, [counts(10, 3)], ["f_a"])
    book.report("gateway", 2, [counts(2, 1)], ["f_a"])
    book.report("gateway", 2, [counts(5, 2)], ["f_a"])
    assert (book.of("f_a").eligible, book.of("f_a").injected) == (15, 5)


def test_only_what_is_news_of_a_known_fault_changes_anything() -> None:
    book = ProofBook()
    assert book.report("gateway", 1, [counts(1, 1)], ["f_a"]) == ["f_a"]
    assert book.report("gateway", 1, [counts(1, 1)], ["f_a"]) == []
    assert book.report("gateway", 1, [counts(2, 1)], ["f_b"]) == []
    book.forget("f_a")
    assert book.of("f_a").eligible == 0


def record(status: int, *attempts: tuple[str, str], instance: str = "order-1") -> RequestRecord:
    return RequestRecord(
        id="r1", at=1.0, method="GET", path="/api/products", status=status, took_ms=1012.0, route=None,
        service="order", instance=instance, tries=max(1, len(attempts)), user=None, client="127.0.0.1", trace="t1",
        attempts=[
            Attempt(instance=name, reason="turn", why="", outcome=outcome, at_ms=0.0, took_ms=1000.0)
            for name, outcome in attempts
        ],
    )  # fmt: skip


def test_a_request_that_failed_there_first_was_touched() -> None:
    deeds = ProofBook().deeds("f_a")
    assert deeds.witness(record(200, ("order-2", "did not answer in time"), ("order-1", "200")), "order-2")
    assert (deeds.requests, deeds.failures) == (1, 0)
    assert deeds.added_ms() == Latency(p50=1000.0, p99=1000.0)


def test_one_that_failed_for_good_is_a_failure() -> None:
    deeds = ProofBook().deeds("f_a")
    assert deeds.witness(record(504, instance="order-2"), "order-2")
    assert (deeds.requests, deeds.failures) == (1, 1)


def test_one_that_was_turned_away_for_want_of_instances_is_a_failure() -> None:
    deeds = ProofBook().deeds("f_a")
    turned_away = replace(record(503), instance=None, attempts=[])
    assert not deeds.witness(turned_away, "order-2")
    assert not deeds.witness(turned_away, "payment-1", nobody_left="payment")
    assert deeds.witness(turned_away, "order-2", nobody_left="order")
    assert (deeds.requests, deeds.failures) == (1, 1)


def test_traffic_counts_what_it_lost_and_what_waits_while_the_gateway_is_away() -> None:
    deeds = ProofBook().deeds("f_a")
    lost = TrafficSample(run=1, at=1.0, asked=10.0, sent=5, done=3, errors={"reset": 2, "order-cancelled": 1})
    waits = TrafficSample(run=1, at=1.25, asked=10.0, sent=4)
    assert deeds.overhear(lost, away=False)
    assert (deeds.requests, deeds.failures) == (2, 2)
    assert deeds.overhear(waits, away=True)
    assert not deeds.overhear(lost, away=True)
    assert (deeds.requests, deeds.failures) == (6, 2)


def test_one_that_went_well_there_or_failed_elsewhere_was_not_touched() -> None:
    deeds = ProofBook().deeds("f_a")
    assert not deeds.witness(record(200, ("order-2", "200")), "order-2")
    assert not deeds.witness(record(200, ("order-1", "503"), ("order-2", "200")), "order-2")
    assert not deeds.witness(record(404, instance="order-2"), "order-2")
    assert deeds.requests == 0
