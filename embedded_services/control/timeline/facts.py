"""What the timeline is told: facts, as the control plane's sources read them. Pure.

A fact has names by which others can refer to it (`fault:f-3`, `exit:user-1:2`), and may name what it came of. Where it does,
that is its cause; where it does not, the rules look for one.
"""

from dataclasses import dataclass, field
from typing import Final

from embedded_services.contracts.timeline import TimelineKind, TimelineSubject, TimelineTone

CONTROL: Final = "control"
"""The source of what the control plane itself did or saw."""

_TONES: Final = {
    TimelineKind.FAULT_ARMED: TimelineTone.FAULT,
    TimelineKind.FAULT_INJECTED: TimelineTone.FAULT,
    TimelineKind.ACTION: TimelineTone.YOU,
    TimelineKind.STRATEGY: TimelineTone.YOU,
    TimelineKind.LIMITS: TimelineTone.YOU,
    TimelineKind.SETTINGS: TimelineTone.YOU,
    TimelineKind.TRAFFIC_STARTED: TimelineTone.YOU,
    TimelineKind.TRAFFIC_STOPPED: TimelineTone.YOU,
    TimelineKind.CHECK_FAILED: TimelineTone.WARN,
    TimelineKind.OUT_OF_ROTATION: TimelineTone.BAD,
    TimelineKind.EXIT: TimelineTone.BAD,
    TimelineKind.CALLS_FAILED: TimelineTone.WARN,
    TimelineKind.RETRIES: TimelineTone.WARN,
    TimelineKind.EJECTED: TimelineTone.BAD,
    TimelineKind.BREAKER_OPENED: TimelineTone.BAD,
    TimelineKind.BREAKER_HALF_OPEN: TimelineTone.WARN,
    TimelineKind.PANIC: TimelineTone.BAD,
    TimelineKind.OVERLOAD: TimelineTone.BAD,
    TimelineKind.LIMITED_BURST: TimelineTone.WARN,
    TimelineKind.ERROR_BURST: TimelineTone.BAD,
    TimelineKind.DEAD_LETTER: TimelineTone.BAD,
    TimelineKind.OUTBOX: TimelineTone.WARN,
    TimelineKind.SAGA_COMPENSATING: TimelineTone.WARN,
    TimelineKind.SAGA_FAILED: TimelineTone.BAD,
    TimelineKind.BROKER_LOST: TimelineTone.BAD,
    TimelineKind.MISSED: TimelineTone.WARN,
    TimelineKind.IN_ROTATION: TimelineTone.OK,
    TimelineKind.RETURNED: TimelineTone.OK,
    TimelineKind.BREAKER_CLOSED: TimelineTone.OK,
    TimelineKind.BROKER_BACK: TimelineTone.OK,
    TimelineKind.PICKS_MOVED: TimelineTone.OK,
    TimelineKind.SAGA_ENDED: TimelineTone.OK,
}


@dataclass(frozen=True, kw_only=True)
class Fact:
    """`at` is when it happened, by the clock of the process `source`; nothing is decided by it.

    Facts with one `key` are one entry that goes on, `count` being how often it happened so far; without a key, each is an
    occurrence of its own. In `text` `{n}` stands for how often in all, and `{s}` for what more than one adds to a word. What it `opens` can have effects until some fact `closes` one of its names. Of the causes that the
    rules find only the kinds `among` count, if there are any.
    """

    kind: TimelineKind
    at: float
    text: str
    subject: TimelineSubject = field(default_factory=TimelineSubject)
    source: str = CONTROL
    word: str = ""
    tone: TimelineTone | None = None
    key: str = ""
    count: int = 1
    is_level: bool = False
    """`count` is how high it stood, and of several the highest counts: they do not add up."""
    traces: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    among: frozenset[TimelineKind] = frozenset()
    opens: bool = False
    closes: tuple[str, ...] = ()

    def text_for(self, count: int) -> str:
        return self.text.replace("{n}", f"{count:,}").replace("{s}", "" if count == 1 else "s")

    @property
    def shown_tone(self) -> TimelineTone:
        return self.tone or _TONES.get(self.kind, TimelineTone.INFO)


def fault_name(fault: str) -> str:
    return f"fault:{fault}"


def asked_name(slot: str, incarnation: int) -> str:
    """What was done to a process on purpose that makes it end."""
    return f"asked:{slot}:{incarnation}"


def crash_name(slot: str) -> str:
    """A fault that makes a process end itself."""
    return f"crash:{slot}"


def condition_name(place: str) -> str:
    """What holds of a process until it ends or is put right: frozen, draining."""
    return f"condition:{place}"


def check_name(slot: str, incarnation: int) -> str:
    """The failed checks of a process."""
    return f"check:{slot}:{incarnation}"


def exit_name(slot: str, incarnation: int) -> str:
    return f"exit:{slot}:{incarnation}"


def start_name(slot: str, incarnation: int) -> str:
    return f"start:{slot}:{incarnation}"


def saga_name(saga: str) -> str:
    return f"saga:{saga}"


def armed_in_saga_name(saga: str) -> str:
    return f"armed-in:{saga}"
