"""Where events wait: in the broker's queues, or still with the instances that have something to tell."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.core import figures
from app.core.breaking import BreakSubject, subject_of_queue
from app.core.language import tr
from app.panels.events import outbox_rows, queue_rows
from app.panels.events.outbox_rows import OutboxRow
from app.panels.events.queue_rows import QueueRow
from app.qt.row_table_model import RowTableModel
from app.qt.theme import theme
from app.widgets.break_action import BreakAction
from app.widgets.label import ElidedLabel, Label
from app.widgets.row_view import RowView
from app.widgets.segmented_toggle import SegmentedToggle


class QueuesPane(QWidget):
    """`instance_requested(id)` when an outbox's instance is to be seen; `break_requested(BreakSubject, QRect)` for a queue, or for the instance of an outbox."""

    instance_requested = Signal(str)
    break_requested = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.queues: RowTableModel[QueueRow] = RowTableModel(
            queue_rows.columns(), key=lambda row: row.name, parent=self
        )
        self.outboxes: RowTableModel[OutboxRow] = RowTableModel(
            outbox_rows.columns(), key=lambda row: row.instance, parent=self
        )
        self.pages = SegmentedToggle(
            tr("Queues or outboxes"), {"queues": tr("Queues"), "outboxes": tr("Outboxes")}
        )
        self.pages.setObjectName("queuePages")
        self._told = ElidedLabel("", "small", "text_muted")
        self._queue_view = self._view(self.queues, tr("Queues"), "queues")
        self._outbox_view = self._view(self.outboxes, tr("Outboxes"), "outboxes")
        self._none = Label("", "small", "text_muted", wrap=True)
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._none.setContentsMargins(24, 8, 24, 8)
        self._body = QStackedWidget()
        self._words = ("", "")
        self._build_ui()
        self.pages.choice_requested.connect(self.show_page)
        self._outbox_view.activated.connect(self._on_activated)
        for breaking in (
            BreakAction(self._queue_view, lambda row: subject_of_queue(row.name)),
            BreakAction(self._outbox_view, lambda row: BreakSubject("instance", row.instance)),
        ):
            breaking.requested.connect(self.break_requested)
        self.show_page("queues")

    def _view(
        self, model: RowTableModel[QueueRow] | RowTableModel[OutboxRow], name: str, key: str
    ) -> RowView:
        view = RowView(model.columns, name=name, dense=True)
        view.setObjectName(key)
        view.least_stretch = 168
        view.setModel(model)
        view.setMinimumHeight(theme().size.row)
        return view

    def _build_ui(self) -> None:
        bar = QFrame()
        bar.setProperty("region", "bar")
        bar.setFixedHeight(theme().size.row_group)
        line = QHBoxLayout(bar)
        line.setContentsMargins(16, 0, 16, 0)
        line.setSpacing(12)
        line.addWidget(self.pages)
        line.addWidget(self._told, 1)
        for view in (self._queue_view, self._outbox_view, self._none):
            self._body.addWidget(view)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self._body, 1)

    def show_page(self, key: str) -> None:
        self.pages.set_choice(key)
        self._show()

    def show_rows(self, queues: Sequence[QueueRow], outboxes: Sequence[OutboxRow]) -> None:
        self.queues.apply(queues)
        self.outboxes.apply(outboxes)
        self._words = (queue_rows.subtitle(queues) if queues else "", outbox_rows.subtitle(outboxes))
        waiting = outbox_rows.waiting_in(outboxes)
        word = tr("Outboxes {n}", n=figures.count(waiting)) if waiting else tr("Outboxes")
        self.pages.set_word("outboxes", word)
        self._show()

    def set_stale(self, stale: bool) -> None:
        self._queue_view.set_stale(stale)
        self._outbox_view.set_stale(stale)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What says least goes first where there is no room."""
        super().resizeEvent(event)
        for column, least in ((6, 540), (2, 480), (5, 420)):
            self._queue_view.setColumnHidden(column, event.size().width() < least)
        self._outbox_view.setColumnHidden(2, event.size().width() < 520)
        self._outbox_view.setColumnHidden(3, event.size().width() < 460)

    @property
    def told(self) -> str:
        return self._told.text()

    def _show(self) -> None:
        is_queues = self.pages.choice == "queues"
        self._told.setText(self._words[0 if is_queues else 1])
        if is_queues and not self.queues.rowCount():
            self._none.setText(tr("No queue yet: each service makes its own when it connects to the broker."))
            self._body.setCurrentWidget(self._none)
        elif not is_queues and not self.outboxes.rowCount():
            self._none.setText(tr("No instance has told of its outbox yet."))
            self._body.setCurrentWidget(self._none)
        else:
            self._body.setCurrentWidget(self._queue_view if is_queues else self._outbox_view)

    def _on_activated(self) -> None:
        row = self._outbox_view.selected_row()
        if isinstance(row, OutboxRow):
            self.instance_requested.emit(row.instance)
