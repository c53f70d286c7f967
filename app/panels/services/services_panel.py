"""The Services panel: the tree of services and instances, the journal below it, and a page of the inspector for what
is selected. It shows what it is told and says what the user wants; the presenter does it.
"""

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.core.breaking import BreakSubject
from app.core.focus import Focus
from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.services.instance_page import STORY_LINES, InstancePage
from app.panels.services.journal_model import JournalModel, JournalRow
from app.panels.services.register_dialog import RegisterDialog
from app.panels.services.row_actions import RowActions
from app.panels.services.service_page import ServicePage
from app.panels.services.services_model import ServicesModel
from app.panels.services.services_rows import InstanceRow, ServiceRow, TreeRow
from app.panels.services.services_tree import ServicesTree
from app.qt.row_filter import RowFilter
from app.qt.theme import theme
from app.widgets.break_action import add_break
from app.widgets.button import Button
from app.widgets.filter_field import FilterField
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.row_view import RowView
from app.widgets.state_view import StateView

LOGS: Final = "logs"
"""The key of the panel that shows the logs of one process."""


class ServicesPanel(Panel):
    """`action_requested(instance, action)`, `replicas_requested(service, n)`, `register_requested(Wish)`."""

    action_requested = Signal(str, str)
    replicas_requested = Signal(str, int)
    register_requested = Signal(object)

    def __init__(self, model: ServicesModel, journal: JournalModel, parent: QWidget | None = None) -> None:
        super().__init__("services", tr("Services"), parent)
        self._model, self._journal = model, journal
        self._is_stale = False
        self._now, self._changes = 0.0, 0
        self._to_select: str | None = None
        self.dialog: RegisterDialog | None = None
        self._filtered = RowFilter(model, self)
        self._filtered_journal = RowFilter(journal, self)
        self._field = FilterField()
        self._field.setObjectName("filter")
        self._register = Button(tr("Register instance…"), "plus")
        self._register.setObjectName("registerInstance")
        self.tree = ServicesTree(model.columns)
        self.journal = RowView(journal.columns, name=tr("Journal of status changes"), dense=True)
        self.journal.setObjectName("journal")
        self._journal_count = Label("", "body", "text_muted")
        self._nothing = StateView()
        self._actions = RowActions(self)
        self._instance_page = InstancePage(self)
        self._service_page = ServicePage(self)
        self._build_ui()
        self._connect()

    def _build_ui(self) -> None:
        self.add_header_widget(self._field)
        self.add_header_widget(self._register)
        self.tree.setModel(self._filtered)
        self.journal.setModel(self._filtered_journal)
        self.journal.setHeaderHidden(True)
        self._found = QStackedWidget()
        self._found.addWidget(self.tree)
        self._found.addWidget(self._nothing)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(1)
        splitter.addWidget(self._found)
        splitter.addWidget(self._build_journal())
        splitter.setStretchFactor(0, 2)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([448, 228])
        self.content.addWidget(splitter)
        self.setFocusProxy(self.tree)
        for page in (self._instance_page, self._service_page):
            page.setVisible(False)

    def _build_journal(self) -> QWidget:
        bar = QFrame()
        bar.setProperty("region", "bar")
        bar.setFixedHeight(theme().size.row_group)
        line = QHBoxLayout(bar)
        line.setContentsMargins(16, 0, 16, 0)
        line.setSpacing(8)
        line.addWidget(Label(tr("Journal"), "section"))
        line.addWidget(self._journal_count)
        line.addStretch(1)
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self.journal)
        return holder

    def _connect(self) -> None:
        self._field.filter_changed.connect(self._on_filter_changed)
        self._nothing.action_requested.connect(self._field.clear)
        self._register.clicked.connect(self.open_register)
        self.state.action_requested.connect(self.open_register)
        self.tree.action_requested.connect(self.action_requested)
        self.tree.replicas_requested.connect(self.replicas_requested)
        self.tree.row_selected.connect(self._on_row_selected)
        self.tree.row_menu_requested.connect(self._on_menu_requested)
        self.journal.row_selected.connect(self._on_change_selected)
        self.journal.row_menu_requested.connect(self._on_change_menu)
        self._actions.requested.connect(self._on_action)
        self._actions.copy_requested.connect(self.copy_address)
        self._actions.logs_requested.connect(self._on_logs)
        self._actions.replicas_requested.connect(self._on_replicas)
        self._actions.register_requested.connect(self.open_register)
        self._actions.break_requested.connect(self._on_break)
        self._instance_page.break_requested.connect(self._on_break)
        self._service_page.break_requested.connect(self._on_break)
        self._instance_page.action_requested.connect(self._on_action)
        self._instance_page.copy_requested.connect(self.copy_address)
        self._service_page.replicas_requested.connect(self._on_replicas)
        self._service_page.register_requested.connect(self.open_register)

    # --- what the presenter tells ---------------------------------------------------------------------------------

    def refresh(self, now: float, changes: int) -> None:
        """The models were brought up to date, at `now`; `changes` is how many status changes there were in all."""
        self._now, self._changes = now, changes
        self._show_found()
        if self._to_select is not None and self.tree.row_of(self._to_select).isValid():
            self.open_at(self._to_select)
        self._show_selected()

    def set_stale(self, stale: bool) -> None:
        self._is_stale = stale
        self.tree.set_stale(stale)
        self._register.setEnabled(not stale)
        self._show_selected()

    def show_registered(self, instance: str) -> None:
        """What the dialog asked for was done."""
        if self.dialog is not None:
            self.dialog.accept()
        self.toast_requested.emit(tr("{instance} is registered.", instance=instance))
        self.open_at(instance)
        self.tree.setFocus()

    def show_register_failure(self, message: UserMessage, fields: dict[str, str]) -> None:
        """`fields` says what is wrong with those that the system named."""
        if self.dialog is None:
            self.show_error(message)
        else:
            self.dialog.set_busy(busy=False)
            self.dialog.show_failure(message, fields)

    # --- selection ------------------------------------------------------------------------------------------------

    def open_at(self, argument: object) -> None:
        """Select an instance or a service by its name, as soon as it is there."""
        key = str(argument)
        index = self.tree.row_of(key)
        self._to_select = None if index.isValid() else key
        if index.isValid():
            self.tree.select_index(index)

    def focus_on(self, focus: Focus | None) -> None:
        """Its services in the tree, whole, so that who took over is seen too; and of the changes those that belong."""
        focus = focus if focus is not None and focus.has_places else None
        self.show_focus(focus)
        self._filtered.set_accepts(None if focus is None or not focus.services else _of_services(focus))
        self._filtered_journal.set_accepts(None if focus is None else _of_changes(focus))
        self._show_found()

    def memory(self) -> object:
        row = self.tree.selected_row()
        return row.key[-1] if row is not None else self._to_select

    def recall(self, memory: object) -> None:
        if memory is not None:
            self.open_at(memory)

    def _on_row_selected(self, row: TreeRow | None) -> None:
        self._show_selected()
        pages = {InstanceRow: self._instance_page, ServiceRow: self._service_page}
        self.inspector_requested.emit(pages.get(type(row)))

    def _show_selected(self) -> None:
        row = self.tree.selected_row()
        self._actions.show_row(row, is_stale=self._is_stale)
        if isinstance(row, InstanceRow):
            changes = self._journal.newest(lambda change: change.instance == row.id, STORY_LINES)
            self._instance_page.show_instance(row, changes, self._now, is_stale=self._is_stale)
        elif isinstance(row, ServiceRow):
            changes = self._journal.newest(lambda change: change.service == row.name, STORY_LINES)
            self._service_page.show_service(row, changes, is_stale=self._is_stale)

    def _on_change_selected(self, row: JournalRow | None) -> None:
        if row is not None and (index := self.tree.row_of(row.instance)).isValid():
            self.tree.select_index(index)

    # --- what the user wants --------------------------------------------------------------------------------------

    def _on_action(self, key: str) -> None:
        if isinstance(row := self.tree.selected_row(), InstanceRow):
            self.action_requested.emit(row.id, key)

    def _on_replicas(self, replicas: int) -> None:
        if isinstance(row := self.tree.selected_row(), ServiceRow):
            self.replicas_requested.emit(row.name, replicas)

    def _on_logs(self) -> None:
        if isinstance(row := self.tree.selected_row(), InstanceRow):
            self.navigation_requested.emit(LOGS, row.id)

    def _on_break(self) -> None:
        """Beside the row that it is about."""
        row = self.tree.selected_row()
        if row is None:
            return
        if isinstance(row, InstanceRow):
            subject = BreakSubject("instance", row.id)
        else:
            subject = BreakSubject("service", row.name)
        self.break_requested.emit(subject, self.tree.selected_place())

    def _on_change_menu(self, row: JournalRow, place: QPoint) -> None:
        """Of an instance that is still there. The key needs nothing here: a change that is selected selects its instance."""
        if not self._model.index_of_member(row.instance).isValid():
            return
        menu = QMenu(self)
        menu.setObjectName("changeMenu")
        subject = BreakSubject("instance", row.instance)
        add_break(menu, subject, QRect(place, QSize(1, 1)), self.break_requested.emit)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)

    def copy_address(self) -> None:
        if isinstance(row := self.tree.selected_row(), InstanceRow):
            QGuiApplication.clipboard().setText(row.address)
            self.toast_requested.emit(tr("Copied {address}", address=row.address))

    def open_register(self) -> None:
        """The dialog, filled in with the service that is selected."""
        row = self.tree.selected_row()
        service = "" if row is None else row.service if isinstance(row, InstanceRow) else row.name
        self.dialog = RegisterDialog(self._services(), service, self)
        self.dialog.submitted.connect(self.register_requested)
        self.dialog.finished.connect(self._on_dialog_closed)
        self.dialog.open()

    def _on_dialog_closed(self) -> None:
        self.dialog = None

    def _services(self) -> Sequence[str]:
        count = self._model.rowCount(QModelIndex())
        groups = (self._model.group_at(self._model.index(row, 0)) for row in range(count))
        return [group.name for group in groups if group is not None]

    def _on_menu_requested(self, row: TreeRow, place: QPoint) -> None:
        self._actions.menu_of(row).popup(place)

    # --- filter ---------------------------------------------------------------------------------------------------

    def _on_filter_changed(self, text: str) -> None:
        self._filtered.set_text(text)
        self._filtered_journal.set_text(text)
        self._show_found()

    def _show_found(self) -> None:
        """Say so when the filter leaves nothing of what there is."""
        is_hidden = self._filtered.rowCount() == 0 and self._model.rowCount() > 0
        if is_hidden:
            text = tr("No service and no instance contains “{text}”.", text=self._field.text())
            self._nothing.show_empty(tr("Nothing found"), text, tr("Clear the filter"), "search")
        self._found.setCurrentWidget(self._nothing if is_hidden else self.tree)
        self._show_journal_count()

    def _show_journal_count(self) -> None:
        shown, total = self._filtered_journal.rowCount(), self._changes
        if shown == total:
            text = tr("1 status change") if total == 1 else tr("{n} status changes", n=f"{total:,}")
        else:
            text = tr("shown {n} of {total} status changes", n=f"{shown:,}", total=f"{total:,}")
        self._journal_count.setText(text)


def _of_services(focus: Focus) -> Callable[[TreeRow], bool]:
    return lambda row: (row.service if isinstance(row, InstanceRow) else row.name) in focus.services


def _of_changes(focus: Focus) -> Callable[[JournalRow], bool]:
    return lambda row: (
        focus.has_time(row.at)
        and (row.instance in focus.processes or focus.has_instance(row.instance, row.service))
    )
