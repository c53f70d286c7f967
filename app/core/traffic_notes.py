"""What the system says of traffic, in the window's language: why it stopped, and what its figures do not say. Pure.

What is not known here is shown as it is.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from app.core.language import tr
from app.core.reasons import spoken

_Words = Callable[[re.Match[str]], str]


def said(text: str) -> str:
    """In English as it is."""
    for pattern, words in _NOTES:
        if found := pattern.fullmatch(text):
            return words(found)
    return spoken(text)


def is_known(text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern, _ in _NOTES)


_NOTES: Final[Sequence[tuple[re.Pattern[str], _Words]]] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"stopped by you", lambda _: tr("stopped by you")),
        (
            r"stopped by you; its process did not answer, and was killed",
            lambda _: tr("stopped by you; its process did not answer, and was killed"),
        ),
        (r"its ([\d.]+) s are over", lambda found: tr("its {n} s are over", n=found[1])),
        (r"its process was restarted", lambda _: tr("its process was restarted")),
        (r"its process ended: (.*)", lambda found: tr("its process ended: {why}", why=spoken(found[1]))),
        (
            r"the control plane was started anew: traffic does not go on by itself",
            lambda _: tr("the control plane was started anew: traffic does not go on by itself"),
        ),
        (
            r"Sign-in failed: (.*)\. It is tried again; requests without a token are refused with 401\.",
            lambda found: tr(
                "Sign-in failed: {why}. It is tried again; requests without a token are refused with 401.",
                why=found[1],
            ),
        ),
        (
            r"([\d,]+) requests were not sent: ([\d,]+) were in flight already\.",
            lambda found: tr(
                "{n} requests were not sent: {most} were in flight already.", n=found[1], most=found[2]
            ),
        ),
        (
            r"([\d,]+) requests were not sent: the generator itself was held up for too long\.",
            lambda found: tr(
                "{n} requests were not sent: the generator itself was held up for too long.", n=found[1]
            ),
        ),
        (
            r"The generator itself sends up to ([\d,]+) ms late \(1 % later still\): this machine is busy\. "
            r"Latencies include that\.",
            lambda found: tr(
                "The generator itself sends up to {ms} ms late (1 % later still): this machine is busy. "
                "Latencies include that.",
                ms=found[1],
            ),
        ),
        (
            r"All ([\d,]+) clients share one source address, because this platform has only one: a limit by address "
            r"sees one client\.",
            lambda found: tr(
                "All {n} clients share one source address, because this platform has only one: a limit by address "
                "sees one client.",
                n=found[1],
            ),
        ),
        (
            r"([\d,]+) clients act for (\d+) accounts: signing in more would cost the user service a password hash each\.",
            lambda found: tr(
                "{n} clients act for {m} accounts: signing in more would cost the user service a password hash each.",
                n=found[1],
                m=found[2],
            ),
        ),
        (
            r"The limits in force let one client send ([\d,.e+]+) requests a second: the gateway refuses the rest with 429\.",
            lambda found: tr(
                "The limits in force let one client send {rate} requests a second: the gateway refuses the rest with 429.",
                rate=found[1],
            ),
        ),
        (
            r"The limits in force let ([\d,]+) clients send ([\d,.e+]+) requests a second: the gateway refuses the rest "
            r"with 429\.",
            lambda found: tr(
                "The limits in force let {n} clients send {rate} requests a second: the gateway refuses the rest with 429.",
                n=found[1],
                rate=found[2],
            ),
        ),
    )
)
