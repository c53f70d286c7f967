import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.traces import Span
from embedded_services.control.traces import MAX_SPANS, MAX_SPANS_HELD, MAX_TRACES, TraceBook, nested


def span(trace: str = "a" * 32, name: str = "root", **changes: object) -> Span:
    facts: dict[str, object] = {
        "trace": trace, "span": name, "parent": None, "process": "gateway", "name": name, "at": 1.0, "took_ms": 5.0,
    }  # fmt: skip
    return Span(**(facts | changes))  # type: ignore[arg-type]  # a test's own


def test_spans_of_all_processes_make_one_trace_in_order() -> None:
    book = TraceBook()
    book.report([span(name="late", at=2.0), span("b" * 32)], 0)
    book.report([span(name="early", at=0.5, process="user-1")], 3)
    trace = book.get("a" * 32)
    assert ([one.name for one in trace.spans], trace.dropped) == (["early", "late"], 0)
    assert book.dropped == 3


def test_a_trace_that_is_not_there_says_why_it_may_not_be() -> None:
    with pytest.raises(ApiError, match="not sampled") as error:
        TraceBook().get("a" * 32)
    assert error.value.status == 404


def test_a_trace_has_room_for_so_many_spans_and_counts_the_others() -> None:
    book = TraceBook()
    book.report([span(name=f"s{number}") for number in range(MAX_SPANS + 7)], 0)
    trace = book.get("a" * 32)
    assert (len(trace.spans), trace.dropped, book.dropped) == (MAX_SPANS, 7, 7)


def test_the_oldest_traces_make_room() -> None:
    book = TraceBook()
    book.report([span(f"{number:032x}") for number in range(MAX_TRACES + 5)], 0)
    assert book.gone == 5
    with pytest.raises(ApiError):
        book.get(f"{4:032x}")
    assert book.get(f"{5:032x}").spans


def test_all_traces_together_are_bounded() -> None:
    book = TraceBook()
    traces = MAX_SPANS_HELD // MAX_SPANS + 3
    for number in range(traces):
        book.report([span(f"{number:032x}")] * MAX_SPANS, 0)
    assert book.gone == 3


def test_what_an_instance_did_is_below_the_try_that_asked_it() -> None:
    tries = [
        span(
            name=f"try {number}",
            parent="root",
            at=at,
            took_ms=10.0,
            attributes={"instance": who, "outcome": "200"},
        )
        for number, at, who in ((1, 1.0, "user-1"), (2, 1.1, "user-2"), (3, 1.2, "user-1"))
    ]
    served = [
        span(name="served 1", parent="root", process="user-1", at=1.001),
        span(name="served 2", parent="root", process="user-2", at=1.101),
        span(name="served 3", parent="root", process="user-1", at=1.201),
        span(name="served by nobody that was asked", parent="root", process="user-9", at=1.001),
        span(name="read", parent="served 1", process="user-1", at=1.002),
    ]
    parents = {one.name: one.parent for one in nested([*tries, *served])}
    assert [parents[f"served {number}"] for number in (1, 2, 3)] == ["try 1", "try 2", "try 3"]
    assert parents["served by nobody that was asked"] == "root"
    assert parents["read"] == "served 1"
    assert parents["try 1"] == "root"


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1), st.integers(0, 3)), max_size=12))
def test_nesting_never_loses_a_span_and_never_makes_a_circle(rows: list[tuple[int, float, int]]) -> None:
    spans = [
        span(
            name=f"s{number}",
            parent="root" if kind else None,
            at=at,
            process=f"p-{who}",
            attributes={"instance": f"p-{who}", "outcome": "200"} if kind == 1 else {},
        )
        for number, (kind, at, who) in enumerate(rows)
    ]
    found = nested(spans)
    assert [one.span for one in found] == [one.span for one in spans]
    parents = {one.span: one.parent for one in found}
    for start in parents:
        seen, at = set(), start
        while at in parents and parents[at] is not None:
            assert at not in seen
            seen.add(at)
            at = parents[at] or ""
