"""Where the entries of a chain stand on its line: left to right, as many as there is room for, and how many more there are.
Pure but for the language.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.core.language import tr
from app.frame import entry_words
from app.frame.chains import Chain
from embedded_services.contracts.timeline import TimelineEntry

ICON: Final = 14
GAP: Final = 6
"""Between an icon and its words."""
PAD: Final = 6
"""Around an entry, inside what a click meets."""
ARROW: Final = 26
"""From the end of an entry to the beginning of the next."""

Measure = Callable[[str, bool], float]
"""The width of a text, as it is written for what a person did (true) or not."""


@dataclass(frozen=True)
class Place:
    """An entry from `left`, as wide as what a click meets."""

    entry: TimelineEntry
    text: str
    left: float
    width: float

    @property
    def right(self) -> float:
        return self.left + self.width


@dataclass(frozen=True)
class Line:
    """`more` entries found no room; `more_left` is where that is said."""

    places: tuple[Place, ...]
    more: int = 0
    more_left: float = 0.0
    more_text: str = ""


def line_of(chain: Chain, left: float, right: float, measure: Measure) -> Line:
    """The first entry is there in any case, cut if it must be."""
    places: list[Place] = []
    known = {entry.id: entry for entry in chain.entries}
    at = left
    for number, entry in enumerate(chain.entries):
        cause = next((known[id_] for id_ in entry.causes if id_ in known), None)
        text = entry_words.in_chain(entry, cause)
        width = 2 * PAD + ICON + GAP + measure(text, entry_words.is_deed(entry))
        left_over = len(chain.entries) - number - 1
        room = measure(_more(left_over), False) + ARROW if left_over else 0.0
        if places and at + width + room > right:
            more = left_over + 1
            return Line(tuple(places), more, at, _more(more))
        width = min(width, right - at)
        places.append(Place(entry, text, at, width))
        at += width + ARROW
    return Line(tuple(places))


def _more(count: int) -> str:
    return tr("{n} more", n=count)
