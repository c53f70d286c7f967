"""The list of events under its bar: the count that is a promise, what narrows it, pause, publish.

While it does not follow it stands still (nothing that is being read goes away) and goes on counting.
"""

from functools import partial

from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QMenu, QStackedWidget, QVBoxLayout, QWidget

from app.core.language import tr
from app.panels.events.event_columns import HANDLED_COLUMN, NARROW, SPARED, TYPE_COLUMN
from app.panels.events.event_filter import EventFilter
from app.panels.events.event_rows import EventRow, Row
from app.panels.events.events_bar import EventsBar, Loss
from app.panels.events.events_delegate import HandledDelegate, TypeDelegate
from app.panels.events.events_model import EventsModel
from app.qt.tokens import Tone
from app.widgets.long_row_view import LongRowView
from app.widgets.state_view import StateView

_AHEAD = 40
"""Rows beyond those in sight that are fetched too."""


def tint(row: Row) -> Tone | None:
    return "warn_tint" if not isinstance(row, EventRow) and row.is_lost else None


class EventList(QWidget):
    """`event_selected(EventRow)`; `filter_changed(EventFilter)`; `moved` when other rows may be in sight; `followed` when
    it follows again; `action_requested(EventRow, key)` from the menu of a row.
    """

    event_selected = Signal(object)
    filter_changed = Signal(object)
    moved = Signal()
    followed = Signal()
    publish_requested = Signal()
    action_requested = Signal(object, str)

    def __init__(self, model: EventsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._loss = Loss()
        self._is_searching = False
        self._awaited: int | None = None
        self.bar = EventsBar()
        self.view = LongRowView(model.columns, name=tr("Events"), head=True, tint=tint)
        self.view.setObjectName("eventList")
        self.view.setModel(model)
        self._delegates = (TypeDelegate(self.view), HandledDelegate(self.view, model.handled))
        self.view.setItemDelegateForColumn(TYPE_COLUMN, self._delegates[0])
        self.view.setItemDelegateForColumn(HANDLED_COLUMN, self._delegates[1])
        self._none = StateView()
        self._none.setObjectName("noEvents")
        self._body = QStackedWidget()
        self._body.addWidget(self.view)
        self._body.addWidget(self._none)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addWidget(self._body, 1)
        self._connect()
        self._show()

    def _connect(self) -> None:
        self.bar.filter_changed.connect(self.filter_changed)
        self.bar.pause_requested.connect(self.toggle_following)
        self.bar.publish_requested.connect(self.publish_requested)
        self._none.action_requested.connect(self._on_none)
        self._model.counted.connect(self._show)
        self.view.following_changed.connect(self._on_following)
        self.view.row_selected.connect(self._on_selected)
        self.view.row_menu_requested.connect(self._on_menu)
        self.view.verticalScrollBar().valueChanged.connect(lambda _: self.moved.emit())
        self.view.verticalScrollBar().rangeChanged.connect(lambda *_: self.moved.emit())

    # --- what it is told ------------------------------------------------------------------------------------------

    @property
    def is_following(self) -> bool:
        return self.view.is_following

    def set_stale(self, stale: bool) -> None:
        self.view.set_stale(stale)

    def set_loss(self, loss: Loss) -> None:
        if loss != self._loss:
            self._loss = loss
            self._show()

    def set_searching(self, searching: bool) -> None:
        """A search that takes long enough to be felt."""
        if searching != self._is_searching:
            self._is_searching = searching
            self.bar.set_searching(searching)
            self._show()

    def toggle_following(self) -> None:
        self.view.set_following(not self.view.is_following)

    def clear_filter(self) -> None:
        self.bar.set_filter(EventFilter())

    def sight(self, ahead: int = _AHEAD) -> tuple[int, int]:
        """The first and the last row in sight, and so many more on both sides."""
        height, place = self.view.row_height, self.view.verticalScrollBar().value()
        top = place // height
        return max(0, top - ahead), top + self.view.viewport().height() // height + 1 + ahead

    def select(self, seq: int) -> bool:
        """Select the event with that number, if it is shown."""
        index = self._model.index_of(seq)
        if index.isValid():
            self.view.select_index(index)
        return index.isValid()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = event.size().width() < NARROW
        for column in SPARED:
            if self.view.isColumnHidden(column) != narrow:
                self.view.setColumnHidden(column, narrow)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        model, following = self._model, self.view.is_following
        filtered = model.filter.is_active
        self.bar.show_count(model.shown, model.book.total, self._loss, following=following, filtered=filtered)
        self.bar.show_following(model.book.last, following=following)
        if self._awaited is not None:
            self._open_awaited()
        if model.rowCount() and not self._is_searching:
            self._body.setCurrentWidget(self.view)
            return
        if self._is_searching:
            self._none.show_loading(tr("Searching the history"), tr("All that is kept is looked through."))
        elif model.filter.is_active:
            text = tr("New ones appear here as soon as they do.")
            self._none.show_empty(tr("No event passes the filter"), text, tr("Clear the filter"), "filter")
        else:
            text = tr("Place an order or register a user: what the services tell each other appears here.")
            self._none.show_empty(tr("No event yet"), text, tr("Publish an event…"), "events")
        self._body.setCurrentWidget(self._none)

    def _on_none(self) -> None:
        if self._model.filter.is_active:
            self.clear_filter()
        else:
            self.publish_requested.emit()

    def _on_following(self, following: bool) -> None:
        self._show()
        if following:
            self.followed.emit()

    def _on_selected(self, row: Row | None) -> None:
        """One that is not here yet is opened as soon as it is."""
        self._awaited = None
        if row is not None:
            self.view.set_following(False)
        if isinstance(row, EventRow):
            self.event_selected.emit(row)
        elif row is not None:
            self._awaited = row.seq

    def _open_awaited(self) -> None:
        row = self.view.selected_row()
        if isinstance(row, EventRow) and row.seq == self._awaited:
            self._awaited = None
            self.event_selected.emit(row)

    def _on_menu(self, row: Row, place: QPoint) -> None:
        if not isinstance(row, EventRow):
            return
        menu = QMenu(self)
        menu.setObjectName("eventMenu")
        for key, text in (
            ("again", tr("Publish again")),
            ("edit", tr("Edit and publish…")),
            ("trace", tr("Only its trace")),
            ("type", tr("Only {type}", type=row.type)),
            ("copy", tr("Copy as JSON")),
            ("logs", tr("Open logs")),
        ):
            action = menu.addAction(text, partial(self.action_requested.emit, row, key))
            action.setEnabled(key != "trace" or bool(row.trace))
        menu.popup(place)
        menu.aboutToHide.connect(menu.deleteLater)
