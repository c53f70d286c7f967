"""The panel alone, shown what the test says; and the panel joined to its presenter on a port that the test fills."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from pytestqt.qtbot import QtBot

from app.panels.services.journal_model import JournalModel, journal_row
from app.panels.services.readings import Readings
from app.panels.services.services_model import ServicesModel
from app.panels.services.services_panel import ServicesPanel
from app.panels.services.services_presenter import ServicesPresenter
from app.panels.services.services_rows import Asked, Sources, tree_rows
from embedded_services.contracts.instances import Change, Instance
from embedded_services.contracts.system import Service
from tests.gui.panels.services.shop import NOW, FakePort, process


@dataclass
class Stage:
    """A panel without a presenter: it shows what it is told."""

    model: ServicesModel = field(default_factory=ServicesModel)
    journal: JournalModel = field(default_factory=JournalModel)

    def __post_init__(self) -> None:
        self.panel = ServicesPanel(self.model, self.journal)
        self.model.setParent(self.panel)
        self.journal.setParent(self.panel)

    def show(self, services: Sequence[Service], instances: Sequence[Instance]) -> None:
        known = {row.id: row for row in instances}
        processes = {row.id: process(row.id, pid=row.pid) for row in instances}
        sources = Sources({row.name: row for row in services}, known, processes, NOW)
        self.model.apply(tree_rows(sources, Asked(), Readings()))
        self.panel.show_content()
        self.panel.refresh(NOW, len(self.journal.rows()))

    def show_changes(self, *changes: Change) -> None:
        self.journal.apply([journal_row(change.seq, change, NOW) for change in reversed(changes)])
        self.panel.refresh(NOW, len(changes))


@pytest.fixture
def stage(qtbot: QtBot) -> Stage:
    stage = Stage()
    qtbot.addWidget(stage.panel)
    stage.panel.resize(1056, 676)
    stage.panel.show()
    return stage


@pytest.fixture
def port() -> FakePort:
    return FakePort()


@pytest.fixture
def joined(stage: Stage, port: FakePort) -> ServicesPanel:
    """The panel with its presenter on `port`. For tests that are coroutines."""
    ServicesPresenter(stage.panel, stage.model, stage.journal, port, port.clock)
    return stage.panel
