"""The gateway's decisions in words of the window's language. Pure.

The gateway says why in English sentences; here they are composed anew from what the decision was made of, and the
sentence itself is the tooltip. A word that is not known is shown as it is.
"""

from app.core.language import tr
from app.qt.tokens import Tone
from embedded_services.contracts.gateway import BreakerState, Target
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


# --- outcomes ---------------------------------------------------------------------------------------------------------


def outcome_word(outcome: str) -> str:
    """What came of a try: `answered 503`, `did not answer in time`."""
    if outcome.isdigit():
        return tr("answered {status}", status=outcome)
    words = {
        "refused the connection": tr("refused the connection"),
        "did not accept the connection in time": tr("did not accept the connection in time"),
        "had closed the connection that was kept open": tr("had closed the connection that was kept open"),
        "closed the connection without an answer": tr("closed the connection without an answer"),
        "did not answer in time": tr("did not answer in time"),
        "answered something that is not HTTP": tr("answered something that is not HTTP"),
        "cancelled": tr("cancelled: another was faster"),
    }
    return words.get(outcome.partition(" (")[0].partition(":")[0], outcome)


def has_failed(outcome: str) -> bool:
    return outcome >= "500" if outcome.isdigit() else bool(outcome) and not outcome.startswith("cancelled")


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


# --- instances --------------------------------------------------------------------------------------------------------


def status_word(status: str) -> str:
    """Of an instance that gets no calls."""
    words = {
        "starting": tr("starting"),
        "healthy": tr("out of rotation"),
        "unhealthy": tr("unhealthy"),
        "draining": tr("draining"),
        "stopped": tr("stopped"),
        "lost": tr("lost"),
        "frozen": tr("frozen"),
        "crash-looping": tr("crash-looping"),
    }
    return words.get(status, status)


def kept_out_word(target: Target) -> str:
    """Of an instance in rotation that may not be picked now."""
    if target.breaker.state is BreakerState.OPEN:
        return tr("breaker open")
    if target.breaker.state is BreakerState.HALF_OPEN:
        return tr("breaker half-open")
    return tr("ejected") if target.ejected_until is not None else target.why
