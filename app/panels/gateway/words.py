"""The gateway's decisions in words of the window's language. Pure.

The gateway says why in English sentences; here they are composed anew from what the decision was made of, and the
sentence itself is the tooltip. A word that is not known is shown as it is.
"""

from app.core import figures
from app.core.language import tr
from app.qt.tokens import Tone
from embedded_services.contracts.gateway import Attempt, BreakerState, Candidate
from embedded_services.contracts.settings import Strategy


def strategies() -> dict[str, str]:
    """Short, in the order of the toggle."""
    return {
        Strategy.ROUND_ROBIN: tr("round-robin"),
        Strategy.RANDOM: tr("random"),
        Strategy.LEAST_CONNECTIONS: tr("least connections"),
        Strategy.POWER_OF_TWO: tr("power of two"),
        Strategy.WEIGHTED_ROUND_ROBIN: tr("weighted"),
        Strategy.CONSISTENT_HASH: tr("hash"),
    }


def how_it_chooses() -> dict[str, str]:
    return {
        Strategy.ROUND_ROBIN: tr("Round-robin: each instance in turn."),
        Strategy.RANDOM: tr("Random: any instance, each as likely as the others."),
        Strategy.LEAST_CONNECTIONS: tr("Least connections: the instance with the fewest calls under way."),
        Strategy.POWER_OF_TWO: tr("Power of two: two at random, then the one with less load and latency."),
        Strategy.WEIGHTED_ROUND_ROBIN: tr("Weighted: in turn, each as often as its weight says."),
        Strategy.CONSISTENT_HASH: tr("Hash: the same key always goes to the same instance."),
    }


# --- picks ------------------------------------------------------------------------------------------------------------


def why_this_one(attempt: Attempt) -> str:
    """In few words, from what was compared."""
    able = [candidate for candidate in attempt.candidates if not candidate.out]
    others = [candidate for candidate in able if candidate.id != attempt.instance]
    chosen = next((one for one in able if one.id == attempt.instance), None)
    match attempt.reason:
        case "turn" if able:
            return tr("its turn, of {n}", n=len(able))
        case "random" if able:
            return tr("random, of {n}", n=len(able))
        case "only":
            return _only(attempt)
        case "retry":
            return _again(attempt)
        case "least" if chosen is not None and others:
            least = min(other.in_flight for other in others)
            return tr("{n} in flight against {least}", n=chosen.in_flight, least=least)
        case "power-of-two" if chosen is not None and others:
            return _two(chosen, others)
        case _:
            return _plain_reasons().get(attempt.reason) or attempt.why or attempt.reason


def _plain_reasons() -> dict[str, str]:
    """Of those that compare nothing, or where what was compared is not told."""
    return {
        "turn": tr("its turn"),
        "random": tr("random"),
        "weight": tr("its turn by weight"),
        "hash": tr("where its key belongs"),
        "hedge": tr("hedge: the first was slow to answer"),
        "probe": tr("probe: is it well again?"),
        "panic": tr("panic: too few left, all are used"),
    }


def _two(chosen: Candidate, others: list[Candidate]) -> str:
    mine, theirs = load(chosen), min((load(other) for other in others), key=len)
    if mine == theirs:
        return tr("2 sampled: both at {load}", load=mine)
    return tr("2 sampled: {mine} beats {theirs}", mine=mine, theirs=theirs)


def _only(attempt: Attempt) -> str:
    out = [candidate for candidate in attempt.candidates if candidate.out]
    if out:
        return tr("only one left: {instance} {why}", instance=out[0].id, why=out_word(out[0].out))
    return tr("only one in rotation")


def _again(attempt: Attempt) -> str:
    tried = [
        candidate.id for candidate in attempt.candidates if candidate.out and candidate.id != attempt.instance
    ]
    return tr("retry: not {instance} again", instance=tried[0]) if tried else tr("retry")


def load(candidate: Candidate) -> str:
    """The figure that the strategy compared."""
    value = candidate.in_flight if candidate.load is None else candidate.load
    return f"{value:,.0f}" if float(value).is_integer() else figures.decimal(value, 1 if value >= 10 else 2)


def out_word(out: str) -> str:
    words = {
        "breaker open": tr("breaker open"),
        "breaker-open": tr("breaker open"),
        "probing": tr("breaker half-open"),
        "ejected": tr("ejected"),
        "full": tr("full"),
        "tried": tr("tried already"),
        "failed": tr("just failed"),
    }
    return words.get(out, out)


# --- outcomes ---------------------------------------------------------------------------------------------------------


def outcome_word(outcome: str) -> str:
    """What came of a try: `answered 503`, `timed out`."""
    if outcome.isdigit():
        return tr("answered {status}", status=outcome)
    words = {
        "timeout": tr("timed out"),
        "timed out": tr("timed out"),
        "refused": tr("refused the connection"),
        "reset": tr("broke off"),
        "cancelled": tr("cancelled"),
        "lost": tr("lost the race"),
    }
    return words.get(outcome, outcome)


def has_failed(outcome: str) -> bool:
    return outcome >= "500" if outcome.isdigit() else outcome not in ("cancelled", "lost", "")


def rejection_word(cause: str) -> str:
    words = {
        "queue-full": tr("queue full"),
        "queue-timeout": tr("waited too long"),
        "nobody": tr("nobody in rotation"),
        "breakers-open": tr("all breakers open"),
    }
    return words.get(cause, cause)


# --- breakers ---------------------------------------------------------------------------------------------------------


def breaker_word(state: str) -> str:
    words = {
        BreakerState.CLOSED: tr("closed"),
        BreakerState.OPEN: tr("open"),
        BreakerState.HALF_OPEN: tr("half-open"),
        EJECTED: tr("ejected"),
    }
    return dict(words).get(state, state)


def breaker_tone(state: str) -> Tone:
    tones: dict[str, Tone] = {"open": "bad", "half-open": "warn", EJECTED: "warn", "closed": "text_muted"}
    return tones.get(state, "text")


EJECTED = "ejected"
"""Shown in a breaker's place: out for a while because it failed several times in a row."""


def status_mark(status: int) -> str:
    """The lamp of an answer's status."""
    if status < 400:
        return "healthy"
    return "degraded" if status < 500 else "unhealthy"
