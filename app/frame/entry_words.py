"""An entry of the timeline in the window's language and shapes: few words in a chain, more of them where it is looked at.
Pure but for the language.

What a person did is violet, whatever it is; what came of it is red and amber; each kind has a mark of its own.
"""

from collections.abc import Callable
from typing import Final

from app.core import figures
from app.core.language import tr
from app.core.statuses import status_word
from app.qt.tokens import Tone
from embedded_services.contracts.timeline import TimelineEntry, TimelineTone
from embedded_services.contracts.timeline import TimelineKind as Kind

_TONES: Final[dict[TimelineTone, Tone]] = {
    TimelineTone.FAULT: "fault",
    TimelineTone.YOU: "fault",
    TimelineTone.BAD: "bad",
    TimelineTone.WARN: "warn",
    TimelineTone.OK: "ok",
    TimelineTone.INFO: "unknown",
}
_ICONS: Final[dict[Kind, str]] = {
    Kind.FAULT_ARMED: "bolt",
    Kind.FAULT_INJECTED: "bolt",
    Kind.FAULT_EXPIRED: "clock",
    Kind.FAULT_REMOVED: "undo",
    Kind.ACTION: "user",
    Kind.CHECK_FAILED: "warning",
    Kind.OUT_OF_ROTATION: "kill",
    Kind.IN_ROTATION: "check",
    Kind.EXIT: "terminate",
    Kind.RESTART: "restart",
    Kind.CALLS_FAILED: "warning",
    Kind.RETRIES: "undo",
    Kind.EJECTED: "kill",
    Kind.RETURNED: "check",
    Kind.BREAKER_OPENED: "breaker-open",
    Kind.BREAKER_HALF_OPEN: "breaker-half-open",
    Kind.BREAKER_CLOSED: "breaker-closed",
    Kind.PANIC: "warning",
    Kind.OVERLOAD: "warning",
    Kind.PICKS_MOVED: "gateway",
    Kind.STRATEGY: "gateway",
    Kind.LIMITS: "limits",
    Kind.SETTINGS: "edit",
    Kind.LIMITED_BURST: "limits",
    Kind.ERROR_BURST: "kill",
    Kind.DEAD_LETTER: "events",
    Kind.OUTBOX: "events",
    Kind.SAGA_COMPENSATING: "undo",
    Kind.SAGA_ENDED: "sagas",
    Kind.SAGA_FAILED: "kill",
    Kind.TRAFFIC_STARTED: "traffic",
    Kind.TRAFFIC_STOPPED: "stop",
    Kind.BROKER_LOST: "kill",
    Kind.BROKER_BACK: "check",
    Kind.MISSED: "info",
}
_ACTION_ICONS: Final = {"kill", "terminate", "freeze", "thaw", "restart", "drain"}


def tone_of(entry: TimelineEntry) -> Tone:
    return _TONES[entry.tone]


def is_deed(entry: TimelineEntry) -> bool:
    """A person did it: it is shown on a tint of its own."""
    return entry.tone in (TimelineTone.FAULT, TimelineTone.YOU) and entry.kind is not Kind.FAULT_INJECTED


def icon_of(entry: TimelineEntry) -> str:
    """The icon, or empty for a status, which has its lamp."""
    if entry.kind is Kind.ACTION and entry.word in _ACTION_ICONS:
        return "bolt" if entry.tone is TimelineTone.FAULT else entry.word
    return _ICONS.get(entry.kind, "")


def lamp_of(entry: TimelineEntry) -> str:
    """The status whose lamp it has, if it has no icon."""
    return {"registered": "healthy", "gone": "stopped"}.get(entry.word, entry.word or "unknown")


def place_of(entry: TimelineEntry) -> str:
    subject = entry.subject
    return (
        subject.instance
        or subject.process
        or subject.queue
        or subject.step
        or subject.service
        or subject.event
        or subject.route
        or subject.saga
        or ""
    )


def short_saga(saga: str | None) -> str:
    """Its last three characters, as they stand in the list of sagas too."""
    return (saga or "")[-4:]


def in_chain(entry: TimelineEntry, cause: TimelineEntry | None) -> str:
    """The few words that a chain has room for; whose it is goes without saying where that is the place of its cause."""
    words = _WORDS[entry.kind](entry)
    place = place_of(entry)
    is_new_place = cause is None or place_of(cause) != place
    names_itself = is_deed(entry) or entry.kind in _NAME_THEMSELVES
    if cause is None and entry.kind in _ENDS:
        words = f"{_whose(entry)} {words}"
    elif place and is_new_place and not names_itself:
        words = f"{place}: {words}" if entry.kind in _SENTENCES else f"{place} {words}"
    if entry.count > 1 and entry.kind not in _COUNTED:
        words = f"{words} ×{figures.count(entry.count)}"
    return words


def _whose(entry: TimelineEntry) -> str:
    """Of what it is the end."""
    if entry.subject.saga:
        return tr("saga {saga}", saga=short_saga(entry.subject.saga))
    return f"{entry.word} {place_of(entry)}"


def alone(entry: TimelineEntry) -> str:
    """As it reads by itself."""
    return in_chain(entry, None)


def _many(entry: TimelineEntry) -> str:
    return figures.count(entry.count)


def _action(entry: TimelineEntry) -> str:
    words = {
        "kill": tr("kill {place}", place=place_of(entry)),
        "terminate": tr("terminate {place}", place=place_of(entry)),
        "freeze": tr("freeze {place}", place=place_of(entry)),
        "thaw": tr("thaw {place}", place=place_of(entry)),
        "restart": tr("restart {place}", place=place_of(entry)),
        "drain": tr("drain {place}", place=place_of(entry)),
    }
    return words.get(entry.word, entry.text)


def _status(entry: TimelineEntry) -> str:
    words = {"registered": tr("registered"), "gone": tr("gone")}
    word = words.get(entry.word) or status_word(entry.word).lower()
    return word if entry.subject.instance or entry.subject.process else tr("{n} healthy", n=_many(entry))


def _restart(entry: TimelineEntry) -> str:
    return tr("the system starts") if entry.word == "first" else tr("started again")


def _calls(entry: TimelineEntry) -> str:
    n = _many(entry)
    if entry.word == "timeouts":
        return tr("1 timeout") if entry.count == 1 else tr("{n} timeouts", n=n)
    return tr("1 failed call") if entry.count == 1 else tr("{n} failed calls", n=n)


def _retries(entry: TimelineEntry) -> str:
    storm = entry.word == "storm"
    return tr("retry storm, {n}", n=_many(entry)) if storm else tr("{n} retries", n=_many(entry))


def _picks(entry: TimelineEntry) -> str:
    if not entry.word:
        return tr("nobody is left to be picked")
    if "," in entry.word:
        return tr("picks are shared by {names}", names=entry.word)
    return tr("picks move to {names}", names=entry.word)


def _letters(entry: TimelineEntry) -> str:
    return tr("dead letter") if entry.count == 1 else tr("{n} dead letters", n=_many(entry))


def _compensating(entry: TimelineEntry) -> str:
    if entry.count > 1:
        return tr("{n} sagas compensating", n=_many(entry))
    return tr("saga {saga} compensating", saga=short_saga(entry.subject.saga))


def _ended(entry: TimelineEntry) -> str:
    if entry.word == "completed":
        return tr("completed") if entry.count == 1 else tr("{n} completed", n=_many(entry))
    return tr("compensated") if entry.count == 1 else tr("{n} compensated", n=_many(entry))


def _fault(entry: TimelineEntry) -> str:
    return tr("fault {kind} {place}", kind=entry.word, place=place_of(entry)).rstrip()


def _limits(entry: TimelineEntry) -> str:
    return tr("limit {limit}", limit=entry.word)


def _settings(entry: TimelineEntry) -> str:
    if entry.subject.service:
        return tr("{service}: {setting} changed", service=entry.subject.service, setting=entry.word)
    return tr("{setting} changed", setting=entry.word)


def _outbox(entry: TimelineEntry) -> str:
    told, grows = tr("outbox told"), tr("outbox grows to {n}", n=_many(entry))
    return told if entry.word == "told" else grows


def _overload(entry: TimelineEntry) -> str:
    return tr("retry budget spent") if entry.word == "budget-spent" else tr("queue full, calls refused")


_WORDS: Final[dict[Kind, Callable[[TimelineEntry], str]]] = {
    Kind.FAULT_ARMED: _fault,
    Kind.FAULT_INJECTED: lambda entry: tr("injected {n} times", n=_many(entry)),
    Kind.FAULT_EXPIRED: lambda _: tr("expired"),
    Kind.FAULT_REMOVED: lambda _: tr("removed"),
    Kind.ACTION: _action,
    Kind.CHECK_FAILED: lambda entry: (
        tr("a check failed") if entry.count == 1 else tr("{n} checks failed", n=_many(entry))
    ),
    Kind.STATUS: _status,
    Kind.OUT_OF_ROTATION: lambda _: tr("out of rotation"),
    Kind.IN_ROTATION: lambda _: tr("in rotation"),
    Kind.EXIT: lambda _: tr("process ended"),
    Kind.RESTART: _restart,
    Kind.CALLS_FAILED: _calls,
    Kind.RETRIES: _retries,
    Kind.EJECTED: lambda _: tr("ejected"),
    Kind.RETURNED: lambda _: tr("back from ejection"),
    Kind.BREAKER_OPENED: lambda _: tr("breaker open"),
    Kind.BREAKER_HALF_OPEN: lambda _: tr("breaker half-open"),
    Kind.BREAKER_CLOSED: lambda _: tr("breaker closed"),
    Kind.PANIC: lambda entry: (
        tr("too few left: all are used") if entry.word == "begun" else tr("enough again: choosing")
    ),
    Kind.OVERLOAD: _overload,
    Kind.PICKS_MOVED: _picks,
    Kind.STRATEGY: lambda entry: tr(
        "{service} picks by {strategy}", service=entry.subject.service, strategy=entry.word
    ),
    Kind.LIMITS: _limits,
    Kind.SETTINGS: _settings,
    Kind.LIMITED_BURST: lambda entry: tr("{n} answered 429", n=_many(entry)),
    Kind.ERROR_BURST: lambda entry: tr("clients saw {n} errors", n=_many(entry)),
    Kind.DEAD_LETTER: _letters,
    Kind.OUTBOX: _outbox,
    Kind.SAGA_COMPENSATING: _compensating,
    Kind.SAGA_ENDED: _ended,
    Kind.SAGA_FAILED: lambda _: tr("compensation failed"),
    Kind.TRAFFIC_STARTED: lambda entry: tr("traffic {rate}/s", rate=entry.word),
    Kind.TRAFFIC_STOPPED: lambda _: tr("traffic stopped"),
    Kind.BROKER_LOST: lambda _: tr("broker lost"),
    Kind.BROKER_BACK: lambda _: tr("broker back"),
    Kind.MISSED: lambda entry: tr("{n} not told: {what}", n=_many(entry), what=entry.word),
}
_COUNTED: Final = frozenset(
    {
        Kind.FAULT_INJECTED, Kind.CHECK_FAILED, Kind.CALLS_FAILED, Kind.RETRIES, Kind.LIMITED_BURST,
        Kind.ERROR_BURST, Kind.DEAD_LETTER, Kind.OUTBOX, Kind.SAGA_COMPENSATING, Kind.SAGA_ENDED, Kind.MISSED,
    }
)  # fmt: skip
"""Kinds whose words say how many."""
_NAME_THEMSELVES: Final = frozenset(
    {
        Kind.BROKER_LOST, Kind.BROKER_BACK, Kind.SAGA_COMPENSATING, Kind.SAGA_ENDED, Kind.SAGA_FAILED,
        Kind.LIMITED_BURST, Kind.FAULT_EXPIRED, Kind.FAULT_REMOVED, Kind.PICKS_MOVED, Kind.TRAFFIC_STOPPED,
    }
)  # fmt: skip
"""Kinds whose words need no place before them."""


_ENDS: Final = frozenset({Kind.SAGA_ENDED, Kind.SAGA_FAILED, Kind.FAULT_EXPIRED, Kind.FAULT_REMOVED})
"""Kinds that end what their cause began, and say so in a word."""
_SENTENCES: Final = frozenset({Kind.ERROR_BURST, Kind.PANIC, Kind.OVERLOAD})
"""Kinds whose words have a subject of their own."""


def kind_word(entry: TimelineEntry) -> str:
    """What sort of thing it is, over its name in the inspector."""
    if entry.tone is TimelineTone.FAULT:
        return tr("What you broke")
    if entry.tone is TimelineTone.YOU:
        return tr("What you did")
    return tr("What came of it") if entry.causes else tr("What happened")
