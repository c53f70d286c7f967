"""The Limits panel: the rule and its burst above, what was allowed and limited in between, every client's allowance below.
It shows what it is told and says what the user wants; the presenter does it.
"""

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from app.core import figures
from app.core.focus import Focus
from app.core.language import tr
from app.panels.limits.burst_bar import BurstBar
from app.panels.limits.client_history import ClientHistory
from app.panels.limits.client_page import ClientPage
from app.panels.limits.limit_chart import LimitChart
from app.panels.limits.limit_series import Second
from app.panels.limits.limits_delegate import LimitsDelegate
from app.panels.limits.limits_legend import LimitLegend
from app.panels.limits.limits_model import TICKING, LimitsModel, Place
from app.panels.limits.rule_bar import RuleBar
from app.qt.columns import Role
from app.qt.row_filter import RowFilter
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.filter_field import FilterField
from app.widgets.label import ElidedLabel, Label
from app.widgets.panel import Panel
from app.widgets.row_view import RowView
from app.widgets.segmented_toggle import SegmentedToggle
from app.widgets.state_view import StateView
from embedded_services.contracts.gateway import LimitClient, LimitTotals

_BAR: Final = 40
_LOW: Final = 480
_GIVE_WAY: Final = {Place.LIMIT: 920, Place.LEFT: 920, Place.LAST_429: 720}
"""Columns that are left out where the panel is narrower."""
_LEAST_LIST: Final = 96


class LimitsPanel(Panel):
    """`reset_requested(key)`, `reset_all_requested`; the rule and the burst are asked for by their bars."""

    reset_requested = Signal(str)
    reset_all_requested = Signal()

    def __init__(self, model: LimitsModel, parent: QWidget | None = None) -> None:
        super().__init__("limits", tr("Limits"), parent)
        self._model = model
        self._is_stale = False
        self._to_select: str | None = None
        self._history = ClientHistory()
        self._filtered = RowFilter(model, self)
        self._focus: Focus | None = None
        self.rule = RuleBar()
        self.burst = BurstBar()
        self.chart = LimitChart()
        self.legend = LimitLegend()
        self.view = RowView(model.columns, name=tr("Clients"))
        self._field = FilterField(tr("client"))
        self._which = SegmentedToggle(tr("Which clients"), {"all": tr("All"), "limited": tr("At the limit")})
        self._reset_all = Button(tr("Reset all…"), "restart")
        self._nothing = StateView()
        self._page = ClientPage(self)
        self._build_ui()
        self._build_actions()
        self._connect()

    def _build_ui(self) -> None:
        self._field.setObjectName("filter")
        self._which.setObjectName("which")
        self._reset_all.setObjectName("resetAll")
        self.view.setObjectName("clients")
        self._nothing.setObjectName("nobody")
        self._reset_all.setToolTip(tr("Every client's count starts afresh."))
        for widget in (self._field, self._which, self._reset_all):
            self.add_header_widget(widget)
        self.view.setItemDelegate(LimitsDelegate(self.view))
        self.view.setModel(self._filtered)
        self._found = QStackedWidget()
        self._found.addWidget(self.view)
        self._found.addWidget(self._nothing)
        self._found.setMinimumHeight(_LEAST_LIST)
        self._chart_bar = self._build_chart()
        self._chart_bar.setMinimumHeight(1)  # it is hidden where there is no room, and does not ask for any
        for part in (self.rule, self.burst, self._chart_bar):
            self.content.addWidget(part)
        self.content.addWidget(self._found, 1)
        self.setFocusProxy(self.view)

    def _build_chart(self) -> QWidget:
        holder = QFrame()
        holder.setProperty("region", "bar")
        line = QHBoxLayout()
        line.setContentsMargins(16, 0, 16, 0)
        line.addWidget(Label(tr("Allowed and limited"), "section"))
        line.addWidget(ElidedLabel(tr("requests a second"), "body", "text_muted"), 1)
        line.addWidget(self.legend)
        head = QWidget()
        head.setFixedHeight(_BAR)
        head.setLayout(line)
        holder.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(self.chart)
        return holder

    def _build_actions(self) -> None:
        self._reset_one = self._action(tr("Reset the selected client"), "Del", self._on_reset_selected)
        self._copy_one = self._action(tr("Copy the selected client's key"), "Ctrl+C", self._on_copy_selected)
        self._action(tr("Send a burst"), "Ctrl+B", self.burst.send)
        self._action(tr("Reset all clients…"), "Shift+Del", self.reset_all_requested.emit)
        self._action(tr("Search among the clients"), "Ctrl+F", self._field.setFocus)

    def _action(self, text: str, keys: str, call: Callable[[], object]) -> QAction:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda: call())
        self.addAction(action)
        return action

    def _connect(self) -> None:
        self._field.filter_changed.connect(self._on_filter_changed)
        self._which.choice_requested.connect(self._on_which_changed)
        self._reset_all.clicked.connect(self.reset_all_requested)
        self._nothing.action_requested.connect(self._on_nothing_action)
        self.view.row_selected.connect(self._on_row_selected)
        self.view.row_menu_requested.connect(self._on_menu)
        self.view.clicked.connect(self._on_clicked)
        self._page.reset_requested.connect(self.reset_requested)
        self._page.burst_requested.connect(self.burst.send_as)
        self._page.copy_requested.connect(self._copy)

    # --- what the presenter tells ---------------------------------------------------------------------------------

    def show_clients(
        self, totals: LimitTotals | None, history: ClientHistory, age_s: int | None = None
    ) -> None:
        """The model was brought up to date; `age_s` is how old that is, where there is no contact."""
        self._history = history
        rows = self._model.rows()
        full = sum(row.remaining == 0 for row in rows)
        self._which.set_word("limited", tr("At the limit {n}", n=full) if full else tr("At the limit"))
        self.set_subtitle(_summary(len(rows), totals, age_s))
        self._reset_all.setEnabled(bool(rows) and not self._is_stale)
        self._show_found()
        if self._to_select is not None:
            self.open_at(self._to_select)
        self._show_selected()

    def show_seconds(self, seconds: Sequence[Second | None], totals: LimitTotals | None) -> None:
        self.chart.set_seconds(seconds)
        self.legend.show_totals(totals, stale=self._is_stale)

    def show_time(self) -> None:
        """The model's clock moved: only what tells the time is painted again."""
        left = self.view.columnViewportPosition(TICKING[0])
        right = self.view.columnViewportPosition(TICKING[-1]) + self.view.columnWidth(TICKING[-1])
        self.view.viewport().update(QRect(left, 0, right - left, self.view.viewport().height()))
        self._show_selected()

    def set_stale(self, stale: bool) -> None:
        self._is_stale = stale
        self.view.set_stale(stale)
        self.chart.set_stale(stale)
        self._reset_all.setEnabled(not stale and self._model.rowCount() > 0)
        self._show_selected()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room, what can be seen elsewhere gives way to the gauges."""
        super().resizeEvent(event)
        room = event.size()
        for place, least in _GIVE_WAY.items():
            self.view.setColumnHidden(place, room.width() < least)
        self._chart_bar.setVisible(room.height() >= _LOW)

    def set_resetting(self, busy: bool) -> None:
        self._page.set_resetting(busy)

    def open_at(self, argument: object) -> None:
        """Select a client by its key, as soon as it is there."""
        index = self._filtered.mapFromSource(self._model.index_of(str(argument)))
        self._to_select = None if index.isValid() else str(argument)
        if index.isValid():
            self.view.select_index(index)

    # --- what is shown --------------------------------------------------------------------------------------------

    def _show_found(self) -> None:
        if self._model.rowCount() == 0:
            self._nothing.show_empty(
                tr("Nobody has asked for anything yet"),
                tr("Each client appears here with its first request, and how much of its allowance is used."),
                tr("Send a burst"),
                "limits",
            )
        elif self._filtered.rowCount() == 0:
            text = self._field.text()
            title = tr("Nobody is at the limit") if not text else tr("Nobody found")
            says = tr("No client contains “{text}”.", text=text) if text else tr("A burst brings one there.")
            self._nothing.show_empty(title, says, tr("Show all clients"), "search" if text else "limits")
        is_empty = self._filtered.rowCount() == 0
        self._found.setCurrentWidget(self._nothing if is_empty else self.view)

    def _on_nothing_action(self) -> None:
        if self._model.rowCount() == 0:
            self.burst.send()
        else:
            self.show_all()

    def show_all(self) -> None:
        """No filter."""
        self._field.clear()
        self._which.set_choice("all")
        self._on_which_changed("all")
        if self._focus is not None:
            self.focus_cleared.emit()

    def _on_filter_changed(self, text: str) -> None:
        self._filtered.set_text(text)
        self._show_found()

    def _on_which_changed(self, _: str) -> None:
        self._narrow()

    def _narrow(self) -> None:
        which, focus = self._which.choice, self._focus
        self._filtered.set_accepts(
            _is_full
            if which == "limited" and focus is None
            else None
            if focus is None
            else _limited_in(focus)
        )
        self._show_found()

    def focus_on(self, focus: Focus | None) -> None:
        """The clients that were over their limit since."""
        self._focus = focus if focus is not None and focus.limited else None
        self.show_focus(self._focus)
        self._narrow()

    def _on_row_selected(self, row: LimitClient | None) -> None:
        if row is not None:
            self._show_selected()
            self.inspector_requested.emit(self._page)
        else:
            self.inspector_requested.emit(None)
        self._reset_one.setEnabled(row is not None)
        self._copy_one.setEnabled(row is not None)

    def _show_selected(self) -> None:
        row: LimitClient | None = self.view.selected_row()
        if row is not None:
            self._page.show_client(
                row,
                self._model,
                self._history.counts(row.key),
                self._history.turns(row.key),
                stale=self._is_stale,
                can_burst=self.burst.can_act_as(row.key),
            )

    # --- what the user does ---------------------------------------------------------------------------------------

    def _on_clicked(self, index: QModelIndex) -> None:
        if index.column() == Place.ACTION and not self._is_stale:
            self.reset_requested.emit(index.data(Role.ROW).key)

    def _on_reset_selected(self) -> None:
        if (row := self.view.selected_row()) is not None and not self._is_stale:
            self.reset_requested.emit(row.key)

    def _on_copy_selected(self) -> None:
        if (row := self.view.selected_row()) is not None:
            self._copy(row.key)

    def _copy(self, key: str) -> None:
        QGuiApplication.clipboard().setText(key)
        self.toast_requested.emit(tr("Copied {text}", text=key))

    def _on_menu(self, row: LimitClient, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        reset = menu.addAction(tr("Reset"), lambda: self.reset_requested.emit(row.key))
        reset.setIcon(theme().icon("restart", "text_muted"))
        reset.setEnabled(not self._is_stale)
        burst = menu.addAction(tr("Burst as it"), lambda: self.burst.send_as(row.key))
        burst.setIcon(theme().icon("traffic", "text_muted"))
        burst.setEnabled(self.burst.can_act_as(row.key))
        menu.addSeparator()
        copy = menu.addAction(tr("Copy its key"), lambda: self._copy(row.key))
        copy.setIcon(theme().icon("copy", "text_muted"))
        menu.popup(place)


def _limited_in(focus: Focus) -> Callable[[LimitClient], bool]:
    return lambda row: row.last429_at is not None and focus.has_time(row.last429_at)


def _is_full(row: LimitClient) -> bool:
    return row.remaining == 0


def _summary(shown: int, totals: LimitTotals | None, age_s: int | None) -> str:
    """How many clients there are, and of how many not all are shown; nothing while that is not known."""
    if totals is None or not shown:
        return ""
    known = max(totals.clients, shown)
    if known > shown:
        parts = [tr("the {n} clients seen last, of {total}", n=shown, total=f"{known:,}")]
    else:
        parts = [tr("1 client") if shown == 1 else tr("{n} clients", n=figures.count(shown))]
    if totals.forgotten:
        parts.append(tr("{n} forgotten for want of room", n=figures.count(totals.forgotten)))
    if age_s is not None:
        parts.append(tr("last reading {ago}", ago=figures.ago(age_s)))
    return " · ".join(parts)
