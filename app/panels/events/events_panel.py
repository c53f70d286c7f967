"""The Events panel: what the services tell each other, where it waits, and what nobody succeeded with."""

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from app.core.focus import Focus
from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.events.dead_pane import DeadPane
from app.panels.events.event_filter import EventFilter, filter_of
from app.panels.events.event_list import EventList
from app.panels.events.event_page import EventPage
from app.panels.events.event_rows import EventRow
from app.panels.events.events_model import EventsModel
from app.panels.events.letter_page import LetterPage
from app.panels.events.publish_dialog import Offer, PublishDialog
from app.panels.events.queues_pane import QueuesPane
from app.panels.events.route import route_of_event
from app.widgets.button import Button
from app.widgets.notice import Notice
from app.widgets.panel import Panel
from embedded_services.contracts.queues import DeadLetter

LOGS: Final = "logs"
SERVICES: Final = "services"


class EventsPanel(Panel):
    """`event_opened(EventRow)` wants its body; `event_asked(EventRow, "again" | "edit" | "copy")`, `letter_asked(DeadLetter,
    "replay" | "edit" | "discard" | "copy")` and `publish_requested` and `broker_requested` are the presenter's to do.

    `open_at` takes the number of an event, or a trace id, a message id or any text, which becomes the filter.
    """

    event_opened = Signal(object)
    event_asked = Signal(object, str)
    letter_opened = Signal(object)
    letter_asked = Signal(object, str)
    publish_requested = Signal()
    broker_requested = Signal()

    def __init__(self, model: EventsModel, parent: QWidget | None = None) -> None:
        super().__init__("events", tr("Events"), parent)
        self._model = model
        self.list = EventList(model)
        self.queues = QueuesPane()
        self.dead = DeadPane()
        self.event_page = EventPage(self)
        self.letter_page = LetterPage(self)
        self._letter = ""
        self._unfocused: EventFilter | None = None
        """What the filter was before the window was narrowed to something."""
        self._absence = Notice("warn", closable=False)
        self._broker = Button(tr("Broker…"))
        self._build_ui()
        self._build_actions()
        self._connect()

    def _build_ui(self) -> None:
        self._absence.setObjectName("brokerAbsence")
        self._broker.setObjectName("broker")
        self._broker.setToolTip(tr("Use the embedded broker or one by URL, and try the connection"))
        self.add_header_widget(self._broker)
        self._banner = QWidget()
        inner = QVBoxLayout(self._banner)
        inner.setContentsMargins(16, 8, 16, 8)
        inner.addWidget(self._absence)
        self._banner.setVisible(False)
        lower = QSplitter(Qt.Orientation.Horizontal)
        whole = QSplitter(Qt.Orientation.Vertical)
        for splitter, widgets in ((lower, (self.queues, self.dead)), (whole, (self.list, lower))):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(1)
            for at, widget in enumerate(widgets):
                splitter.addWidget(widget)
                splitter.setStretchFactor(at, 1)
        lower.setSizes([574, 446])
        whole.setSizes([436, 250])
        self.list.setMinimumHeight(140)
        lower.setMinimumHeight(120)
        self.queues.setMinimumWidth(240)
        self.dead.setMinimumWidth(300)
        self.content.addWidget(self._banner)
        self.content.addWidget(whole, 1)
        self.setFocusProxy(self.list.view)

    def _build_actions(self) -> None:
        self._add(tr("Follow the events, or pause"), "Ctrl+L", self.list.toggle_following)
        self._add(tr("Search in the events"), "Ctrl+F", self._search)
        self._add(tr("Clear the filter of events"), "Ctrl+Shift+L", self.list.clear_filter)
        self._add(tr("Publish an event…"), "Ctrl+N", self.publish_requested.emit)
        self._add(tr("Choose the broker…"), "", self.broker_requested.emit)
        self._add(tr("Events: queues"), "", lambda: self.queues.show_page("queues"))
        self._add(tr("Events: outboxes"), "", lambda: self.queues.show_page("outboxes"))

    def _add(self, text: str, keys: str, call: Callable[[], object]) -> None:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda: call())
        self.addAction(action)

    def _connect(self) -> None:
        self.list.event_selected.connect(self._on_event)
        self.list.action_requested.connect(self._on_event_action)
        self.list.publish_requested.connect(self.publish_requested)
        self.event_page.action_requested.connect(self._on_event_action)
        self._broker.clicked.connect(self.broker_requested)
        self.dead.letter_selected.connect(self._on_letter)
        self.letter_page.action_requested.connect(self._on_letter_action)
        for part in (self.queues, self.dead):
            part.break_requested.connect(self.break_requested)
        self.letter_page.break_it.requested.connect(self.break_requested)
        self.queues.instance_requested.connect(
            lambda instance: self.navigation_requested.emit(SERVICES, instance)
        )

    # --- what the presenter tells ---------------------------------------------------------------------------------

    def show_absence(self, message: UserMessage | None) -> None:
        """Why nothing passes; None while there is a broker."""
        if message is not None and message != self._absence.message:
            self._absence.show_message(message)
        if self._banner.isVisibleTo(self) != (message is not None):
            self._absence.setVisible(message is not None)
            self._banner.setVisible(message is not None)

    @property
    def absence(self) -> str:
        return str(self._absence.message) if self._banner.isVisibleTo(self) else ""

    def show_route(self) -> None:
        """What services said of the event that is looked at may have changed."""
        if (row := self.event_page.row) is not None:
            self.event_page.route.show_steps(route_of_event(row, self._model.handled))

    def show_body(self, row: EventRow, body: str) -> None:
        """For the event that is in the inspector; one that came too late is passed over."""
        if self.event_page.row == row:
            self.event_page.show_body(body)

    def open_publish(self, offer: Offer, types: Sequence[str]) -> PublishDialog:
        dialog = PublishDialog(offer, types, self)
        dialog.open()
        return dialog

    def copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.toast_requested.emit(tr("Copied as JSON."))

    def set_stale(self, stale: bool) -> None:
        self._broker.setEnabled(not stale)
        self.list.set_stale(stale)
        self.queues.set_stale(stale)

    def focus_on(self, focus: Focus | None) -> None:
        """Through the filter, which is put back afterwards: events are searched for where they are kept."""
        wanted = filter_of(focus) if focus is not None else None
        self.show_focus(focus if wanted is not None else None)
        if wanted is not None:
            if self._unfocused is None:
                self._unfocused = self.list.bar.filter
            self.filter_to(wanted)
        elif self._unfocused is not None:
            before, self._unfocused = self._unfocused, None
            self.filter_to(before)

    def memory(self) -> object:
        return (self.list.bar.filter, self.queues.pages.choice)

    def recall(self, memory: object) -> None:
        if isinstance(memory, tuple):
            wanted, page = memory
            self.filter_to(wanted)
            self.queues.show_page(page)

    # --- what others ask ------------------------------------------------------------------------------------------

    def open_at(self, argument: object) -> None:
        if isinstance(argument, int):
            self.filter_to(EventFilter())
            self.list.select(argument)
        else:
            self.filter_to(EventFilter(text=str(argument)))

    def filter_to(self, wanted: EventFilter) -> None:
        self.list.bar.set_filter(wanted)

    @property
    def selected_letter(self) -> str:
        """The id of the dead letter that is looked at, empty while it is something else."""
        return self._letter

    # --- what the user does ---------------------------------------------------------------------------------------

    def _search(self) -> None:
        self.list.bar.field.setFocus()
        self.list.bar.field.selectAll()

    def _on_event(self, row: EventRow) -> None:
        self._letter = ""
        self.event_page.show_event(row, route_of_event(row, self._model.handled))
        self.event_opened.emit(row)
        self.inspector_requested.emit(self.event_page)

    def _on_letter(self, letter: DeadLetter) -> None:
        self._letter = letter.id
        self.list.view.selectionModel().clear()
        self.letter_page.show_letter(letter)
        self.letter_opened.emit(letter)
        self.inspector_requested.emit(self.letter_page)

    def _on_event_action(self, row: EventRow, key: str) -> None:
        match key:
            case "trace":
                self.filter_to(EventFilter(text=row.trace))
            case "type":
                self.filter_to(EventFilter(type=row.type, text=self.list.bar.filter.text))
            case "logs":
                tries = self._model.handled.tries(row.message_id)
                where = (tries[-1].instance, tries[-1].at) if tries else ("", row.at)
                self.navigation_requested.emit(LOGS, where)
            case _:
                self.event_asked.emit(row, key)

    def _on_letter_action(self, letter: DeadLetter, key: str) -> None:
        match key:
            case "trace":
                self.filter_to(EventFilter(text=letter.trace))
            case "logs":
                failure = letter.failures[-1] if letter.failures else None
                where = (failure.instance, failure.at) if failure else (letter.source, letter.dead_at or 0.0)
                self.navigation_requested.emit(LOGS, where)
            case _:
                self.letter_asked.emit(letter, key)
