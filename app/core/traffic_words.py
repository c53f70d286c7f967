"""What is said of traffic, in the panel and in the top bar: rates, phases, how much of it fails. Pure."""

import math
from collections.abc import Sequence
from typing import Final

from app.core import figures
from app.core.language import tr
from embedded_services.contracts.traffic import (
    LEAST_RATE,
    MOST_RATE,
    Cause,
    Phase,
    Traffic,
    TrafficSample,
    TrafficTotals,
)

_STEPS: Final = ((1.0, 0.1), (10.0, 1.0), (100.0, 5.0), (500.0, 10.0), (1000.0, 50.0))


def rate_text(rate: float) -> str:
    """Without superfluous places: `0.5`, `120`, `1,500`."""
    return f"{rate:,.1f}".removesuffix(".0")


def next_rate(rate: float, *, more: bool) -> float:
    """A step up or down, of a size that suits the rate; to whole steps, within the bounds."""
    step = next((step for below, step in _STEPS if (rate < below if more else rate <= below)), 100.0)
    whole = rate / step
    count = math.floor(whole + 1e-9) + 1 if more else math.ceil(whole - 1e-9) - 1
    return min(MOST_RATE, max(LEAST_RATE, round(count * step, 3)))


def failed_percent(samples: Sequence[TrafficSample]) -> float | None:
    """Of what ended, or was not sent at all, in these samples; None for nothing."""
    unsent = sum(
        sample.errors.get(Cause.NOT_SENT, 0) + sample.errors.get(Cause.TOO_LATE, 0) for sample in samples
    )
    ended = sum(sample.done for sample in samples) + unsent
    return 100 * sum(sample.failed for sample in samples) / ended if ended else None


def totals_failed_percent(totals: TrafficTotals) -> float | None:
    unsent = totals.errors.get(Cause.NOT_SENT, 0) + totals.errors.get(Cause.TOO_LATE, 0)
    ended = totals.done + unsent
    return 100 * totals.failed / ended if ended else None


def percent_text(percent: float | None) -> str:
    """`0.5 %`; what is more than nothing never reads as nothing, nor less than all as all."""
    if percent is None:
        return figures.NONE
    if 0 < percent < 0.1:
        return tr("< 0.1 %")
    shown = 99.9 if 99.9 < percent < 100 else percent
    return tr("{n} %", n=f"{shown:.1f}".removesuffix(".0"))


def milliseconds(value: float | None) -> str:
    """Three figures that mean something: `6.2`, `24`, `18,710`."""
    return figures.decimal(value, 0 if value is not None and value >= 10 else 1)


def phase_text(traffic: Traffic | None, now: float) -> str:
    """One line: what it is doing, and for how long or why not."""
    if traffic is None:
        return tr("Not known yet")
    match traffic.phase:
        case Phase.STARTING | Phase.SIGNING_IN:
            return tr("Starting: the first client signs in")
        case Phase.RUNNING:
            return tr("Running for {time}", time=figures.lasting(now - (traffic.since or now)))
        case Phase.FINISHING:
            return tr("Waiting for {n} answers", n=figures.count(traffic.in_flight))
        case Phase.STOPPED:
            return tr("Stopped") if traffic.run else tr("Not started")


def cause_text(cause: str) -> str:
    """Why a request had no answer, in a word or two."""
    words: dict[str, str] = {
        Cause.REFUSED: tr("refused"),
        Cause.RESET: tr("reset"),
        Cause.CLOSED: tr("closed early"),
        Cause.TIMEOUT: tr("timed out"),
        Cause.MALFORMED: tr("no valid HTTP"),
        Cause.UNREACHABLE: tr("unreachable"),
        Cause.NO_ADDRESS: tr("no address"),
        Cause.CANCELLED: tr("given up at the stop"),
        Cause.NOT_SENT: tr("not sent"),
        Cause.TOO_LATE: tr("sent too late"),
        Cause.ORDER_CANCELLED: tr("order cancelled"),
    }
    return words.get(cause, cause)
