"""How a sampled request is told when it has ended: the spans that are the gateway's part of its trace, and its picks. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from embedded_services.contracts.gateway import Pick
from embedded_services.contracts.settings import Strategy
from embedded_services.contracts.traces import Span
from embedded_services.gateway.exchange import Exchange, Trace
from embedded_services.gateway.story import Calling
from embedded_services.telemetry.spans import MAX_ATTRIBUTE, new_span_id

PROCESS: Final = "gateway"


def spans_of(exchange: Exchange, status: int, took_s: float, note: str) -> list[Span]:
    """The gateway's part of a sampled request's trace."""
    story, trace = exchange.story, exchange.trace
    if story is None:
        return []
    facts = {
        "status": str(status), "request": exchange.id, "path": exchange.request.path, "service": exchange.service or "",
        "instance": exchange.instance or "", "user": exchange.identity.user if exchange.identity else "", "note": note,
    }  # fmt: skip
    name = f"{exchange.request.method} {exchange.route or 'no route'}"
    teller = _Teller(trace, exchange.at - exchange.started)
    spans = [
        teller.tell(
            name, exchange.started, took_s, facts, ok=status < 500, span=trace.span_id, parent=trace.parent
        )
    ]
    spans += [
        teller.tell(step.name, step.began, step.took_s, {"error": step.error}, ok=not step.error)
        for step in story.steps
    ]
    for call in exchange.calls:
        if call.span is not None:
            spans.append(teller.tell(call.name, call.began, call.took_s, {}, span=call.span))
        spans += _tries(teller, call, call.span or trace.span_id)
    return spans


def picks_of(exchange: Exchange, strategies: Mapping[str, Strategy]) -> list[Pick]:
    """Each choice of an instance that the request needed."""
    moved = exchange.at - exchange.started
    return [
        Pick(
            at=call.began + moved + attempt.at_ms / 1000,
            service=call.service,
            strategy=strategies.get(call.service, Strategy.ROUND_ROBIN),
            attempt=number,
            chosen=attempt,
            request=exchange.id,
            trace=exchange.trace.trace_id,
        )
        for call in exchange.calls
        for number, attempt in enumerate(call.attempts, 1)
    ]


def _tries(teller: "_Teller", call: Calling, parent: str) -> Iterator[Span]:
    for number, attempt in enumerate(call.attempts, 1):
        began = call.began + attempt.at_ms / 1000
        if attempt.waited_ms:
            waited_s = attempt.waited_ms / 1000
            yield teller.tell(f"wait for try {number}", began - waited_s, waited_s, {}, parent=parent)
        facts = {
            "instance": attempt.instance,
            "reason": attempt.reason,
            "why": attempt.why,
            "outcome": attempt.outcome,
        }
        ok = attempt.outcome.isdecimal() and int(attempt.outcome) < 500
        name = f"try {number} {attempt.instance}"
        yield teller.tell(name, began, attempt.took_ms / 1000, facts, ok=ok, parent=parent)


class _Teller:
    """Makes spans of one trace. `moved` is the wall clock's reading less the monotonic one's."""

    def __init__(self, trace: Trace, moved: float) -> None:
        self._trace = trace
        self._moved = moved

    def tell(
        self,
        name: str,
        began: float,
        took_s: float,
        facts: Mapping[str, str],
        *,
        ok: bool = True,
        span: str | None = None,
        parent: str | None = "",
    ) -> Span:
        """Below the request's own span, unless another `parent` is given; facts that are empty go without saying."""
        return Span(
            trace=self._trace.trace_id,
            span=span or new_span_id(),
            parent=self._trace.span_id if parent == "" else parent,
            process=PROCESS,
            name=name,
            at=began + self._moved,
            took_ms=round(took_s * 1000, 3),
            ok=ok,
            attributes={key: value[:MAX_ATTRIBUTE] for key, value in facts.items() if value},
        )
