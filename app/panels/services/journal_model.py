"""The journal of status changes: who went from what to what, why, and how long ago. Newest first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from PySide6.QtCore import QObject

from app.core import figures
from app.core.language import tr
from app.core.reasons import spoken
from app.core.statuses import status_word
from app.panels.services.services_model import tone_of
from app.qt.columns import Column, Span
from app.qt.row_table_model import RowTableModel
from embedded_services.contracts.instances import Change


@dataclass(frozen=True)
class JournalRow:
    """`before` and `after` are words; `status` is what to show as a lamp."""

    seq: int
    at: float
    ago: str
    instance: str
    service: str
    status: str
    before: str
    after: str
    reason: str


def journal_row(seq: int, change: Change, now: float) -> JournalRow:
    before, after = _words(change)
    return JournalRow(
        seq=seq,
        at=change.at,
        ago=figures.ago(now - change.at),
        instance=change.instance,
        service=change.service,
        status=change.after.value if change.after else "stopped",
        before=before,
        after=after,
        reason=spoken(change.reason),
    )


def _words(change: Change) -> tuple[str, str]:
    """An entry is about the status, or about rotation alone where that stays the same."""
    if change.before is change.after:
        away, back = tr("out of rotation"), tr("in rotation")
        return (away, back) if change.in_rotation else (back, away)
    before = status_word(change.before.value).lower() if change.before else tr("new")
    after = status_word(change.after.value).lower() if change.after else tr("removed")
    return before, after


class JournalModel(RowTableModel[JournalRow]):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(journal_columns(), key=lambda row: row.seq, parent=parent)

    def newest(self, of: Callable[[JournalRow], bool], limit: int) -> list[JournalRow]:
        """The newest changes of those that `of` picks, oldest first."""
        return list(islice(filter(of, self.rows()), limit))[::-1]


def journal_columns() -> Sequence[Column[JournalRow]]:
    return (
        Column(
            tr("When"),
            lambda row: row.ago,
            face="small",
            tone="text_muted",
            tooltip=lambda row: figures.moment(row.at),
            sample="59 min ago",
        ),
        Column(
            tr("Instance"),
            lambda row: row.instance,
            face="small",
            mark=lambda row: row.status,
            sample="notification-12",
        ),
        Column(
            tr("Change"),
            lambda row: "".join(span.text for span in _change(row)),
            face="small",
            spans=_change,
            sample="in rotation → out of rotation (wide)",
        ),
        Column(tr("Why"), lambda row: row.reason, face="small", tone="text_secondary", stretch=True),
    )


def _change(row: JournalRow) -> Sequence[Span]:
    tone = tone_of(row.status) if row.status in ("unhealthy", "lost", "crash-looping") else "text"
    return (Span(f"{row.before}  →  ", "text_muted"), Span(row.after, tone, strong=True))
