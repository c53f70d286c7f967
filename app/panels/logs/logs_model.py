"""The rows of the Logs panel: the entries of the book that pass the filter, oldest first, and how their cells read."""

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from typing import Final

from PySide6.QtCore import QModelIndex, QObject, Signal

from app.core import figures
from app.core.language import tr
from app.panels.logs.log_book import CAPACITY, Account, LogBook, LogFilter, LogRow, Numbers
from app.qt.columns import Column, Span
from app.qt.row_table_model import RowTableModel
from app.qt.tokens import Tone

_SHOWN: Final = 400
"""Characters of a message in its cell: no window is wider, and a longer text is slow to measure."""
_ERRORS: Final = ("ERROR", "CRITICAL")
_TONES: Final[dict[str, Tone]] = {"DEBUG": "text_muted", "WARNING": "warn", "ERROR": "bad", "CRITICAL": "bad"}
_ROOT = QModelIndex()


def lamp(row: LogRow) -> str:
    """Empty for a level that needs none: most entries are no news."""
    return {"WARNING": "degraded", "ERROR": "unhealthy", "CRITICAL": "unhealthy"}.get(row.level, "")


def tone(row: LogRow) -> Tone:
    return _TONES.get(row.level, "text_secondary")


def tint(row: LogRow) -> Tone | None:
    return "bad_tint" if row.level in _ERRORS else None


def headline(row: LogRow) -> str:
    """The first line of the message."""
    return row.message[:_SHOWN].partition("\n")[0].strip()


def failure(row: LogRow) -> str:
    """The line of a traceback that names the exception; empty where there is none."""
    last = row.trace.strip().rpartition("\n")[2].strip()
    return last[:_SHOWN]


def _message_spans(row: LogRow) -> Sequence[Span]:
    spans = [Span(headline(row), "text_muted" if row.level == "DEBUG" else "text")]
    if row.trace:
        spans.append(Span(f"  {failure(row)}", "bad"))
    elif "\n" in row.message:
        spans.append(Span("  …", "text_muted"))
    return spans


def _columns() -> tuple[Column[LogRow], ...]:
    return (
        Column(
            tr("Time"),
            lambda row: figures.precise_time(row.at),
            face="mono",
            tone="text_muted",
            tooltip=lambda row: figures.moment(row.at),
            sample="00:00:00.000",
        ),
        Column(tr("Level"), lambda row: row.level.capitalize(), mark=lamp, tone=tone, sample="Warning"),
        Column(tr("Process"), lambda row: row.process, face="body", sample="notification-12"),
        Column(
            tr("Message"),
            lambda row: "".join(span.text for span in _message_spans(row)),
            spans=_message_spans,
            stretch=True,
        ),
        Column(
            tr("Logger"),
            lambda row: row.logger.rpartition(".")[2],
            tone="text_muted",
            tooltip=lambda row: row.logger,
            sample="supervisor_xx",
        ),
    )


class LogsModel(RowTableModel[LogRow]):
    """`counted` after each change of the account or of what is shown."""

    counted = Signal()

    def __init__(self, parent: QObject | None = None, *, capacity: int = CAPACITY) -> None:
        super().__init__(_columns(), key=lambda row: row.seq, parent=parent)
        self._book = LogBook(capacity)
        self.filter = LogFilter()
        self.processes: frozenset[str] = frozenset()
        """All that an entry has come from, in this numbering."""

    # --- changing it ----------------------------------------------------------------------------------------------

    def take(self, rows: Sequence[LogRow], total: int) -> None:
        """Newer entries, in order; `total` counts all there ever were."""
        fresh, _ = self._book.take(rows, total)
        self.drop_first(bisect_left(self._rows, self._book.first_kept, key=lambda row: row.seq))
        self.append(self.filter.passing(fresh))
        self._meet(fresh)

    def fill(self, span: Numbers, rows: Sequence[LogRow]) -> None:
        """Older entries, for a hole that `wanted` named; what is not among them is lost."""
        fresh = self._book.fill(span, rows)
        shown = self.filter.passing(fresh)
        for run in self._runs(shown):
            at = bisect_left(self._rows, run[0].seq, key=lambda row: row.seq)
            self.beginInsertRows(_ROOT, at, at + len(run) - 1)
            self._rows[at:at] = run
            self.endInsertRows()
        self._meet(fresh)

    def _runs(self, rows: Sequence[LogRow]) -> list[list[LogRow]]:
        """`rows` in order, in as few pieces as have no shown row between them."""
        pieces: dict[int, list[LogRow]] = {}
        for row in sorted(rows, key=lambda row: row.seq):
            pieces.setdefault(bisect_left(self._rows, row.seq, key=lambda row: row.seq), []).append(row)
        return list(pieces.values())

    def set_filter(self, wanted: LogFilter) -> None:
        """Shows what passes, at once: views are reset, for most of their rows come or go."""
        if wanted == self.filter:
            return
        self.filter = wanted
        self.beginResetModel()
        self._rows = wanted.passing(self._book.rows)
        self.endResetModel()
        self.counted.emit()

    def restart(self) -> None:
        """The numbering starts again: nothing of what is held has its number any more."""
        self.beginResetModel()
        self._book.clear()
        self._rows = []
        self.endResetModel()
        self.processes = frozenset()
        self.counted.emit()

    def _meet(self, rows: Sequence[LogRow]) -> None:
        self.processes |= {row.process for row in rows}
        self.counted.emit()

    # --- reading it -----------------------------------------------------------------------------------------------

    @property
    def newest(self) -> int:
        """The highest number held; 0 for none."""
        return self._book.rows[-1].seq if self._book.rows else 0

    def wanted(self, most: int) -> Numbers | None:
        """The newest hole that may still be filled."""
        return self._book.wanted(most)

    def account(self) -> Account:
        return self._book.account()

    def index_of(self, key: Hashable) -> QModelIndex:
        """By number, at once. Invalid for one that is not shown."""
        at = bisect_left(self._rows, int(str(key)), key=lambda row: row.seq)
        found = at < len(self._rows) and self._rows[at].seq == key
        return self.index(at, 0) if found else QModelIndex()

    def nearest(self, at: float) -> QModelIndex:
        """The first shown entry that is not older than the moment `at`, else the last one."""
        if not self._rows:
            return QModelIndex()
        place = next((place for place, row in enumerate(self._rows) if row.at >= at), len(self._rows) - 1)
        return self.index(place, 0)
