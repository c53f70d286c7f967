"""The choices that the gateway recorded, newest first: who was chosen, and why this one."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QObject

from app.core import figures
from app.core.focus import Focus
from app.core.language import tr
from app.panels.gateway.pick_words import why_this_one
from app.panels.gateway.tally import Tally
from app.panels.gateway.words import has_failed, outcome_word
from app.qt.columns import Column, Span
from app.qt.row_table_model import RowTableModel
from app.qt.tokens import Tone
from embedded_services.contracts.gateway import Pick

CAPACITY: Final = 60
_NOTABLE: Final[dict[str, Tone]] = {"retry": "warn", "hedge": "warn", "probe": "warn", "panic": "bad"}


@dataclass(frozen=True)
class PickRow:
    """`outcome` is empty unless the try failed; `sentence` is the gateway's own."""

    seq: int
    at: float
    service: str
    instance: str
    why: str
    outcome: str
    tone: Tone
    sentence: str
    request: str


def pick_row(seq: int, pick: Pick) -> PickRow:
    chosen = pick.chosen
    return PickRow(
        seq=seq,
        at=pick.at,
        service=pick.service,
        instance=chosen.instance,
        why=why_this_one(chosen),
        outcome=outcome_word(chosen.outcome) if has_failed(chosen.outcome) else "",
        tone=_NOTABLE.get(chosen.reason, "text_secondary"),
        sentence=chosen.why,
        request=pick.request,
    )


def _why(row: PickRow) -> Sequence[Span]:
    spans = [Span(row.why, row.tone)]
    if row.outcome:
        spans.append(Span(f" · {row.outcome}", "bad"))
    return spans


def _belongs(row: PickRow, focus: Focus) -> bool:
    return focus.has_time(row.at) and row.service in focus.services


def _columns() -> tuple[Column[PickRow], ...]:
    return (
        Column(
            tr("Time"), lambda row: figures.precise_time(row.at)[6:], face="mono", tone="text_muted",
            tooltip=lambda row: figures.moment(row.at), sample="00.000",
        ),
        Column(tr("Instance"), lambda row: row.instance, face="body", sample="notification-2"),
        Column(
            tr("Why this one"), lambda row: "".join(span.text for span in _why(row)), spans=_why,
            tooltip=lambda row: row.sentence, stretch=True,
        ),
    )  # fmt: skip


class PicksModel(RowTableModel[PickRow]):
    """At most `CAPACITY` rows: what is older is in the request log."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_columns(), key=lambda row: row.seq, parent=parent)
        self._kept: deque[PickRow] = deque(maxlen=CAPACITY)
        self.tally = Tally()
        self._focus: Focus | None = None

    @property
    def newest(self) -> int:
        return self._kept[-1].seq if self._kept else 0

    def take(self, picks: Sequence[tuple[int, Pick]], total: int) -> None:
        """Newer ones, oldest first; `total` counts all there ever were."""
        self.tally.see(len(picks), total)
        self._kept.extend(pick_row(seq, pick) for seq, pick in picks[-CAPACITY:])
        self._show()

    def focus_on(self, focus: Focus | None) -> None:
        """Only picks of its services since it began, all again with None."""
        self._focus = focus
        self._show()

    def _show(self) -> None:
        focus = self._focus
        kept = reversed(self._kept)
        self.apply([row for row in kept if focus is None or _belongs(row, focus)])

    def restart(self) -> None:
        self.tally = Tally()
        self._kept.clear()
        self.apply([])
