"""What a fault asked for, did, and what clients saw of it: three lines of a bar, a figure and words. Pure."""

from dataclasses import dataclass
from typing import Final

from app.core import figures
from app.core.fault_words import lasts
from app.core.language import tr
from app.qt.tokens import Tone
from embedded_services.contracts.faults import Fault, FaultKindInfo, FaultLayer

_SMALL: Final = 0.0995


@dataclass(frozen=True)
class ProofLine:
    """`share` fills the bar; None: there is nothing to show yet."""

    word: str
    share: float | None
    tone: Tone
    figure: str
    says: str


def proof_of(fault: Fault, info: FaultKindInfo | None) -> tuple[ProofLine, ProofLine, ProofLine]:
    """Asked, injected, seen."""
    draws = info is None or info.draws
    return _asked(fault, draws=draws), _injected(fault, info, draws=draws), _seen(fault)


def _asked(fault: Fault, *, draws: bool) -> ProofLine:
    if not draws:
        return ProofLine(tr("asked"), 1.0, "text_muted", tr("yes"), tr("for {time}", time=lasts(fault.ttl)))
    figure = percent(fault.probability)
    return ProofLine(tr("asked"), fault.probability, "text_muted", figure, tr("seed {seed}", seed=fault.seed))


def _injected(fault: Fault, info: FaultKindInfo | None, *, draws: bool) -> ProofLine:
    proof = fault.proof
    if not draws:
        figure = tr("yes") if proof.injected else tr("no")
        says = fault.detail or (
            tr("{n} times", n=figures.count(proof.injected)) if proof.injected > 1 else ""
        )
        return ProofLine(tr("injected"), 1.0 if proof.injected else None, "fault", figure, says)
    if not proof.eligible:
        return ProofLine(
            tr("injected"), None, "fault", figures.NONE, fault.detail or tr("nothing passed yet")
        )
    share = proof.injected / proof.eligible
    says = tr("{n} of {total}", n=figures.count(proof.injected), total=figures.count(proof.eligible))
    return ProofLine(tr("injected"), share, "fault", percent(share), f"{says} {_units(info)}")


def _seen(fault: Fault) -> ProofLine:
    proof = fault.proof
    if not proof.client_requests or proof.client_failures is None:
        says = proof.clients_note or tr("no client met it yet")
        return ProofLine(tr("seen"), None, "text_muted", figures.NONE, says)
    share = proof.client_failures / proof.client_requests
    says = tr(
        "{n} of {total} requests failed",
        n=figures.count(proof.client_failures),
        total=figures.count(proof.client_requests),
    )
    if proof.added_ms is not None and proof.added_ms.p50 is not None:
        says += ", " + tr("+{p50} ms, p99 +{p99} ms", **_added(proof.added_ms.p50, proof.added_ms.p99))
    return ProofLine(tr("seen"), share, "bad" if proof.client_failures else "ok", percent(share), says)


def _added(p50: float, p99: float | None) -> dict[str, str]:
    return {"p50": f"{p50:,.0f}", "p99": figures.NONE if p99 is None else f"{p99:,.0f}"}


def _units(info: FaultKindInfo | None) -> str:
    """What was counted."""
    if info is None:
        return ""
    words = {
        FaultLayer.EDGE: tr("tries"),
        FaultLayer.SERVICE: tr("requests"),
        FaultLayer.BUS: tr("messages"),
        FaultLayer.DATABASE: tr("transactions"),
        FaultLayer.ORCHESTRATOR: tr("calls"),
    }
    return words.get(info.layer, "")


def percent(share: float) -> str:
    value = share * 100
    if value in (0, 100) or value >= 10:
        return f"{value:.1f} %".replace(".0 %", " %")
    return f"{value:.1f} %".replace(".0 %", " %") if value >= _SMALL else tr("< 0.1 %")
