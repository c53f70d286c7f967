"""The control plane's reasons in the window's language: whole (`spoken`), and in the few words that a row has room for
(`in_short`). Pure.

A reason is made of clauses with semicolons between them. A clause that is not known here is shown as it is.
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
    return spoken(rest)


def spoken(reason: str) -> str:
    """The whole reason; in English as it is."""
    return "; ".join(_clause(clause) for clause in reason.split("; "))


def _clause(clause: str) -> str:
    for pattern, words in _CLAUSES:
        if found := pattern.fullmatch(clause):
            return words(found)
    return clause


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
            r"(?:by you \(SIGSTOP\); )?"
            r"(?:(?P<n>\d+) checks in a row|a check) failed: (?P<what>.*?)(?:; out of rotation at (?P<limit>\d+))?$"
        ),
        _checks_failed,
    ),
    (re.compile(r"by a fault \(SIGSTOP\); in rotation"), lambda _: tr("by a fault, still in rotation")),
    (
        re.compile(r"by a fault \(SIGSTOP\); (?P<rest>.*)$"),
        lambda found: tr("by a fault: {what}", what=in_short("", found["rest"])),
    ),
    (re.compile(r".*; ended (?P<n>\d+) times within (?P<s>\d+) s"), _ended),
    (re.compile(r"by you \(SIGSTOP\); in rotation"), lambda _: tr("by you, still in rotation")),
    (re.compile(r"process started, not ready yet$"), lambda _: tr("not ready yet")),
    (re.compile(r"listening, first check under way$"), lambda _: tr("first check under way")),
)


def _failed_in_a_row(found: re.Match[str]) -> str:
    return tr("{n} checks in a row failed: {what}", n=found[1], what=_clause(found[2]))


_CLAUSES: Final[Sequence[tuple[re.Pattern[str], _Words]]] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"about to start", lambda _: tr("about to start")),
        (r"process started, not ready yet", lambda _: tr("process started, not ready yet")),
        (r"listening, first check under way", lambda _: tr("listening, first check under way")),
        (r"passing its checks", lambda _: tr("passing its checks")),
        (r"no reply within (\d+) ms", lambda found: tr("no reply within {n} ms", n=found[1])),
        (r"connection refused", lambda _: tr("connection refused")),
        (r"answered (\d+)", lambda found: tr("answered {status}", status=found[1])),
        (r"a check failed: (.*)", lambda found: tr("a check failed: {what}", what=_clause(found[1]))),
        (r"(\d+) checks in a row failed: (.*)", _failed_in_a_row),
        (r"out of rotation at (\d+)", lambda found: tr("out of rotation at {n}", n=found[1])),
        (r"frozen", lambda _: tr("frozen")),
        (r"frozen by you \(SIGSTOP\)", lambda _: tr("frozen by you (SIGSTOP)")),
        (r"in rotation until its checks fail", lambda _: tr("in rotation until its checks fail")),
        (r"frozen by a fault \(SIGSTOP\)", lambda _: tr("frozen by a fault (SIGSTOP)")),
        (r"crashed by a fault", lambda _: tr("crashed by a fault")),
        (
            r"thawed as its fault ended, check under way",
            lambda _: tr("thawed as its fault ended, check under way"),
        ),
        (r"thawed by you, check under way", lambda _: tr("thawed by you, check under way")),
        (
            r"answers its checks: somebody else thawed it",
            lambda _: tr("answers its checks: somebody else thawed it"),
        ),
        (r"killed by you", lambda _: tr("killed by you")),
        (r"killed by a fault", lambda _: tr("killed by a fault")),
        (r"terminated by you", lambda _: tr("terminated by you")),
        (r"terminated by a fault", lambda _: tr("terminated by a fault")),
        (r"restarted by you", lambda _: tr("restarted by you")),
        (r"restarted by a fault", lambda _: tr("restarted by a fault")),
        (r"drained by you", lambda _: tr("drained by you")),
        (r"restart brings it back", lambda _: tr("restart brings it back")),
        (r"killed by signal (\d+)", lambda found: tr("killed by signal {n}", n=found[1])),
        (r"ended with exit code (\d+)", lambda found: tr("ended with exit code {n}", n=found[1])),
        (r"ended by itself, without an error", lambda _: tr("ended by itself, without an error")),
        (r"restarting", lambda _: tr("restarting")),
        (r"restarting in ([\d.]+) s", lambda found: tr("restarting in {s} s", s=found[1])),
        (
            r"ended (\d+) times within (\d+) s, restart it when the cause is gone",
            lambda found: tr(
                "ended {n} times within {s} s, restart it when the cause is gone", n=found[1], s=found[2]
            ),
        ),
    )
)
