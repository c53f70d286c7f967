"""Why this one: a choice of the gateway in few words of the window's language. Pure.

The gateway says why in English sentences. What such a sentence tells in figures is taken from it; one of another wording
gives way to what the choice itself tells (its reason, in a word, and its candidates); and if that is not known either,
the sentence is shown as it is.
"""

import re
from collections.abc import Callable
from typing import Final

from app.core import figures
from app.core.language import tr
from embedded_services.contracts.gateway import Attempt, Candidate

_TOLD: Final[tuple[tuple[re.Pattern[str], Callable[..., str]], ...]] = (
    (re.compile(r"turn: after (?P<before>\S+)"), lambda before: tr("turn: after {before}", before=before)),
    (
        re.compile(r"2 sampled: (?P<mine>\S+) beats (?P<theirs>\S+)"),
        lambda mine, theirs: tr("2 sampled: {mine} beats {theirs}", mine=mine, theirs=theirs),
    ),
    (re.compile(r"2 sampled: (?P<load>\S+) equals \S+"), lambda load: tr("2 sampled: both at {load}", load=load)),
    (re.compile(r"weight (?P<n>\d+) of (?P<total>\d+)"), lambda n, total: tr("weight {n} of {total}", n=n, total=total)),
    (
        re.compile(r"hash of \S+ lands on (?P<owner>\S+), and here next"),
        lambda owner: tr("hash lands on {owner}, and here next", owner=owner),
    ),
    (re.compile(r"no key: drawn by lot from (?P<n>\d+)"), lambda n: tr("no key: random, of {n}", n=n)),
    (re.compile(r"drawn by lot from (?P<n>\d+)"), lambda n: tr("random, of {n}", n=n)),
    (re.compile(r"only one of (?P<n>\d+) that may be used"), lambda n: tr("only one of {n} that may be used", n=n)),
    (
        re.compile(r"first to have a free slot, after (?P<ms>\d+) ms in the line"),
        lambda ms: tr("first free slot, after {ms} ms in line", ms=ms),
    ),
    (
        re.compile(r"retry: (?P<instance>\S+) again, on a new connection"),
        lambda instance: tr("retry: {instance} again, new connection", instance=instance),
    ),
    (
        re.compile(r"retry: not (?P<instance>.+) again"),
        lambda instance: tr("retry: not {instance} again", instance=instance.replace(" or ", ", ")),
    ),
    (
        re.compile(r"hedge: no answer from (?P<instance>\S+) after (?P<ms>\d+) ms"),
        lambda instance, ms: tr("hedge: no answer from {instance} in {ms} ms", instance=instance, ms=ms),
    ),
)  # fmt: skip


def why_this_one(attempt: Attempt) -> str:
    for pattern, said in _TOLD:
        if (told := pattern.fullmatch(attempt.why)) is not None:
            return said(**told.groupdict())
    able = [candidate for candidate in attempt.candidates if not candidate.out]
    if attempt.reason == "least" and (least := _least(attempt, able)):
        return least
    if attempt.reason in ("turn", "random") and able:
        turn = attempt.reason == "turn"
        return tr("its turn, of {n}", n=len(able)) if turn else tr("random, of {n}", n=len(able))
    return _reasons().get(attempt.reason) or attempt.why or attempt.reason


def _least(attempt: Attempt, able: list[Candidate]) -> str:
    mine = next((one.in_flight for one in able if one.id == attempt.instance), None)
    others = [one.in_flight for one in able if one.id != attempt.instance]
    if mine is None or not others:
        return ""
    return tr("{n} in flight against {least}", n=mine, least=min(others))


def _reasons() -> dict[str, str]:
    return {
        "turn": tr("its turn"),
        "random": tr("random"),
        "weight": tr("its turn by weight"),
        "hash": tr("hash lands here"),
        "only": tr("only one in rotation"),
        "retry": tr("retry"),
        "hedge": tr("hedge: the first was slow to answer"),
        "probe": tr("probe: breaker half-open"),
        "panic": tr("panic: too few left, all are used"),
    }


# --- candidates -------------------------------------------------------------------------------------------------------


def load(candidate: Candidate) -> str:
    """The figure that the strategy compared."""
    value = candidate.in_flight if candidate.load is None else candidate.load
    return f"{value:,.0f}" if float(value).is_integer() else figures.decimal(value, 1 if value >= 10 else 2)


def out_word(out: str) -> str:
    """What keeps a candidate out, in a word; the gateway's sentence goes on after a colon."""
    words = {
        "breaker open": tr("breaker open"),
        "breaker half-open": tr("breaker half-open"),
        "ejected": tr("ejected"),
        "full": tr("full"),
        "tried already": tr("tried already"),
    }
    return words.get(out.partition(":")[0], out)
