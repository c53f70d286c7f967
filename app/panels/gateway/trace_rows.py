"""One request as bars over time: the tries that the gateway told of, or all spans of its trace. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.core import figures
from app.core.language import tr
from app.panels.gateway.words import has_failed, outcome_word
from embedded_services.contracts.system import RequestRecord
from embedded_services.contracts.traces import Span, Trace

BarKind = Literal["gateway", "work", "inner", "wait", "failed"]


@dataclass(frozen=True)
class TraceBar:
    """`start` and `took` in milliseconds of the request; `figure` stands at the right."""

    label: str
    depth: int
    start: float
    took: float
    kind: BarKind
    figure: str
    tooltip: str = ""


@dataclass(frozen=True)
class TraceView:
    """`span` is the whole width in milliseconds; `note` says what is not there, and why."""

    bars: tuple[TraceBar, ...]
    span: float
    note: str = ""


def of_record(record: RequestRecord, note: str = "") -> TraceView:
    """By the record alone: the whole, and each try with the wait before it."""
    bars = [TraceBar("gateway", 0, 0.0, record.took_ms, "gateway", figures.decimal(record.took_ms))]
    for number, attempt in enumerate(record.attempts, 1):
        if attempt.waited_ms >= 0.05:
            start = max(0.0, attempt.at_ms - attempt.waited_ms)
            label = tr("wait {ms} ms", ms=figures.decimal(attempt.waited_ms))
            bars.append(TraceBar(label, 1, start, attempt.waited_ms, "wait", ""))
        failed = has_failed(attempt.outcome)
        figure = attempt.outcome if failed and attempt.outcome.isdigit() else figures.decimal(attempt.took_ms)
        told = f"{attempt.instance} {outcome_word(attempt.outcome)}: {attempt.why}"
        label = tr("try {n} {instance}", n=number, instance=attempt.instance)
        kind: BarKind = "failed" if failed else "work"
        bars.append(TraceBar(label, 1, attempt.at_ms, attempt.took_ms, kind, figure, told))
    return TraceView(tuple(bars), _width(bars, record.took_ms), note)


def of_trace(record: RequestRecord, trace: Trace) -> TraceView:
    """All spans, each below its parent; a span whose parent was not kept stands at the top."""
    if not trace.spans:
        return of_record(record, tr("No span of it was kept."))
    known = {span.span for span in trace.spans}
    children: dict[str | None, list[Span]] = {}
    for span in sorted(trace.spans, key=lambda span: span.at):
        children.setdefault(span.parent if span.parent in known else None, []).append(span)
    start = min(span.at for span in trace.spans)
    bars: list[TraceBar] = []
    _add(bars, children, None, start, 0)
    dropped = tr("{n} spans were not kept", n=trace.dropped) if trace.dropped else ""
    return TraceView(tuple(bars), _width(bars, record.took_ms), dropped)


def _add(
    bars: list[TraceBar], children: dict[str | None, list[Span]], parent: str | None, start: float, depth: int
) -> None:
    for span in children.get(parent, ()):
        bars.append(_bar(span, start, depth))
        if depth < 12:
            _add(bars, children, span.span, start, depth + 1)


def _bar(span: Span, start: float, depth: int) -> TraceBar:
    kind: BarKind = "gateway" if depth == 0 else "work" if depth == 1 else "inner"
    if not span.ok:
        kind = "failed"
    elif span.name.startswith(("wait", "queue")):
        kind = "wait"
    facts = [f"{span.process}: {span.name}", tr("{ms} ms", ms=figures.decimal(span.took_ms, 2))]
    facts += [f"{name}: {value}" for name, value in span.attributes.items()]
    label = span.process if depth == 0 else span.name
    status = span.attributes.get("status", "")
    figure = status if not span.ok and status else figures.decimal(span.took_ms)
    return TraceBar(label, depth, (span.at - start) * 1000, span.took_ms, kind, figure, "\n".join(facts))


def _width(bars: Sequence[TraceBar], took_ms: float) -> float:
    return max([took_ms, *(bar.start + bar.took for bar in bars)], default=0.0) or 1.0
