"""The request log: the newest requests on top, narrowed by kind and text, following until told not to.

While it does not follow it stands still (nothing that is being read goes away) and goes on counting.
"""

from functools import partial
from typing import cast

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout, QWidget

from app.core import figures
from app.core.breaking import BreakSubject
from app.core.focus import Focus
from app.core.language import tr
from app.panels.gateway.request_book import Kind, LoggedRequest, RequestFilter
from app.panels.gateway.requests_model import RequestsModel, tint
from app.qt.theme import theme
from app.widgets.break_action import BreakAction
from app.widgets.button import Button
from app.widgets.filter_field import FilterField
from app.widgets.label import ElidedLabel, Label
from app.widgets.long_row_view import LongRowView
from app.widgets.segmented_toggle import SegmentedToggle
from app.widgets.state_view import StateView


class RequestLog(QWidget):
    """`request_selected(LoggedRequest)`; `followed` when it follows again and wants what came meanwhile;
    `action_requested(LoggedRequest, "again" | "curl" | "logs")` from the menu of a row.
    """

    request_selected = Signal(object)
    followed = Signal()
    focus_cleared = Signal()
    action_requested = Signal(object, str)
    break_requested = Signal(object, object)

    def __init__(self, model: RequestsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._total, self._since, self._total_at_pause = 0, "", 0
        self._focus: Focus | None = None
        self.view = LongRowView(model.columns, name=tr("Requests through the gateway"), head=True, tint=tint)
        self.view.setObjectName("requestLog")
        self._breaking = BreakAction(self.view, _subject, own_menu=False)
        self._count = ElidedLabel("", "body", "text_muted")
        self.field = FilterField(tr("path, status, trace"), 180)
        self.field.setObjectName("requestFilter")
        kinds = {"all": tr("All"), "retried": tr("Retried"), "failed": tr("Failed")}
        self.kinds = SegmentedToggle(tr("Which requests"), kinds)
        self.kinds.setObjectName("requestKinds")
        self._follow = Button("", "pause")
        self._follow.setObjectName("pauseRequests")
        self._follow.setMinimumWidth(88)
        self._none = StateView()
        self._body = QStackedWidget()
        self._build_ui()
        self._connect()
        self._show()

    def _build_ui(self) -> None:
        bar = QFrame()
        bar.setProperty("region", "bar")
        bar.setFixedHeight(theme().size.row_group)
        line = QHBoxLayout(bar)
        line.setContentsMargins(16, 0, 16, 0)
        line.setSpacing(8)
        line.addWidget(Label(tr("Requests"), "section"))
        line.addWidget(self._count, 1)
        for widget in (self.field, self.kinds, self._follow):
            line.addWidget(widget)
        self.view.setModel(self._model)
        self._body.addWidget(self.view)
        self._body.addWidget(self._none)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self._body, 1)

    def _connect(self) -> None:
        self.field.filter_changed.connect(lambda _: self._apply())
        self.kinds.choice_requested.connect(lambda _: self._apply())
        self._none.action_requested.connect(self.clear_filter)
        self._follow.clicked.connect(self.toggle_following)
        self._model.counted.connect(self._show)
        self.view.following_changed.connect(self._on_following)
        self.view.row_selected.connect(self._on_selected)
        self.view.row_menu_requested.connect(self._on_menu)
        self._breaking.requested.connect(self.break_requested)

    # --- what it is told ------------------------------------------------------------------------------------------

    @property
    def is_following(self) -> bool:
        return self.view.is_following

    def set_count(self, total: int, since: float | None) -> None:
        """How many requests there were, since when."""
        wanted = (total, figures.clock_time(since) if since else "")
        if wanted != (self._total, self._since):
            self._total, self._since = wanted
            self._show()

    def set_stale(self, stale: bool) -> None:
        self.view.set_stale(stale)

    def focus_on(self, focus: Focus | None) -> None:
        self._focus = focus
        self._apply()

    def clear_filter(self) -> None:
        self.field.clear()
        self.kinds.set_choice("all")
        self._apply()
        if self._focus is not None:
            self.focus_cleared.emit()

    def holds(self, identity: str) -> bool:
        """Whether the request with that id is here."""
        return self._model.find(identity) is not None

    def show_kind(self, kind: str) -> None:
        self.kinds.set_choice(kind)
        self._apply()

    def select(self, seq: int) -> bool:
        """Select the request with that number, if it is shown."""
        index = self._model.index_of(seq)
        if index.isValid():
            self.view.select_index(index)
        return index.isValid()

    def toggle_following(self) -> None:
        self.view.set_following(not self.view.is_following)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _apply(self) -> None:
        selected = self.view.selected_row()
        self._model.set_filter(RequestFilter(cast("Kind", self.kinds.choice), self.field.text(), self._focus))
        if selected is not None:
            self.select(selected.seq)

    def _on_following(self, following: bool) -> None:
        self._total_at_pause = self._total
        self._show()
        if following:
            self.followed.emit()

    def _on_selected(self, row: LoggedRequest | None) -> None:
        if row is not None:
            self.view.set_following(False)
            self.request_selected.emit(row)

    def _show(self) -> None:
        following, shown = self.view.is_following, self._model.rowCount()
        self._count.setText(self._counted(shown))
        news = 0 if following else max(0, self._total - self._total_at_pause)
        waiting = tr("Follow · {n} new", n=figures.count(news)) if news else tr("Follow")
        self._follow.setText(tr("Pause") if following else waiting)
        self._follow.set_icon("pause" if following else "follow")
        self._follow.setToolTip(tr("Stand still, and go on counting") if following else tr("Show the newest"))
        nothing = shown == 0
        if nothing:
            self._show_nothing()
        self._body.setCurrentWidget(self._none if nothing else self.view)

    def _counted(self, shown: int) -> str:
        """`39,228 since 14:26:40 · following`, and what of it is not here."""
        book, total = self._model.book, figures.count(self._total)
        parts = [tr("{n} since {time}", n=total, time=self._since) if self._since else total]
        if self._model.filter.is_active:
            held = figures.count(len(book.rows))
            parts.append(tr("shown {n} of the newest {held}", n=figures.count(shown), held=held))
        if book.tally.kept < 0.995:
            parts.append(tr("{share} % of them recorded", share=f"{100 * book.tally.kept:.0f}"))
        parts.append(tr("following") if self.view.is_following else tr("paused"))
        return " · ".join(parts)

    def _show_nothing(self) -> None:
        if self._model.book.rows:
            text = tr("New ones appear here as soon as they do.")
            self._none.show_empty(tr("No request passes the filter"), text, tr("Clear the filter"), "filter")
        else:
            text = tr("What clients ask of the gateway appears here as it happens.")
            self._none.show_empty(tr("No request yet"), text)

    def _on_menu(self, row: LoggedRequest, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setObjectName("requestMenu")
        for key, text in (("again", tr("Send again")), ("curl", tr("Copy curl")), ("logs", tr("Open logs"))):
            menu.addAction(text, partial(self.action_requested.emit, row, key))
        self._breaking.add_to(menu, row, place)
        menu.popup(place)
        menu.aboutToHide.connect(menu.deleteLater)


def _subject(row: LoggedRequest) -> BreakSubject | None:
    """The instance that answered, else the service that was to."""
    if row.record.instance:
        return BreakSubject("instance", row.record.instance)
    return BreakSubject("service", row.record.service) if row.record.service else None
