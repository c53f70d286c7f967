"""The rows of the request log: those of the book that pass the filter, newest first, and how their cells read."""

from bisect import bisect_right
from collections.abc import Hashable, Sequence
from typing import Final

from PySide6.QtCore import QModelIndex, QObject, Signal

from app.core import figures
from app.core.language import tr
from app.panels.gateway.request_book import CAPACITY, LoggedRequest, RequestBook, RequestFilter
from app.panels.gateway.words import has_failed, outcome_word, status_mark
from app.qt.columns import Column, Span
from app.qt.row_table_model import RowTableModel
from app.qt.tokens import Tone
from embedded_services.contracts.system import RequestRecord

_ROOT = QModelIndex()
_LEFT: Final = 499
"""The client was gone before the answer."""


def status_tone(record: RequestRecord) -> Tone:
    if record.status >= 500:
        return "bad"
    return "warn" if record.status >= 400 else "text"


def tint(row: LoggedRequest) -> Tone | None:
    return "bad_tint" if row.is_failed else None


def served_by(record: RequestRecord) -> str:
    if record.instance is not None:
        return record.instance
    if record.service is not None:
        return tr("nobody of {service}", service=record.service)
    return tr("gateway")


def happened(record: RequestRecord) -> Sequence[Span]:
    """What was not plain: tries that failed, and how it ended."""
    spans: list[Span] = []
    ended_badly = record.status >= 500
    failed = [attempt for attempt in record.attempts if has_failed(attempt.outcome)]
    for attempt in failed[:3]:
        text = tr("{instance} {outcome}", instance=attempt.instance, outcome=outcome_word(attempt.outcome))
        spans.append(Span(text + ", ", "text_secondary"))
    if failed and ended_badly:
        spans.append(Span(tr("given up"), "bad"))
    elif failed:
        spans.append(Span(tr("retried"), "warn"))
    elif record.status == _LEFT:
        spans.append(Span(tr("the client left"), "warn"))
    if record.note and (ended_badly or not failed):
        if spans:
            spans.append(Span(" · ", "text_muted"))
        spans.append(Span(record.note, "bad" if ended_badly else "text_secondary"))
    return spans


def _status_span(row: LoggedRequest) -> Sequence[Span]:
    return (Span(str(row.record.status), status_tone(row.record), strong=True),)


def _columns() -> tuple[Column[LoggedRequest], ...]:
    return (
        Column(
            tr("Time"), lambda row: figures.precise_time(row.record.at), face="mono", tone="text_muted",
            tooltip=lambda row: figures.moment(row.record.at), sample="00:00:00.000",
        ),
        Column(tr("Method"), lambda row: row.record.method, sample="OPTIONS", tone="text_secondary"),
        Column(tr("Path"), lambda row: row.record.path, face="mono", stretch=True),
        Column(
            tr("Status"), lambda row: str(row.record.status), spans=_status_span, align="right", face="body",
            mark=lambda row: status_mark(row.record.status), sample="0000",
        ),
        Column(tr("Served by"), lambda row: served_by(row.record), sample="notification-12"),
        Column(
            tr("Tries"), lambda row: figures.count(row.record.tries), align="right", sample="00",
            tone=lambda row: "warn" if row.is_retried else "text_secondary",
        ),
        Column(
            tr("Took, ms"), lambda row: figures.decimal(row.record.took_ms), align="right", sample="10,000.0",
        ),
        Column(
            tr("What happened"), lambda row: "".join(span.text for span in happened(row.record)),
            spans=lambda row: happened(row.record), stretch=True,
        ),
    )  # fmt: skip


class RequestsModel(RowTableModel[LoggedRequest]):
    """`counted` after each change of what is held or shown."""

    counted = Signal()

    def __init__(self, parent: QObject | None = None, *, capacity: int = CAPACITY) -> None:
        super().__init__(_columns(), key=lambda row: row.seq, parent=parent)
        self.book = RequestBook(capacity)
        self.filter = RequestFilter()

    def take(self, rows: Sequence[LoggedRequest], total: int) -> None:
        """Newer requests, oldest first; `total` counts all there ever were."""
        fresh = self.filter.passing(self.book.take(rows, total))
        self._drop_last(len(self._rows) - self._count_from(self.book.oldest))
        if fresh:
            self.beginInsertRows(_ROOT, 0, len(fresh) - 1)
            self._rows[0:0] = reversed(fresh)
            self.endInsertRows()
        self.counted.emit()

    def set_filter(self, wanted: RequestFilter) -> None:
        """Shows what passes, at once."""
        if wanted == self.filter:
            return
        self.filter = wanted
        self.beginResetModel()
        self._rows = wanted.passing(list(reversed(self.book.rows)))
        self.endResetModel()
        self.counted.emit()

    def restart(self) -> None:
        """The numbering starts again."""
        self.beginResetModel()
        self.book.clear()
        self._rows = []
        self.endResetModel()
        self.counted.emit()

    def find(self, identity: str) -> LoggedRequest | None:
        """The request with that id or that trace, if it is held."""
        return next(
            (row for row in reversed(self.book.rows) if identity in (row.record.id, row.record.trace)), None
        )

    def index_of(self, key: Hashable) -> QModelIndex:
        """By number. Invalid for one that is not shown."""
        at = self._count_from(int(str(key))) - 1
        found = 0 <= at < len(self._rows) and self._rows[at].seq == key
        return self.index(at, 0) if found else QModelIndex()

    def _count_from(self, seq: int) -> int:
        """How many shown rows have this number or a higher one."""
        return bisect_right(self._rows, -seq, key=lambda row: -row.seq)

    def _drop_last(self, count: int) -> None:
        if count > 0:
            first = len(self._rows) - count
            self.beginRemoveRows(_ROOT, first, len(self._rows) - 1)
            del self._rows[first:]
            self.endRemoveRows()
