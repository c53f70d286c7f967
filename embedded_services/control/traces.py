"""The traces that were kept: spans of all processes, put together by their trace. Bounded in every direction.

Spans are held as they came over the wire, a third of the size of the objects; a trace is put together when somebody asks.
"""

from collections import OrderedDict
from typing import Final

import msgspec

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.traces import Span, Trace

MAX_TRACES: Final = 5_000
MAX_SPANS: Final = 200
"""Of one trace."""
MAX_SPANS_HELD: Final = 100_000
"""Of all traces together; the oldest traces go."""
_CLOCKS_AGREE_S: Final = 0.002

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Span).decode


class _Kept:
    __slots__ = ("dropped", "spans")

    def __init__(self) -> None:
        self.spans: list[bytes] = []
        self.dropped = 0


class TraceBook:
    """`dropped` counts spans that nobody can see any more: those that processes had no room for, and those beyond
    `MAX_SPANS`. Traces that made room for newer ones are `gone`."""

    def __init__(self) -> None:
        self._traces: OrderedDict[str, _Kept] = OrderedDict()
        self._held = 0
        self.dropped = 0
        self.gone = 0

    def report(self, spans: list[Span], dropped: int) -> None:
        """`dropped` spans could not be kept by who reports."""
        self.dropped += dropped
        for span in spans:
            kept = self._traces.get(span.trace)
            if kept is None:
                kept = self._traces[span.trace] = _Kept()
            if len(kept.spans) < MAX_SPANS:
                kept.spans.append(_encode(span))
                self._held += 1
            else:
                kept.dropped += 1
                self.dropped += 1
        while len(self._traces) > MAX_TRACES or self._held > MAX_SPANS_HELD:
            _, oldest = self._traces.popitem(last=False)
            self._held -= len(oldest.spans)
            self.gone += 1

    def get(self, trace: str) -> Trace:
        """Raises ApiError NOT_FOUND."""
        kept = self._traces.get(trace)
        if kept is None:
            raise ApiError(
                "NOT_FOUND",
                f"no trace {trace!r} is kept: its request was not sampled, is not over yet, or was long ago (the newest "
                f"{MAX_TRACES} are kept; gateway.tracesPerS says how many a second are sampled)",
            )
        spans = sorted((_decode(span) for span in kept.spans), key=lambda span: span.at)
        return Trace(id=trace, spans=nested(spans), dropped=kept.dropped)


def nested(spans: list[Span]) -> list[Span]:
    """The same spans, with what an instance did below the try that asked it for that. A request is sent with one
    `traceparent`, however often it is tried, so that the instances know only of the request."""
    tries = [span for span in spans if "instance" in span.attributes and "outcome" in span.attributes]
    own = {one.span for one in tries}
    return [span if span.span in own else _below_its_try(span, tries) for span in spans]


def _below_its_try(span: Span, tries: list[Span]) -> Span:
    asked = [
        one
        for one in tries
        if one.parent == span.parent
        and one.attributes["instance"] == span.process
        and one.at - _CLOCKS_AGREE_S <= span.at <= one.at + one.took_ms / 1000 + _CLOCKS_AGREE_S
    ]
    return msgspec.structs.replace(span, parent=asked[-1].span) if asked else span
