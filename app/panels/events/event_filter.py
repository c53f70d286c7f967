"""What narrows the list of events, and how the one text field is understood. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from app.core.focus import Focus

_TRACE: Final = re.compile(r"[0-9a-fA-F]{32}")
_PATTERN: Final = re.compile(r"(?:[a-z0-9*#-]+\.)*[a-z0-9*#-]+")


@dataclass(frozen=True)
class EventFilter:
    """`type` is a binding pattern (`order.*`, `#.failed`), `text` is looked for anywhere in the body, or is a trace id."""

    type: str = ""
    text: str = ""

    @property
    def is_active(self) -> bool:
        return bool(self.type or self.text)

    @property
    def trace(self) -> str:
        text = self.text.strip()
        return text.lower() if _TRACE.fullmatch(text) else ""

    @property
    def q(self) -> str:
        return "" if self.trace else self.text.strip()


def is_pattern(text: str) -> bool:
    """Whether it can be a binding pattern of event types."""
    return not text or _PATTERN.fullmatch(text) is not None


def filter_of(focus: Focus) -> EventFilter | None:
    """What shows the events that belong to it; None if it says nothing of events."""
    if len(focus.events) == 1:
        return EventFilter(type=next(iter(focus.events)))
    if focus.sagas:
        return EventFilter(text=min(focus.sagas))
    return EventFilter(text=min(focus.traces)) if focus.traces and focus.queues else None
