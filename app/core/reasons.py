"""A reason in the few words that a row has room for; the whole of it stands in the tooltip and in the inspector. Pure.

Reasons are the control plane's sentences. One that is not known here is shown as it is.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from app.core.language import tr

_NO_REPLY: Final = "no reply"


def in_short(status: str, reason: str) -> str:
    """`frozen; 3 checks in a row failed: no reply within 500 ms` → `no reply to 3 checks`: without the status, too."""
    rest = reason[len(status) :].lstrip(" ;:,") if reason.startswith(status) else reason
    for pattern, words in _SHORTER:
        if found := pattern.match(rest):
            return words(found)
    return rest


def _checks_failed(found: re.Match[str]) -> str:
    count, what, limit = int(found["n"] or 1), found["what"], found["limit"]
    if limit and what.startswith(_NO_REPLY):
        return tr("no reply to {n} of {limit} checks", n=count, limit=limit)
    if limit:
        return tr("{n} of {limit} checks failed: {what}", n=count, limit=limit, what=what)
    if what.startswith(_NO_REPLY):
        return tr("no reply to a check") if count == 1 else tr("no reply to {n} checks", n=count)
    return (
        tr("a check failed: {what}", what=what)
        if count == 1
        else tr("{n} checks failed: {what}", n=count, what=what)
    )


def _ended(found: re.Match[str]) -> str:
    return tr("{n} ends in {s} s", n=found["n"], s=found["s"])


_Words = Callable[[re.Match[str]], str]

_SHORTER: Final[Sequence[tuple[re.Pattern[str], _Words]]] = (
    (
        re.compile(
            r"(?:(?P<n>\d+) checks in a row|a check) failed: (?P<what>.*?)(?:; out of rotation at (?P<limit>\d+))?$"
        ),
        _checks_failed,
    ),
    (re.compile(r".*; ended (?P<n>\d+) times within (?P<s>\d+) s"), _ended),
    (re.compile(r"by you \(SIGSTOP\); in rotation"), lambda _: tr("by you, still in rotation")),
    (re.compile(r"process started, not ready yet$"), lambda _: tr("not ready yet")),
    (re.compile(r"listening, first check under way$"), lambda _: tr("first check under way")),
)
