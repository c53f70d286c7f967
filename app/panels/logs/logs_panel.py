"""The Logs panel: what all processes write, narrowed by level, process and text, following its end until told not to."""

from dataclasses import replace

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QStackedWidget, QWidget

from app.core import figures
from app.core.breaking import subject_of_process
from app.core.focus import Focus
from app.core.language import tr
from app.panels.logs.filter_bar import FilterBar
from app.panels.logs.log_book import LogFilter, LogRow
from app.panels.logs.log_page import LogPage, copy_entry
from app.panels.logs.logs_model import LogsModel, tint
from app.widgets.break_action import BreakAction
from app.widgets.button import Button
from app.widgets.long_row_view import LongRowView
from app.widgets.panel import Panel
from app.widgets.state_view import StateView


class LogsPanel(Panel):
    """`open_at` takes a process's name, or (process, moment) for the entry nearest to that moment."""

    def __init__(self, model: LogsModel, parent: QWidget | None = None) -> None:
        super().__init__("logs", tr("Logs"), parent)
        self._model = model
        self._sought: float | None = None
        self._focus: Focus | None = None
        self._total_at_pause = 0
        self.view = LongRowView(model.columns, name=tr("Log entries"), tail=True, tint=tint)
        self._breaking = BreakAction(self.view, lambda row: subject_of_process(row.process), own_menu=False)
        self._bar = FilterBar()
        self._follow = Button("", "pause")
        self._none = StateView()
        self._body = QStackedWidget()
        self._page = LogPage(self)
        self._build_ui()
        self._build_actions()
        self._connect()
        self._on_counted()

    def _build_ui(self) -> None:
        self._follow.setObjectName("follow")
        self._follow.setMinimumWidth(112)
        self.add_header_widget(self._follow)
        self.view.setModel(self._model)
        self._none.setObjectName("noMatch")
        self._none.show_empty(
            tr("No entry passes the filter"),
            tr("New ones appear here as soon as they do."),
            tr("Clear the filter"),
            icon="filter",
        )
        self.setFocusProxy(self.view)
        self._body.addWidget(self.view)
        self._body.addWidget(self._none)
        self.content.addWidget(self._bar)
        self.content.addWidget(self._body, 1)

    def _build_actions(self) -> None:
        for text, keys, call in (
            (tr("Follow the log, or pause"), "Ctrl+L", self._on_follow),
            (tr("Clear the log's filter"), "Ctrl+Shift+L", self.clear_filter),
            (tr("Copy the selected log entry"), "Ctrl+C", self._on_copy),
            (tr("Search in the log"), "Ctrl+F", self._bar.focus_text),
        ):
            action = QAction(text, self)
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(call)
            self.addAction(action)

    def _connect(self) -> None:
        self._bar.filter_changed.connect(self._apply)
        self._none.action_requested.connect(self.clear_filter)
        self._follow.clicked.connect(self._on_follow)
        self._model.counted.connect(self._on_counted)
        self.view.following_changed.connect(self._show_following)
        self.view.row_selected.connect(self._on_row_selected)
        self.view.row_menu_requested.connect(self._on_menu)
        self._breaking.requested.connect(self.break_requested)
        self._page.process_requested.connect(self.filter_to)
        self._page.context_requested.connect(self._show_context)

    # --- what others ask ------------------------------------------------------------------------------------------

    def open_at(self, argument: object) -> None:
        if isinstance(argument, str):
            self.filter_to(argument)
        elif isinstance(argument, tuple):
            process, at = argument
            self.show_entry(process, at)

    def filter_to(self, process: str) -> None:
        """The entries of one process, of every level and text."""
        self._set_filter(LogFilter(process=process))

    def show_entry(self, process: str, at: float) -> None:
        """The first entry of `process` that is not older than `at` (seconds since the epoch), now or once it is here."""
        self.filter_to(process)
        self.view.set_following(False)
        self._sought = at
        self._seek()

    def clear_filter(self) -> None:
        self._set_filter(LogFilter())
        if self._focus is not None:
            self.focus_cleared.emit()

    def set_stale(self, stale: bool) -> None:
        self.view.set_stale(stale)

    def focus_on(self, focus: Focus | None) -> None:
        self._focus = focus if focus is not None and focus.has_places else None
        self.show_focus(self._focus)
        self._apply(self._bar.filter)

    def memory(self) -> object:
        return self._bar.filter

    def recall(self, memory: object) -> None:
        if isinstance(memory, LogFilter):
            self._set_filter(memory)

    # --- the filter -----------------------------------------------------------------------------------------------

    def _set_filter(self, wanted: LogFilter) -> None:
        self._bar.set_filter(wanted)
        self._apply(wanted)

    def _apply(self, wanted: LogFilter) -> None:
        """What is selected stays so while it is shown."""
        self._sought = None
        selected = self.view.selected_row()
        self._model.set_filter(replace(wanted, focus=self._focus))
        if selected is not None:
            self._select(selected.seq)

    def _select(self, seq: int) -> None:
        if (index := self._model.index_of(seq)).isValid():
            self.view.select_index(index)

    def _show_context(self, seq: int) -> None:
        self.clear_filter()
        self._select(seq)
        self.view.setFocus()

    def _seek(self) -> None:
        if self._sought is None or not self._model.rows():
            return
        index, sought = self._model.nearest(self._sought), self._sought
        self.view.select_index(index)
        self._sought = None if self._model.row_at(index).at >= sought else sought

    # --- what is shown --------------------------------------------------------------------------------------------

    def _on_counted(self) -> None:
        account, shown = self._model.account(), self._model.rowCount()
        self._bar.show_account(account, shown)
        self._bar.add_processes(self._model.processes)
        count = len(self._model.processes)
        self.set_subtitle(tr("of {n} processes", n=count) if count else "")
        nothing = shown == 0 and account.held > 0
        self._body.setCurrentWidget(self._none if nothing else self.view)
        self._show_following()
        self._seek()

    def _show_following(self, *_: object) -> None:
        following, total = self.view.is_following, self._model.account().total
        if following:
            self._total_at_pause = total
        news = max(0, total - self._total_at_pause)
        waiting = tr("Follow · {n} new", n=figures.count(news)) if news else tr("Follow")
        self._follow.setText(tr("Pause") if following else waiting)
        self._follow.set_icon("pause" if following else "follow")
        self._follow.setToolTip(tr("Stay where it is") if following else tr("Show new entries as they come"))

    # --- what the user does ---------------------------------------------------------------------------------------

    def _on_follow(self) -> None:
        self.view.set_following(not self.view.is_following)

    def _on_row_selected(self, row: LogRow | None) -> None:
        """An entry that went out of sight, by a filter or with age, stays in the inspector."""
        if row is not None:
            self.view.set_following(False)
            self._page.show_row(row)
            self.inspector_requested.emit(self._page)

    def _on_copy(self) -> None:
        if (row := self.view.selected_row()) is not None:
            copy_entry(row)
            self.toast_requested.emit(tr("The entry was copied."))

    def _on_menu(self, row: LogRow, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(tr("Only {process}", process=row.process), lambda: self.filter_to(row.process))
        menu.addAction(tr("What surrounds it"), lambda: self._show_context(row.seq))
        menu.addSeparator()
        menu.addAction(tr("Copy the entry"), lambda: copy_entry(row))
        menu.addSeparator()
        self._breaking.add_to(menu, row, place)
        menu.popup(place)
