"""The Traffic panel: what is sent above, what became of it as live plots, and totals below. It shows what it is told and
says what the user wants; the presenter does it.
"""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.core.traffic_notes import said
from app.panels.traffic.charts import Charts
from app.panels.traffic.control_bar import ControlBar
from app.panels.traffic.fault_spans import FaultSpan
from app.panels.traffic.kinds_model import KindsModel
from app.panels.traffic.plan_form import summary
from app.panels.traffic.status_strip import StatusStrip
from app.panels.traffic.traffic_series import TrafficSeries
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.row_view import RowView
from embedded_services.contracts.traffic import Phase, Traffic, TrafficPlan

_ROWS: Final = 4
_NAME: Final = 88
_LOW: Final = 600
LATE_MS: Final = 10.0
"""Beyond that the system says it, as something to know."""


class TrafficPanel(Panel):
    """`looked_at` when it is shown; the bar and the charts have signals of their own."""

    looked_at = Signal()

    def __init__(self, model: KindsModel, parent: QWidget | None = None) -> None:
        super().__init__("traffic", tr("Traffic"), parent)
        self.bar = ControlBar()
        self.charts = Charts()
        self.statuses = StatusStrip()
        self.kinds = RowView(model.columns, name=tr("Kinds of request"), dense=True)
        self._notes = Label("", "small", "text_secondary", wrap=True)
        self._notes.setObjectName("trafficNotes")
        self._model = model
        self._build_ui()
        self._build_actions()
        self.set_subtitle(tr("open model: a slow answer does not slow the next request down"))

    def _build_ui(self) -> None:
        self.kinds.setObjectName("kinds")
        self.kinds.setModel(self._model)
        self.kinds.setMinimumWidth(620)
        self.kinds.least_stretch = _NAME
        self._below = QFrame()
        self._below.setProperty("region", "section")
        line = QHBoxLayout(self._below)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        line.addWidget(self.kinds, 2)
        rule = QFrame()
        rule.setProperty("region", "rule")
        rule.setFixedWidth(1)
        line.addWidget(rule)
        notes = QVBoxLayout()
        notes.setContentsMargins(16, 8, 16, 8)
        notes.addWidget(self._notes, 0, Qt.AlignmentFlag.AlignTop)
        notes.addStretch(1)
        line.addLayout(notes, 1)
        self._below.setFixedHeight((_ROWS + 1) * self.kinds.row_height + 14)
        strip = QFrame()
        strip.setProperty("region", "section")
        holder = QVBoxLayout(strip)
        holder.setContentsMargins(0, 0, 0, 0)
        holder.addWidget(self.statuses)
        self.content.addWidget(self.bar)
        self.content.addWidget(self.charts, 1)
        self.content.addWidget(strip)
        self.content.addWidget(self._below)
        self.setFocusProxy(self.bar.rate)

    def _build_actions(self) -> None:
        action = QAction(tr("Start or stop traffic"), self)
        action.setShortcut(QKeySequence("Ctrl+Return"))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda: self.bar.switch.click())
        self.addAction(action)
        plan = QAction(tr("Edit the plan of the traffic…"), self)
        plan.triggered.connect(lambda: self.bar.plan_requested.emit())
        self.addAction(plan)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.looked_at.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room, the totals give way to the plots."""
        super().resizeEvent(event)
        self._below.setVisible(event.size().height() >= _LOW)

    # --- what the presenter tells ---------------------------------------------------------------------------------

    def show_plan(self, plan: TrafficPlan) -> None:
        self.bar.show_plan(plan)

    def show_traffic(
        self, traffic: Traffic | None, series: TrafficSeries, spans: Sequence[FaultSpan], now: float
    ) -> None:
        """`now` is the clock, or for what was last known the time of that."""
        self.bar.show_traffic(traffic, series.last, now)
        last = series.last
        is_on = traffic is not None and traffic.phase is not Phase.STOPPED
        end = now if is_on or last is None else last.at
        self.charts.show_series(series, spans, end)
        if traffic is not None:
            self.statuses.show_totals(traffic.totals)
            self._model.show_totals(traffic.totals)
            self._show_notes(traffic)

    def _show_notes(self, traffic: Traffic) -> None:
        self._notes.setText("\n".join(notes_of(traffic)))

    def set_stale(self, stale: bool) -> None:
        self.bar.set_live(not stale)
        self.kinds.set_stale(stale)


def notes_of(traffic: Traffic) -> list[str]:
    """What must be known besides the figures."""
    if traffic.phase is Phase.STOPPED and not traffic.run:
        first = said(traffic.reason) or tr(
            "Start sends requests at the rate asked, whatever becomes of those before."
        )
        return [first]
    found = (
        [tr("Stopped: {why}", why=said(traffic.reason))]
        if traffic.phase is Phase.STOPPED
        else [summary(traffic.plan)]
    )
    if traffic.addresses:
        clients, addresses = figures.count(traffic.clients), figures.count(traffic.addresses)
        found.append(
            tr("{clients} clients, from {addresses} source addresses.", clients=clients, addresses=addresses)
        )
    late = traffic.totals.late_p99_ms
    if late is not None and late <= LATE_MS:
        found.append(tr("The generator itself was at most {ms} ms late (99 %).", ms=figures.decimal(late)))
    return [*found, *(said(note) for note in traffic.notes)]
