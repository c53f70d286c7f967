import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.traces import Span
from embedded_services.telemetry.spans import SpanBook, is_traced, span, traceparent
from tests.helpers.clock import FakeClock

PARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


def book(capacity: int = 100) -> SpanBook:
    return SpanBook("user-1", FakeClock(), capacity)


def told(spans: SpanBook) -> list[Span]:
    return spans.take()[0]


def test_spans_hang_together_and_the_inner_ones_are_told_first() -> None:
    spans = book()
    with spans.serving(PARENT, "GET /users") as facts:
        assert facts is not None
        facts.note("status", "200")
        with span("read"):
            assert is_traced()
            inner = traceparent()
    read, server = told(spans)
    assert (server.parent, server.name, server.attributes) == ("b" * 16, "GET /users", {"status": "200"})
    assert (read.parent, read.trace, read.process) == (server.span, "a" * 32, "user-1")
    assert inner == f"00-{'a' * 32}-{read.span}-01"
    assert not is_traced()


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        PARENT[:-2] + "00",
        "ff" + PARENT[2:],
        PARENT.replace("a", "0"),
        PARENT.replace("b", "0"),
        "x-01",
    ],
)
def test_what_is_not_traced_tells_nothing(given: str | None) -> None:
    spans = book()
    with spans.serving(given, "GET /users") as facts, span("read"):
        assert facts is None
        assert traceparent() is None
    assert spans.beat() is None


def test_an_error_is_told_and_goes_on() -> None:
    spans = book()
    with pytest.raises(ValueError, match="broken"), spans.serving(PARENT, "GET /users"), span("read"):
        raise ValueError("broken" * 100)
    assert [(one.ok, len(one.attributes["error"])) for one in told(spans)] == [(False, 200)] * 2


@given(st.integers(0, 30), st.integers(1, 20))
def test_what_finds_no_room_is_counted_and_the_reporter_woken_once(number: int, capacity: int) -> None:
    spans, woken = book(capacity), []
    spans.wake = lambda: woken.append(True)
    for _ in range(number):
        with spans.serving(PARENT, "x"):
            pass
    assert len(woken) == (number > 0)
    beat = spans.beat()
    if number:
        assert beat is not None
        assert (len(beat.spans), beat.spans_dropped) == (min(number, capacity), max(0, number - capacity))
    else:
        assert beat is None
    assert spans.beat() is None


async def test_requests_at_the_same_time_do_not_get_into_each_other_s_traces() -> None:
    spans = book()

    async def serve(trace: str) -> None:
        with spans.serving(f"00-{trace * 32}-{'b' * 16}-01", "outer"):
            await asyncio.sleep(0)
            with span("inner"):
                await asyncio.sleep(0)

    await asyncio.gather(*(serve(trace) for trace in "1234"))
    by_trace: dict[str, list[Span]] = {}
    for one in told(spans):
        by_trace.setdefault(one.trace, []).append(one)
    assert len(by_trace) == 4
    for inner, outer in by_trace.values():
        assert (inner.name, outer.name, inner.parent) == ("inner", "outer", outer.span)
