"""The Sagas panel: every run there was, one of them step by step on its way there and back, what must hold, and new runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QMenu, QSplitter, QWidget

from app.core.breaking import BreakSubject
from app.core.fault_marks import StepFault
from app.core.focus import Focus
from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.sagas.absence_banner import AbsenceBanner
from app.panels.sagas.cards import Way
from app.panels.sagas.ledger_pane import LedgerPane
from app.panels.sagas.run_filter import RunFilter, filter_of
from app.panels.sagas.run_form import RunForm
from app.panels.sagas.run_list import RunList
from app.panels.sagas.run_rows import RunRow
from app.panels.sagas.runs_model import RunsModel
from app.panels.sagas.saga_menus import fill_run_menu, fill_step_menu
from app.panels.sagas.saga_page import SagaPage
from app.panels.sagas.saga_pane import SagaPane
from app.panels.sagas.step_page import StepPage
from app.panels.sagas.step_target import StepTarget
from app.panels.sagas.words import state_words
from app.widgets.break_action import KEY, add_break
from app.widgets.panel import Panel
from app.widgets.segmented_toggle import SegmentedToggle
from embedded_services.common.clock import Clock, SystemClock
from embedded_services.contracts.sagas import Saga, SagaCounts, SagaDefinition, SagaState

ALL: Final = "all"
LOGS: Final = "logs"


@dataclass(frozen=True)
class _Kept:
    wanted: RunFilter
    saga: str


class SagasPanel(Panel):
    """`filter_changed(RunFilter)`; `saga_wanted(id)` is to be looked at; `saga_asked(id, key, reason)`, keys next, retry,
    skip, cancel, copy, trace, traceEvents, traceRequest; `orchestrator_asked("thaw" | "restart")`; and those of the form.
    `open_at` takes the id of a saga.
    """

    filter_changed = Signal(object)
    saga_wanted = Signal(str)
    saga_asked = Signal(str, str, str)
    orchestrator_asked = Signal(str)
    step_copy_requested = Signal(object)

    def __init__(self, model: RunsModel, clock: Clock | None = None, parent: QWidget | None = None) -> None:
        super().__init__("sagas", tr("Sagas"), parent)
        self._clock = clock or SystemClock()
        self._counts: SagaCounts | None = None
        self._definition: SagaDefinition | None = None
        self.list = RunList(model, self._clock)
        self.pane = SagaPane(self._clock)
        self.ledger = LedgerPane()
        self.form = RunForm()
        self.saga_page = SagaPage(self)
        self.step_page = StepPage(self)
        self.states = SegmentedToggle(
            tr("State"), {ALL: tr("All"), **{state.value: word for state, word in state_words().items()}}, compact=True
        )  # fmt: skip
        self._unfocused: RunFilter | None = None
        """What the filter was before the window was narrowed to something."""
        self._banner = AbsenceBanner()
        self._build_ui()
        self._build_actions()
        self._connect()

    def _build_ui(self) -> None:
        self.states.setObjectName("sagaStates")
        self.add_header_widget(self.states)
        lower = _split(Qt.Orientation.Horizontal, (self.ledger, self.form), (244, 560), (1, 2))
        right = _split(Qt.Orientation.Vertical, (self.pane, lower), (392, 286), (5, 4))
        whole = _split(Qt.Orientation.Horizontal, (self.list, right), (246, 810), (0, 1))
        self.list.setMinimumWidth(212)
        self.pane.setMinimumHeight(120)
        self.ledger.setMinimumWidth(150)
        self.form.setMinimumWidth(300)
        lower.setMinimumHeight(100)
        self.content.addWidget(self._banner)
        self.content.addWidget(whole, 1)
        self.setFocusProxy(self.list.view)

    def _build_actions(self) -> None:
        self._add(tr("Run the saga of the form"), "Ctrl+R", self.form.run)
        self._add(tr("Run the test order"), "", self._on_test)
        self._add(tr("Search in the runs"), "Ctrl+F", self._search)
        self._add(tr("Clear the filter of runs"), "Ctrl+Shift+L", self.list.clear_filter)
        self._add(tr("Saga: next step"), "Ctrl+Return", lambda: self.pane.ask("next"))
        self._add(tr("Saga: retry"), "", lambda: self.pane.ask("retry"))
        self._add(tr("Saga: skip with a reason…"), "", lambda: self.pane.ask("skip"))
        self._add(tr("Saga: cancel…"), "", lambda: self.pane.ask("cancel"))
        self._add(tr("Saga: break the step…"), KEY, self._on_break_key)
        self._add(tr("Disarm all steps of the form"), "", self.form.faults.clear)

    def _add(self, text: str, keys: str, call: Callable[[], object]) -> None:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda: call())
        self.addAction(action)

    def _connect(self) -> None:
        self.states.choice_requested.connect(self._on_state)
        self.list.filter_changed.connect(self._on_filter)
        self.list.run_selected.connect(self._on_run)
        self.list.menu_requested.connect(self._on_run_menu)
        self.pane.asked.connect(self._on_asked)
        self.pane.step_chosen.connect(self._on_step)
        self.pane.step_menu_requested.connect(self._on_step_menu)
        self.pane.test_requested.connect(self._on_test)
        self.ledger.saga_requested.connect(self.open_at)
        self.saga_page.action_requested.connect(self.pane.ask)
        self.step_page.action_requested.connect(self._on_step_action)
        self.step_page.break_requested.connect(self._on_break_of_page)
        self._banner.mend_requested.connect(self.orchestrator_asked)

    # --- what the presenter tells ---------------------------------------------------------------------------------

    def show_counts(self, counts: SagaCounts | None) -> None:
        self._counts = counts
        by_state = counts.by_state if counts is not None else {}
        total = f" {counts.total:,}" if counts is not None else ""
        self.states.set_word(ALL, f"{tr('All')}{total}")
        for state, word in state_words().items():
            count = by_state.get(state.value, 0)
            self.states.set_word(state.value, f"{word} {count:,}" if count else word)
        self._show_known()

    def show_saga(self, saga: Saga, definition: SagaDefinition | None) -> None:
        """The one that is looked at, as it is now."""
        self._definition = definition
        self.pane.show_saga(saga, definition)
        lanes = self.pane.shown_lanes
        self.saga_page.show_saga(saga, definition, self._clock.now())
        if self.step_page.step:
            self.step_page.show_saga(saga, lanes, definition)
        self.list.mark(saga.seq)

    def show_faults(self, in_force: tuple[StepFault, ...]) -> None:
        """Those that act on steps of every run."""
        self.pane.show_faults(in_force)
        if self.step_page.step and self.pane.saga is not None:
            self.step_page.show_saga(self.pane.saga, self.pane.shown_lanes, self._definition)

    def show_absence(self, message: UserMessage | None, mend: str = "", words: str = "") -> None:
        """Why no saga moves; None while there is an orchestrator. `mend` is what would bring it back."""
        self._banner.show_absence(message, mend, words)

    @property
    def absence(self) -> str:
        return self._banner.words

    def look_at(self, saga: str) -> None:
        """Choose it, without taking the inspector."""
        if self.step_page.step:
            self.step_page.choose("", "forward")
        self.saga_wanted.emit(saga)

    def copy(self, text: str, said: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.toast_requested.emit(said)

    def set_stale(self, stale: bool) -> None:
        for part in (self.list, self.pane, self.ledger):
            part.set_stale(stale)

    def memory(self) -> object:
        saga = self.pane.saga
        return _Kept(self._wanted(), saga.id if saga is not None else "")

    def recall(self, memory: object) -> None:
        if isinstance(memory, _Kept):
            self.filter_to(memory.wanted)
            if memory.saga:
                self.look_at(memory.saga)

    # --- what others ask ------------------------------------------------------------------------------------------

    def open_at(self, argument: object) -> None:
        """A saga by its id: it is looked at, in the list or not."""
        self.look_at(str(argument))
        self.inspector_requested.emit(self.saga_page)

    def focus_on(self, focus: Focus | None) -> None:
        """Through the filter, which is put back afterwards; the saga is looked at if it is the only one."""
        wanted = filter_of(focus) if focus is not None else None
        self.show_focus(focus if wanted is not None else None)
        if wanted is not None:
            if self._unfocused is None:
                self._unfocused = self._wanted()
            if wanted != self._wanted():
                self.filter_to(wanted)
                if wanted.text:
                    self.look_at(wanted.text)
        elif self._unfocused is not None:
            before, self._unfocused = self._unfocused, None
            self.filter_to(before)

    def filter_to(self, wanted: RunFilter) -> None:
        self.states.set_choice(wanted.state.value if wanted.state is not None else ALL)
        self.list.bar.set_filter(wanted)

    # --- what the user does ---------------------------------------------------------------------------------------

    def _wanted(self) -> RunFilter:
        try:
            return self.list.bar.filter
        except ValueError:
            return RunFilter()

    def _on_state(self, key: str) -> None:
        self.list.bar.set_state(None if key == ALL else SagaState(key))
        self._show_known()

    def _on_filter(self, wanted: RunFilter) -> None:
        self.states.set_choice(wanted.state.value if wanted.state is not None else ALL)
        self._show_known()
        self.filter_changed.emit(wanted)

    def _show_known(self) -> None:
        counts, key = self._counts, self.states.choice
        known = 0 if counts is None else counts.total if key == ALL else counts.by_state.get(key, 0)
        self.list.set_known(known)

    def _search(self) -> None:
        self.list.bar.field.setFocus()
        self.list.bar.field.selectAll()

    def _on_test(self) -> None:
        """The guide's order, whatever stands in the form."""
        self.form.fill_test_order()
        self.form.run()

    def _on_run(self, row: RunRow) -> None:
        self.look_at(row.id)
        self.inspector_requested.emit(self.saga_page)

    def _on_asked(self, key: str, reason: str) -> None:
        if self.pane.saga is not None:
            self.saga_asked.emit(self.pane.saga.id, key, reason)

    def _on_step(self, step: str, way: Way) -> None:
        saga = self.pane.saga
        if saga is None:
            return
        self.pane.lanes.select(step, way)
        self.step_page.choose(step, way)
        self.step_page.show_saga(saga, self.pane.shown_lanes, self._definition)
        self.inspector_requested.emit(self.step_page)

    def _on_step_action(self, key: str) -> None:
        target = self._target(self.step_page.step, self.step_page.way)
        if target is not None:
            self._act_on_step(target, key)

    def _act_on_step(self, target: StepTarget, key: str) -> None:
        match key:
            case "show":
                self._on_step(target.step, target.way)
            case "copy":
                self.step_copy_requested.emit(target)
            case "logs":
                step = next(step for step in target.saga.steps if step.name == target.step)
                self.navigation_requested.emit(
                    LOGS, (target.instance or "orchestrator", step.started_at or target.saga.updated_at)
                )
            case _:
                self.pane.ask(key)

    def _target(self, step: str, way: Way) -> StepTarget | None:
        saga, card = self.pane.saga, self.pane.shown_lanes.card(step, way)
        if saga is None or card is None:
            return None
        defined = self._definition.steps if self._definition is not None else ()
        service = next((each.service for each in defined if each.name == step), "")
        return StepTarget(saga, step, way, service, card.instance)

    def _on_run_menu(self, row: RunRow, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setObjectName("runMenu")
        fill_run_menu(menu, row, lambda key: self.saga_asked.emit(row.id, key, ""))
        self._open(menu, place)

    def _on_step_menu(self, step: str, way: Way, place: QPoint) -> None:
        target = self._target(step, way)
        if target is None:
            return
        menu = QMenu(self)
        menu.setObjectName("stepMenu")
        subject = BreakSubject("step", step, target.saga.name)
        add_break(menu, subject, QRect(place, QSize(1, 1)), self.break_requested.emit)
        fill_step_menu(menu, target, self._definition, lambda key: self._act_on_step(target, key))
        self._open(menu, place)

    def _on_break_key(self) -> None:
        card, saga = self.pane.lanes.current(), self.pane.saga
        if card is not None and saga is not None:
            place = QRect(card.mapToGlobal(QPoint(0, 0)), card.size())
            self.break_requested.emit(BreakSubject("step", card.card.step, saga.name), place)

    def _on_break_of_page(self, place: QRect) -> None:
        page = self.step_page
        if page.saga is not None:
            self.break_requested.emit(BreakSubject("step", page.step, page.saga.name), place)

    @staticmethod
    def _open(menu: QMenu, place: QPoint) -> None:
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)


def _split(
    way: Qt.Orientation, widgets: tuple[QWidget, ...], sizes: tuple[int, ...], stretch: tuple[int, ...]
) -> QSplitter:
    splitter = QSplitter(way)
    splitter.setChildrenCollapsible(False)
    splitter.setHandleWidth(1)
    for at, widget in enumerate(widgets):
        splitter.addWidget(widget)
        splitter.setStretchFactor(at, stretch[at])
    splitter.setSizes(list(sizes))
    return splitter
