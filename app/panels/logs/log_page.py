"""The inspector's page of one log entry: the whole message, the traceback, where and when."""

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from app.core import figures
from app.core.language import tr
from app.panels.logs.log_book import LogRow
from app.panels.logs.logs_model import failure, headline, lamp
from app.widgets.button import Button
from app.widgets.fact_list import Fact, FactList
from app.widgets.inspector_page import InspectorPage
from app.widgets.text_view import TextView

_MESSAGE_LINES = 16
_TRACE_LINES = 24


class LogPage(InspectorPage):
    """`process_requested(name)`: show that process's entries alone. `context_requested(seq)`: show what surrounds it."""

    process_requested = Signal(str)
    context_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row: LogRow | None = None
        self._message = self.add_section(tr("Message"), TextView(tr("Message"), lines=_MESSAGE_LINES))
        self._trace = self.add_section(tr("Traceback"), TextView(tr("Traceback"), lines=_TRACE_LINES))
        self._facts = self.add_section(tr("Facts"), FactList())
        self._only = Button(tr("Only this"), tooltip=tr("Show the entries of this process alone"))
        self._around = Button(tr("Around it"), tooltip=tr("Show what all processes said around it"))
        self._copy = Button(tr("Copy"), tooltip=tr("Copy the entry with its traceback"))
        for name, button in (("only", self._only), ("around", self._around), ("copyEntry", self._copy)):
            button.setObjectName(name)
        self.set_actions([self._only, self._around, self._copy])
        self._only.clicked.connect(self._on_only)
        self._around.clicked.connect(self._on_around)
        self._copy.clicked.connect(self._on_copy)

    def show_row(self, row: LogRow) -> None:
        if row == self._row:
            return
        self._row = row
        status = (lamp(row) or "unknown", row.level.capitalize())
        self.set_subject(
            tr("Log entry of {process}", process=row.process),
            failure(row) or headline(row) or tr("(empty)"),
            status,
            note=figures.moment(row.at),
        )
        self._message.set_text(row.message)
        self._trace.set_text(row.trace)
        section = self._trace.parentWidget()
        if section is not None:
            section.setVisible(bool(row.trace))
        self._facts.set_facts(
            [
                Fact(tr("Process"), row.process),
                Fact(tr("Logger"), row.logger, face="mono"),
                Fact(tr("Level"), row.level.capitalize()),
                Fact(tr("Time"), figures.precise_time(row.at), face="mono", tooltip=figures.moment(row.at)),
                Fact(tr("Number"), figures.count(row.seq)),
            ]
        )

    def _on_only(self) -> None:
        if self._row is not None:
            self.process_requested.emit(self._row.process)

    def _on_around(self) -> None:
        if self._row is not None:
            self.context_requested.emit(self._row.seq)

    def _on_copy(self) -> None:
        if self._row is not None:
            copy_entry(self._row)


def entry_text(row: LogRow) -> str:
    """The entry as one would paste it: time, level, process, logger, message, traceback."""
    line = f"{figures.moment(row.at)} {row.level} {row.process} {row.logger}: {row.message}"
    return f"{line}\n{row.trace}".rstrip()


def copy_entry(row: LogRow) -> None:
    QGuiApplication.clipboard().setText(entry_text(row))
