"""The newest log entries by their number, and an honest account of those that are not here. Pure.

Numbers come from the control plane and have no holes; a hole here is an entry that did not arrive. Holes within the
newest `capacity` numbers can be asked for (`wanted`) and filled (`fill`); those that nobody holds any more are lost.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.core.focus import Focus
from embedded_services.contracts.logs import LEVELS, LogEntry

CAPACITY: Final = 20_000
MAX_MESSAGE: Final = 4 * 1024
MAX_TRACE: Final = 16 * 1024
SEARCHED: Final = 2_000
"""Characters of a message and of a traceback that the text filter looks through."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """An entry with its number; what is longer than the bounds above is cut, with an ellipsis. `haystack` is what a
    text filter looks through, `rank` the place of its level in `LEVELS` (an unknown level counts as INFO).
    """

    seq: int
    at: float
    level: str
    process: str
    logger: str
    message: str
    trace: str
    rank: int
    haystack: str


def row_of(seq: int, entry: LogEntry) -> LogRow:
    level = entry.level if entry.level in LEVELS else "INFO"
    parts = (entry.level, entry.process, entry.logger, entry.message[:SEARCHED], entry.trace[:SEARCHED])
    return LogRow(
        seq=seq,
        at=entry.at,
        level=entry.level,
        process=entry.process,
        logger=entry.logger,
        message=_cut(entry.message, MAX_MESSAGE),
        trace=_cut(entry.trace, MAX_TRACE),
        rank=LEVELS.index(level),
        haystack="\n".join(parts).casefold(),
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


@dataclass(frozen=True)
class LogFilter:
    """Entries of at least `level`, of one process (empty: of all), that contain each word of `text` in any case; with a
    `focus` only those of its processes, from when it began."""

    level: str = LEVELS[0]
    process: str = ""
    text: str = ""
    focus: Focus | None = None

    @property
    def is_active(self) -> bool:
        return self != LogFilter()

    def passing(self, rows: Sequence[LogRow]) -> list[LogRow]:
        """Some milliseconds for the whole book."""
        rank, words = LEVELS.index(self.level), self.text.casefold().split()
        found = [row for row in rows if row.rank >= rank and self.process in ("", row.process)]
        if (focus := self.focus) is not None:
            found = [row for row in found if focus.has_time(row.at) and focus.has_process(row.process)]
        for word in words:
            found = [row for row in found if word in row.haystack]
        return found


@dataclass(frozen=True)
class Numbers:
    """Those from `first` to `last`, both included."""

    first: int
    last: int


@dataclass(frozen=True)
class Account:
    """Of `total` entries ever, `held` are here; `skipped` never arrived and are lost, `awaited` can still be asked
    for, and the rest is older than what is kept.
    """

    total: int = 0
    held: int = 0
    skipped: int = 0
    awaited: int = 0

    @property
    def older(self) -> int:
        return self.total - self.held - self.skipped - self.awaited


class LogBook:
    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.rows: list[LogRow] = []
        self._total = 0
        self._lost: list[Numbers] = []

    @property
    def first_kept(self) -> int:
        """No number below this is kept or asked for."""
        return max(1, self._total - self.capacity + 1)

    def clear(self) -> None:
        """The numbering starts again."""
        self.rows.clear()
        self._lost.clear()
        self._total = 0

    def take(self, rows: Sequence[LogRow], total: int) -> tuple[list[LogRow], int]:
        """Newer rows, in order, out of `total` ever. Returns those taken and how many old ones went."""
        newest = self.rows[-1].seq if self.rows else 0
        self._total = max(total, self._total, rows[-1].seq if rows else 0)
        fresh = [row for row in rows if row.seq > newest and row.seq >= self.first_kept]
        gone = bisect_left(self.rows, self.first_kept, key=_seq)
        del self.rows[:gone]
        self.rows.extend(fresh)
        self._lost = [span for span in self._lost if span.last >= self.first_kept]
        return fresh, gone

    def fill(self, span: Numbers, rows: Sequence[LogRow]) -> list[LogRow]:
        """What the answer for `span` held, in order; what it did not is lost. Returns the rows that were new."""
        at = bisect_left(self.rows, span.first, key=_seq)
        end = bisect_right(self.rows, span.last, key=_seq)
        known = {row.seq for row in self.rows[at:end]}
        fresh = [
            row
            for row in rows
            if span.first <= row.seq <= span.last and row.seq >= self.first_kept and row.seq not in known
        ]
        self.rows[at:end] = sorted([*self.rows[at:end], *fresh], key=_seq)
        have = known | {row.seq for row in fresh}
        missing = [seq for seq in range(max(span.first, self.first_kept), span.last + 1) if seq not in have]
        self._lost.extend(_spans(missing))
        self._lost.sort(key=lambda lost: lost.first)
        return fresh

    def wanted(self, most: int) -> Numbers | None:
        """The newest hole that may still be filled, `most` numbers of it at the most; None when there is none."""
        if self.account().awaited == 0:
            return None
        last = self._total
        for have in reversed(self._known()):
            if have.last < last:
                first = max(have.last + 1, self.first_kept, last - most + 1)
                return Numbers(first, last) if first <= last else None
            last = min(last, have.first - 1)
        first = max(self.first_kept, last - most + 1)
        return Numbers(first, last) if first <= last else None

    def account(self) -> Account:
        skipped = sum(span.last - max(span.first, self.first_kept) + 1 for span in self._lost)
        kept = self._total - self.first_kept + 1 if self._total else 0
        held = len(self.rows)
        return Account(self._total, held, skipped, kept - held - skipped)

    def _known(self) -> list[Numbers]:
        """The numbers that are here or known to be lost, as spans in order."""
        held = _spans([row.seq for row in self.rows])
        return sorted([*held, *self._lost], key=lambda span: span.first)


def _seq(row: LogRow) -> int:
    return row.seq


def _spans(numbers: Sequence[int]) -> list[Numbers]:
    """The runs of successive numbers."""
    found: list[Numbers] = []
    first = last = None
    for number in numbers:
        if last is not None and first is not None and number != last + 1:
            found.append(Numbers(first, last))
            first = number
        first = number if first is None else first
        last = number
    if first is not None and last is not None:
        found.append(Numbers(first, last))
    return found
