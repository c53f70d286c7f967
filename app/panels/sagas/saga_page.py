"""The inspector's page for a whole saga: facts, data, journal, and what to do with it."""

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import QWidget

from app.core import figures
from app.core.language import tr
from app.panels.sagas.hold_words import refusals
from app.panels.sagas.journal_view import JournalView
from app.panels.sagas.json_section import JsonSection
from app.panels.sagas.run_rows import run_row
from app.panels.sagas.words import line_of, saga_said, short_id, took
from app.widgets.button import Button
from app.widgets.fact_list import Fact, FactList
from app.widgets.inspector_page import InspectorPage
from embedded_services.contracts.sagas import Saga, SagaDefinition

_KEYS: Final = ("retry", "skip", "cancel", "copy", "traceEvents", "traceRequest")


class SagaPage(InspectorPage):
    """`action_requested(key)`, keys as those of the head."""

    action_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._due: tuple[Saga, SagaDefinition | None, float] | None = None
        self._facts = self.add_section(tr("Facts"), FactList())
        copy_data, copy_journal = Button(tr("Copy"), kind="link"), Button(tr("Copy"), kind="link")
        self.journal = self.add_section(tr("Journal"), JournalView(), aside=copy_journal)
        self.data = self.add_section(tr("Data"), JsonSection(tr("Data")), aside=copy_data)
        copy_data.clicked.connect(self.data.copy)
        copy_journal.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.journal.text()))
        words = {
            "retry": tr("Retry"), "skip": tr("Skip…"), "cancel": tr("Cancel saga…"), "copy": tr("Copy JSON"),
            "traceEvents": tr("Its events"), "traceRequest": tr("Its request"),
        }  # fmt: skip
        self._buttons = {key: Button(words[key]) for key in _KEYS}
        for key, button in self._buttons.items():
            button.setObjectName(f"sagaPage-{key}")
            button.clicked.connect(lambda _=False, key=key: self.action_requested.emit(key))
        self.set_actions([self._buttons[key] for key in _KEYS])

    def show_saga(self, saga: Saga, definition: SagaDefinition | None, now: float) -> None:
        """Filled in as soon as somebody can see it."""
        self._due = (saga, definition, now)
        if self.isVisible():
            self._fill()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fill()

    def _fill(self) -> None:
        if self._due is None:
            return
        (saga, definition, now), self._due = self._due, None
        said = saga_said(saga.state, saga.hold.reason if saga.hold is not None else None)
        self.set_subject(
            tr("Saga {n}", n=f"{saga.seq:,}"), short_id(saga.id), (said.mark, said.word), identity=saga.id,
            note=f"{saga.name} · {took(run_row(saga).lasted(now))}",
        )  # fmt: skip
        self._facts.set_facts(_facts(saga))
        lines = [line_of(entry) for entry in saga.journal]
        self.journal.show_lines(lines)
        self.data.show_value(saga.data, tr("It was started without data."))
        why_not = refusals(saga, definition)
        for key, button in (
            ("retry", self._buttons["retry"]),
            ("skip", self._buttons["skip"]),
            ("cancel", self._buttons["cancel"]),
        ):
            why = why_not["retry" if key == "retry" else "skip" if key == "skip" else "cancel"]
            button.setEnabled(not why)
            button.setToolTip(why)

    def button(self, key: str) -> QWidget:
        return self._buttons[key]


def _facts(saga: Saga) -> list[Fact]:
    facts = [
        Fact(tr("Started"), figures.precise_time(saga.started_at), tooltip=figures.moment(saga.started_at)),
        Fact(
            tr("Last moved"), figures.precise_time(saga.updated_at), tooltip=figures.moment(saga.updated_at)
        ),
        Fact(
            tr("Deadline"),
            figures.clock_time(saga.deadline_at) if saga.deadline_at is not None else tr("none"),
        ),
        Fact(tr("Trace"), saga.trace_id, face="mono", tooltip=saga.trace_id),
    ]
    if saga.failure:
        facts.append(Fact(tr("Turned back"), saga.failure, "bad", tooltip=saga.failure))
    if saga.faults:
        armed = ", ".join(f"{step}: {fault.kind.value}" for step, fault in saga.faults.items())
        facts.append(Fact(tr("You armed"), armed, "fault", tooltip=armed))
    return facts
