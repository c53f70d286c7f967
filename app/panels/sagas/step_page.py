"""The inspector's page for one step of a saga, on its way forward or back: facts, data in and out, its journal, what to do."""

from typing import Final

from PySide6.QtCore import QPoint, QRect, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from app.core import figures
from app.core.language import tr
from app.panels.sagas.cards import Card, Way
from app.panels.sagas.fault_box import FaultBox
from app.panels.sagas.hold_words import ActionKey, refusals
from app.panels.sagas.journal_view import JournalView
from app.panels.sagas.json_section import JsonSection
from app.panels.sagas.lanes import Lanes
from app.panels.sagas.step_story import entries_of
from app.panels.sagas.words import line_of, short_id, took
from app.widgets.button import Button
from app.widgets.fact_list import Fact, FactList
from app.widgets.inspector_page import InspectorPage
from app.widgets.label import Label
from embedded_services.contracts.sagas import DefinedStep, Saga, SagaDefinition, SagaStep

_KEYS: Final = ("retry", "skip", "cancel", "next", "copy", "logs")


class StepPage(InspectorPage):
    """`action_requested(key)`: retry, skip, cancel, next; copy, logs. `break_requested(QRect)`, of the button that asks."""

    action_requested = Signal(str)
    break_requested = Signal(QRect)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.saga: Saga | None = None
        self._due: tuple[Saga, Lanes, SagaDefinition | None] | None = None
        self.step = ""
        self.way: Way = "forward"
        self.fault = FaultBox()
        self.add_section("", self.fault)
        self.break_it = Button(tr("Break it…"), kind="link")
        self.break_it.setObjectName("breakStep")
        self._facts = self.add_section(tr("Facts"), FactList(), aside=self.break_it)
        self._error = self.add_section(tr("Error"), Label("", "mono", "bad", wrap=True, selectable=True))
        copy_in, copy_out = Button(tr("Copy"), kind="link"), Button(tr("Copy"), kind="link")
        self.input = self.add_section(tr("Data in"), JsonSection(tr("Data in")), aside=copy_in)
        self.output = self.add_section(tr("Data out"), JsonSection(tr("Data out")), aside=copy_out)
        self.journal = self.add_section(tr("Journal of this step"), JournalView())
        self.break_it.clicked.connect(self._on_break)
        copy_in.clicked.connect(self.input.copy)
        copy_out.clicked.connect(self.output.copy)
        words = {
            "retry": tr("Retry"), "skip": tr("Skip…"), "cancel": tr("Cancel saga…"), "next": tr("Next"),
            "copy": tr("Copy JSON"), "logs": tr("Open logs"),
        }  # fmt: skip
        self._buttons = {key: Button(words[key]) for key in _KEYS}
        for key, button in self._buttons.items():
            button.setObjectName(f"step-{key}")
            button.clicked.connect(lambda _=False, key=key: self.action_requested.emit(key))
        self.set_actions([self._buttons[key] for key in _KEYS])

    def _on_break(self) -> None:
        place = QRect(self.break_it.mapToGlobal(QPoint(0, 0)), self.break_it.size())
        self.break_requested.emit(place)

    @property
    def instance(self) -> str:
        """Who serves the step, empty while nobody does."""
        for fact in self._facts.facts:
            if fact.name == tr("Served by") and fact.value != figures.NONE:
                return fact.value
        return ""

    def choose(self, step: str, way: Way) -> None:
        self.step, self.way = step, way

    def show_saga(self, saga: Saga, lanes: Lanes, definition: SagaDefinition | None) -> None:
        """The chosen step of it, as it is now. Filled in as soon as somebody can see it."""
        self.saga = saga
        self._due = (saga, lanes, definition)
        if self.isVisible():
            self._fill()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fill()

    def _fill(self) -> None:
        if self._due is None:
            return
        (saga, lanes, definition), self._due = self._due, None
        card = lanes.card(self.step, self.way)
        step = next((each for each in saga.steps if each.name == self.step), None)
        if card is None or step is None:
            return
        defined = (
            next((each for each in definition.steps if each.name == self.step), None) if definition else None
        )
        what = tr("Step {n} of saga {id}", n=card.number, id=short_id(saga.id))
        if self.way == "undo":
            what = tr("Undoing of step {n} of saga {id}", n=card.number, id=short_id(saga.id))
        mark = "healthy" if card.mark == "check" else card.mark or "unknown"
        self.set_subject(what, step.name, (mark, card.word), identity=saga.id)
        self._facts.set_facts(_facts(card, step, defined))
        self._show_fault(card)
        error = card.note if card.note_tone in ("bad", "warn") else ""
        self._error.setText(error)
        _set_shown(self._error, shown=bool(error))
        self._show_data(saga, step)
        self.journal.show_lines([line_of(entry) for entry in entries_of(saga.journal, step.name)])
        self._allow(saga, definition)

    def _show_fault(self, card: Card) -> None:
        self.fault.say(card.tag_says)
        _set_shown(self.fault, shown=bool(card.tag))

    def _show_data(self, saga: Saga, step: SagaStep) -> None:
        if self.way == "undo":
            self.input.show_value(saga.data, tr("An undoing sees all data of the saga; there is none."))
            self.output.show_value(None, tr("An undoing adds nothing."))
            return
        self.input.show_value(step.input, tr("Fetching it…") if saga.brief else tr("It was not called yet."))
        self.output.show_value(step.output, tr("Nothing came out of it."))

    def _allow(self, saga: Saga, definition: SagaDefinition | None) -> None:
        why_not = refusals(saga, definition)
        keys: tuple[ActionKey, ...] = ("retry", "skip", "cancel", "next")
        for key in keys:
            self._buttons[key].setEnabled(not why_not[key])
            self._buttons[key].setToolTip(why_not[key])


def _facts(card: Card, step: SagaStep, defined: DefinedStep | None) -> list[Fact]:
    tries = figures.NONE
    if card.tries:
        tries = tr("{n} of {of}", n=card.tries, of=card.of_tries) if card.of_tries else str(card.tries)
    facts = [
        Fact(tr("Service"), defined.service if defined is not None else figures.NONE),
        Fact(tr("Served by"), card.instance or figures.NONE),
        Fact(tr("Tries"), tries),
        Fact(tr("Took"), took(card.took) if card.took is not None else figures.NONE),
    ]
    began = step.started_at
    if began is not None:
        facts.append(Fact(tr("Last began"), figures.precise_time(began), tooltip=figures.moment(began)))
    if step.next_try_at is not None:
        facts.append(Fact(tr("Next try at"), figures.precise_time(step.next_try_at), "warn"))
    if defined is not None and defined.timeout_s:
        facts.append(Fact(tr("Waits for an answer"), tr("{s} s", s=f"{defined.timeout_s:g}")))
    if card.is_pivot:
        facts.append(Fact(tr("Point of no return"), tr("after it there is no way back"), "accent"))
    return facts


def _set_shown(section: QWidget, *, shown: bool) -> None:
    frame = section.parentWidget()
    if frame is not None:
        frame.setVisible(shown)
