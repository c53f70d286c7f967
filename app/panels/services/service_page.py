"""The inspector's page for one service: how its instances are, its figures, and how many there are to be."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.core import figures
from app.core.language import tr
from app.panels.services.journal_model import JournalRow
from app.panels.services.services_rows import MAX_REPLICAS, ServiceRow
from app.panels.services.story import Story
from app.qt.tokens import Tone
from app.widgets.button import Button
from app.widgets.fact_list import Fact, FactList
from app.widgets.inspector_page import InspectorPage


class ServicePage(InspectorPage):
    """`replicas_requested(n)` asks for so many; `register_requested` for one more that is not ours."""

    replicas_requested = Signal(int)
    register_requested = Signal()
    break_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._replicas = 0
        self._facts = self.add_section(tr("Facts"), FactList())
        self._story = self.add_section("", Story())
        self._less = Button(
            tr("One less"), tooltip=tr("The last instance leaves the rotation, finishes, and ends.")
        )
        self._more = Button(
            tr("One more"), tooltip=tr("Starts another instance; it gets requests once it is healthy.")
        )
        self._register = Button(tr("Register…"), tooltip=tr("Let an instance that runs elsewhere take part."))
        for button, name in ((self._less, "less"), (self._more, "more"), (self._register, "register")):
            button.setObjectName(name)
        self._less.clicked.connect(lambda: self.replicas_requested.emit(self._replicas - 1))
        self._more.clicked.connect(lambda: self.replicas_requested.emit(self._replicas + 1))
        self._register.clicked.connect(self.register_requested)
        self.break_it = Button(tr("Break it…"), "bolt", "break", tooltip=tr("Inject a fault (B)"))
        self.break_it.setObjectName("breakIt")
        self.break_it.clicked.connect(self.break_requested)
        self.set_actions([self._less, self._more, self._register, None, None, self.break_it])

    def show_service(self, row: ServiceRow, changes: Sequence[JournalRow], *, is_stale: bool) -> None:
        self._replicas = row.replicas
        status = "unknown" if is_stale else row.status
        self.set_subject(tr("Service"), row.name, (status, tr("Unknown") if is_stale else row.summary))
        self._story.show_rows(tr("Recent changes"), changes, names_instances=True)
        self._facts.set_facts(_facts(row, "text_muted" if is_stale else "text"))
        self._less.setEnabled(not is_stale and not row.external and row.replicas > 0)
        self._more.setEnabled(not is_stale and not row.external and row.replicas < MAX_REPLICAS)
        self._register.setEnabled(not is_stale)
        self.break_it.setEnabled(not is_stale)


def _facts(row: ServiceRow, tone: Tone) -> list[Fact]:
    return [
        Fact(
            tr("In rotation"),
            tr("{n} of {total}", n=row.in_rotation, total=row.total),
            tone,
            tooltip=row.reason,
        ),
        Fact(tr("Replicas asked for"), figures.NONE if row.external else figures.count(row.replicas), tone),
        Fact(tr("Picks by"), row.strategy or figures.NONE, tone),
        Fact(tr("Rate"), figures.rate(row.rate), tone),
        Fact(tr("Requests"), figures.count(row.requests), tone),
        Fact(tr("Failures"), figures.count(row.failures), "bad" if row.failures and tone == "text" else tone),
    ]
