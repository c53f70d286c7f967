"""Traces: what happened to one request, process by process, as spans of the W3C trace context."""

from embedded_services.contracts.wire import Message, Timestamp


class Span(Message, frozen=True):
    """Something that took time. Ids are lower-case hex as in `traceparent`; `parent` is null for the first span that we
    know of. `process` is who did it; `attributes` are short facts (`status`, `why`, `error`)."""

    trace: str
    span: str
    parent: str | None
    process: str
    name: str
    at: Timestamp
    took_ms: float
    ok: bool = True
    attributes: dict[str, str] = {}


class Trace(Message, frozen=True):
    """All spans of a trace that were kept, by start; `dropped` spans were not."""

    id: str
    spans: list[Span]
    dropped: int = 0
