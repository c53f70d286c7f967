"""When faults were in force: what is shaded behind the curves. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from embedded_services.contracts.faults import Fault, FaultState


@dataclass(frozen=True)
class FaultSpan:
    """Seconds since the epoch; `end` is None while it is in force."""

    id: str
    text: str
    start: float
    end: float | None


def spans_of(faults: Iterable[Fault]) -> list[FaultSpan]:
    """Those that acted, the earliest first."""
    found = [
        FaultSpan(fault.id, _text(fault), fault.armed_at, _end(fault))
        for fault in faults
        if fault.state is not FaultState.PENDING
    ]
    return sorted(found, key=lambda span: (span.start, span.id))


def shown_in(spans: Iterable[FaultSpan], start: float, end: float) -> list[FaultSpan]:
    """Those of which something lies between the two."""
    return [span for span in spans if span.start < end and (span.end is None or span.end > start)]


def _end(fault: Fault) -> float | None:
    if fault.state is FaultState.ACTIVE:
        return None
    return fault.ended_at if fault.ended_at is not None else fault.expires_at


def _text(fault: Fault) -> str:
    """`latency payment-2 · 10 %`: a name is a name in every language."""
    target = fault.target
    parts = (target.instance, target.service, target.process, target.route, target.queue, target.step)
    where = next((part for part in parts if part), "")
    share = "" if fault.probability >= 1 else f" · {100 * fault.probability:g} %"
    return f"{fault.kind} {where}".strip() + share
