"""What is left of each service's retry budget, with hedges and calls that nobody was asked for when there are any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.gateway.shares import rejected_words
from app.qt.theme import theme
from app.qt.tokens import Tone
from embedded_services.contracts.gateway import Upstream
from embedded_services.contracts.settings import ServiceSettings

LINE: Final = 22
_EXTRA: Final = 16
_NAME: Final = 88
_BAR: Final = 108
_TEXT: Final = 124


@dataclass(frozen=True)
class BudgetRow:
    """`share` of the budget is used, None where retries are off; `text` says it in figures."""

    service: str
    share: float | None
    text: str
    extra: str
    tooltip: str


def budget_rows(
    upstreams: Mapping[str, Upstream], settings: Mapping[str, ServiceSettings]
) -> list[BudgetRow]:
    return [_row(upstream, settings.get(upstream.service)) for upstream in upstreams.values()]


def _row(upstream: Upstream, wanted: ServiceSettings | None) -> BudgetRow:
    budget = upstream.budget
    extra = []
    if budget.refused:
        extra.append(tr("{n} refused", n=figures.count(budget.refused)))
    if upstream.hedges:
        extra.append(tr("{n} hedges, {won} won", n=upstream.hedges, won=upstream.hedges_won))
    if rejected := rejected_words(upstream):
        extra.append(rejected)
    if wanted is not None and not wanted.policy.retries.enabled:
        return BudgetRow(upstream.service, None, tr("retries are off"), " · ".join(extra), "")
    text = tr("{used} of {allowed}", used=figures.count(budget.used), allowed=figures.count(budget.allowed))
    tip = tr(
        "{used} repetitions among {calls} calls of the last ten seconds; {allowed} are allowed.",
        used=figures.count(budget.used), calls=figures.count(budget.calls), allowed=figures.count(budget.allowed),
    )  # fmt: skip
    if budget.calls:
        text = f"{100 * budget.used / budget.calls:.1f} % · {text}"
    share = min(1.0, budget.used / budget.allowed) if budget.allowed else (1.0 if budget.used else 0.0)
    return BudgetRow(upstream.service, share, text, " · ".join(extra), tip)


class BudgetBars(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[BudgetRow, ...] = ()
        self._is_stale = False
        self.setAccessibleName(tr("Retry budgets"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_rows(self, rows: Sequence[BudgetRow], *, stale: bool) -> None:
        if (tuple(rows), stale) == (self._rows, self._is_stale):
            return
        height = self.sizeHint().height()
        self._rows, self._is_stale = tuple(rows), stale
        self.setAccessibleDescription(
            "; ".join(f"{row.service}: {row.text} {row.extra}".strip() for row in rows)
        )
        if self.sizeHint().height() != height:
            self.updateGeometry()
        self.update()

    @property
    def rows(self) -> Sequence[BudgetRow]:
        return self._rows

    def sizeHint(self) -> QSize:
        return QSize(320, sum(map(_height, self._rows)))

    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            top = 0
            for row in self._rows:
                self._paint_row(painter, top, row)
                top += _height(row)

    def _paint_row(self, painter: QPainter, top: int, row: BudgetRow) -> None:
        colors = theme()
        self._write(painter, 0, _NAME - 8, top, row.service, "text_secondary")
        bar = QRectF(_NAME, top + (LINE - 8) / 2, max(24, min(_BAR, self.width() - _NAME - _TEXT - 12)), 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.color("surface_sunken"))
        painter.drawRoundedRect(bar, 2, 2)
        if row.share:
            spent: Tone = "bad" if row.share >= 1 else "warn" if row.share >= 0.8 else "accent_fill"
            filled = QRectF(bar)
            filled.setWidth(max(2.0, bar.width() * row.share))
            painter.setBrush(colors.color("unknown" if self._is_stale else spent))
            painter.drawRoundedRect(filled, 2, 2)
        if row.share is not None:
            painter.setPen(QPen(colors.color("text"), 2))
            painter.drawLine(QPointF(bar.right(), bar.top() - 2), QPointF(bar.right(), bar.bottom() + 2))
        left = bar.right() + 12
        self._write(painter, left, self.width() - left, top, row.text, "text")
        if row.extra:
            self._write(painter, _NAME, self.width() - _NAME, top + LINE - 4, row.extra, "warn")

    def _write(self, painter: QPainter, left: float, room: float, top: int, text: str, tone: Tone) -> None:
        metrics = QFontMetricsF(theme().font("small"))
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0.0, room))
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("text_muted" if self._is_stale else tone))
        painter.drawText(QRectF(left, top, max(0.0, room), LINE), int(Qt.AlignmentFlag.AlignVCenter), shown)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            row = self._row_at(event.pos().y())
            text = "\n".join(part for part in (row.tooltip, row.extra) if part) if row is not None else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def _row_at(self, y: int) -> BudgetRow | None:
        for row in self._rows:
            y -= _height(row)
            if y < 0:
                return row
        return None


def _height(row: BudgetRow) -> int:
    return LINE + (_EXTRA if row.extra else 0)
