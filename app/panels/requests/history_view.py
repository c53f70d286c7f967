"""The history below the console: what was sent, newest first; choosing a row puts it back."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.core.focus import Focus
from app.core.language import tr
from app.panels.requests.requests_model import Exchange, RequestsModel, tint
from app.qt.row_filter import RowFilter
from app.widgets.button import Button
from app.widgets.label import Label
from app.widgets.long_row_view import LongRowView

_BAR = 44


class HistoryView(QWidget):
    """`chosen(row)` by the user; `shown(row)` whenever a row becomes the selected one, None for none."""

    chosen = Signal(object)
    shown = Signal(object)
    clear_requested = Signal()

    def __init__(self, model: RequestsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._filtered = RowFilter(model, self)
        self.rows = LongRowView(model.columns, name=tr("History of requests"), tint=tint)
        self._count = Label("", "body", "text_muted")
        self._clear = Button(tr("Clear…"), "trash", name=tr("Clear the history"))
        self._none = Label(tr("What you send appears here; a click puts it back."), "body", "text_muted")
        self._stack = QStackedWidget()
        self._by_user = True
        self._build_ui()
        self._clear.clicked.connect(self.clear_requested)
        self.rows.row_selected.connect(self._on_row_selected)
        for signal in (model.rowsInserted, model.rowsRemoved):
            signal.connect(self._show_count)
        self._show_count()

    def _build_ui(self) -> None:
        self.rows.setObjectName("history")
        self._clear.setObjectName("clearHistory")
        self.rows.setModel(self._filtered)
        bar = QFrame()
        bar.setProperty("region", "bar")
        bar.setFixedHeight(_BAR)
        line = QHBoxLayout(bar)
        line.setContentsMargins(16, 0, 16, 0)
        line.setSpacing(12)
        line.addWidget(Label(tr("History"), "section"))
        line.addWidget(self._count, 1)
        line.addWidget(self._clear)
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack.addWidget(self.rows)
        self._stack.addWidget(self._none)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self._stack, 1)

    def select(self, row: Exchange) -> None:
        """Show a row as the selected one, without the user's having chosen it."""
        self._by_user = False
        self.rows.select_index(self._filtered.mapFromSource(self._model.index_of(row.number)))
        self._by_user = True

    def focus_on(self, focus: Focus | None) -> None:
        """Only what was sent since it began and was served by its instances, all again with None."""
        self._filtered.set_accepts(None if focus is None else _belongs_to(focus))

    def row(self, number: int) -> Exchange | None:
        index = self._model.index_of(number)
        return self._model.row_at(index) if index.isValid() else None

    def _on_row_selected(self, row: Exchange | None) -> None:
        self.shown.emit(row)
        if row is not None and self._by_user:
            self.chosen.emit(row)

    def _show_count(self) -> None:
        count = self._model.rowCount()
        self._count.setText(tr("{n} requests, newest first; no token is kept", n=count) if count else "")
        self._clear.setEnabled(count > 0)
        self._stack.setCurrentWidget(self.rows if count else self._none)


def _belongs_to(focus: Focus) -> Callable[[Exchange], bool]:
    return lambda row: focus.has_time(row.at) and focus.has_process(row.instance)
