"""Spans of requests that are traced (W3C Trace Context, flag 01): who is asked, what it does for that, and what is sent up.

A request that is not traced costs one look at a context variable where it could begin a span. A traced one tells its
spans to a `SpanBook`, which is bounded, counts what it had no room for, and wakes whoever sends it.
"""

import contextlib
import contextvars
import re
import secrets
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from embedded_services.common.clock import Clock
from embedded_services.contracts.agent import Beat
from embedded_services.contracts.traces import Span

CAPACITY: Final = 1_000
MAX_ATTRIBUTE: Final = 200
_SAMPLED: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-01(-.*)?")


class SpanBook:
    """The spans that one process has not told yet. `wake` is called when there is something to tell, if nothing was before."""

    def __init__(self, process: str, clock: Clock, capacity: int = CAPACITY) -> None:
        self._process = process
        self._clock = clock
        self._capacity = capacity
        self._spans: list[Span] = []
        self._dropped = 0
        self.wake: Callable[[], None] = _nobody

    def add(self, span: Span) -> None:
        if not (self._spans or self._dropped):
            self.wake()
        if len(self._spans) < self._capacity:
            self._spans.append(span)
        else:
            self._dropped += 1

    def take(self) -> tuple[list[Span], int]:
        """All that waits, and how many found no room."""
        told = self._spans, self._dropped
        self._spans, self._dropped = [], 0
        return told

    def beat(self) -> Beat | None:
        """What waits, for the agent link."""
        spans, dropped = self.take()
        return Beat(spans=spans, spans_dropped=dropped) if spans or dropped else None

    @contextlib.contextmanager
    def serving(self, traceparent: str | None, name: str) -> Iterator["Facts | None"]:
        """What happens inside, and in all it calls, is the span `name` of the caller's trace, if that is traced; else None,
        and nothing is told."""
        if traceparent is None or (found := _SAMPLED.fullmatch(traceparent)) is None:
            yield None
            return
        token = _current.set(_Place(self, found[1], found[2]))
        try:
            with span(name) as facts:
                yield facts
        finally:
            _current.reset(token)

    def _tell(self, place: "_Place", name: str, parent: str, began: float, facts: "Facts") -> None:
        took_s = self._clock.monotonic() - began
        self.add(
            Span(
                trace=place.trace,
                span=place.span,
                parent=parent,
                process=self._process,
                name=name,
                at=self._clock.now() - took_s,
                took_ms=round(took_s * 1000, 3),
                ok=facts.ok,
                attributes=facts.attributes,
            )
        )


class Facts:
    """What a span says of itself: set while it lasts."""

    __slots__ = ("attributes", "ok")

    def __init__(self) -> None:
        self.ok = True
        self.attributes: dict[str, str] = {}

    def note(self, name: str, value: str) -> None:
        self.attributes[name] = value[:MAX_ATTRIBUTE]


class _Place(NamedTuple):
    book: SpanBook
    trace: str
    span: str


_current: Final[contextvars.ContextVar[_Place | None]] = contextvars.ContextVar("place", default=None)


@contextlib.contextmanager
def span(name: str) -> Iterator[Facts]:
    """What happens inside is a span of the request that is being served, if that is traced. An exception makes it one that
    failed, and its text the attribute `error`."""
    outer = _current.get()
    facts = Facts()
    if outer is None:
        yield facts
        return
    place = _Place(outer.book, outer.trace, new_span_id())
    began = outer.book._clock.monotonic()
    token = _current.set(place)
    try:
        yield facts
    except BaseException as error:
        facts.ok = False
        facts.note("error", str(error) or type(error).__name__)
        raise
    finally:
        _current.reset(token)
        outer.book._tell(place, name, outer.span, began, facts)


def is_traced() -> bool:
    """Whether what runs now is part of a traced request."""
    return _current.get() is not None


def traceparent() -> str | None:
    """What a call made now tells its callee; None outside of a traced request."""
    place = _current.get()
    return None if place is None else f"00-{place.trace}-{place.span}-01"


def new_span_id() -> str:
    return secrets.token_hex(8)


def _nobody() -> None: ...
