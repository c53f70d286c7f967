from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.agent import CallStats
from embedded_services.contracts.instances import Latency
from embedded_services.control.calls import CallBook, Calls

CALLERS = ["gateway", "order-1"]
INSTANCES = ["user-1", "payment-1"]


def stats(requests: int, failures: int = 0, in_flight: int = 0, p50: float | None = None) -> CallStats:
    return CallStats(
        incarnation=1, in_flight=in_flight, requests=requests, failures=failures, latency_ms=Latency(p50=p50)
    )


callers = st.sampled_from(CALLERS)
amounts = st.integers(0, 5)
happenings = st.one_of(
    st.tuples(st.just("calls"), callers, st.sampled_from(INSTANCES), amounts, amounts, amounts),
    st.tuples(st.just("ends"), callers),
)


@given(st.lists(happenings, max_size=30))
def test_totals_survive_every_restart_of_a_caller_and_what_it_had_in_flight_does_not(
    happened: list[tuple[object, ...]],
) -> None:
    book = CallBook()
    totals = dict.fromkeys(INSTANCES, (0, 0))
    since_start = {caller: dict.fromkeys(INSTANCES, (0, 0)) for caller in CALLERS}
    in_flight = {caller: dict.fromkeys(INSTANCES, 0) for caller in CALLERS}
    for event in happened:
        caller = str(event[1])
        if event[0] == "ends":
            book.caller_ended(caller)
            since_start[caller] = dict.fromkeys(INSTANCES, (0, 0))
            in_flight[caller] = dict.fromkeys(INSTANCES, 0)
            continue
        _, _, instance, requests, failures, flying = event
        assert isinstance(instance, str)
        assert isinstance(requests, int)
        assert isinstance(failures, int)
        assert isinstance(flying, int)
        before = since_start[caller][instance]
        since_start[caller][instance] = (before[0] + requests, before[1] + failures)
        totals[instance] = (totals[instance][0] + requests, totals[instance][1] + failures)
        in_flight[caller][instance] = flying
        book.report(caller, {instance: stats(*since_start[caller][instance], flying)})
    for instance in INSTANCES:
        seen = book.of(instance)
        assert (seen.requests, seen.failures) == totals[instance]
        assert seen.in_flight == sum(flying[instance] for flying in in_flight.values())


def test_latency_is_the_busiest_caller_s() -> None:
    book = CallBook()
    book.report("gateway", {"user-1": stats(100, p50=4.0)})
    book.report("order-1", {"user-1": stats(3, p50=90.0)})
    assert book.of("user-1").latency_ms == Latency(p50=4.0)
    book.caller_ended("gateway")
    assert book.of("user-1").latency_ms == Latency(p50=90.0)


def test_report_of_one_instance_leaves_the_others_as_they_were() -> None:
    book = CallBook()
    book.report("gateway", {"user-1": stats(5), "user-2": stats(7)})
    book.report("gateway", {"user-1": stats(6)})
    assert (book.of("user-1").requests, book.of("user-2").requests) == (6, 7)


def test_ended_caller_tells_whom_it_had_called() -> None:
    book = CallBook()
    book.report("gateway", {"user-1": stats(5), "user-2": stats(7)})
    book.report("order-1", {"user-3": stats(7)})
    assert sorted(book.caller_ended("gateway")) == ["user-1", "user-2"]
    assert book.caller_ended("gateway") == []


def test_forgotten_and_unknown_instances_begin_at_zero() -> None:
    book = CallBook()
    book.report("gateway", {"user-1": stats(5, 1, 2)})
    book.caller_ended("gateway")
    book.report("gateway", {"user-1": stats(5, 1, 2)})
    book.forget("user-1")
    assert book.of("user-1") == book.of("never-seen") == Calls()
