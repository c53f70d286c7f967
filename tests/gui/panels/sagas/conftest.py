"""A Sagas panel with its presenter, on a feed that a test fills."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pytest
import shiboken6
from PySide6.QtWidgets import QAbstractButton, QWidget
from pytestqt.qtbot import QtBot

from app.core.session import Port
from app.panels.sagas.runs_model import RunsModel
from app.panels.sagas.sagas_panel import SagasPanel
from app.panels.sagas.sagas_presenter import SagasPresenter
from app.widgets.inspector_page import InspectorPage
from embedded_services.common.clock import Clock
from tests.gui.panels.sagas.shop import FakeControl, FakePort
from tests.helpers.qt import eventually

W = TypeVar("W", bound=QWidget)


@dataclass
class Built:
    panel: SagasPanel
    model: RunsModel
    presenter: SagasPresenter
    inspected: list[InspectorPage | None]
    toasts: list[str]
    navigated: list[tuple[str, object]]

    def inspect(self, page: InspectorPage | None) -> None:
        """As the window does."""
        for shown in self.inspected:
            if shown is not None and shown is not page:
                shown.hide()
        self.inspected.append(page)
        if page is not None:
            page.show()

    async def end(self) -> None:
        """Nothing of it runs any more."""
        self.presenter.deleteLater()
        await eventually(lambda: not shiboken6.isValid(self.presenter))


def build(port: Port, qtbot: QtBot, clock: Clock | None = None) -> Built:
    model = RunsModel()
    panel = SagasPanel(model, clock)
    model.setParent(panel)
    qtbot.addWidget(panel)
    presenter = SagasPresenter(panel, model, port, clock)
    built = Built(panel, model, presenter, [], [], [])
    panel.inspector_requested.connect(built.inspect)
    panel.toast_requested.connect(built.toasts.append)
    panel.navigation_requested.connect(lambda key, what: built.navigated.append((key, what)))
    panel.resize(1056, 734)
    panel.show()
    return built


def child(widget: QWidget, kind: type[W], name: str) -> W:
    found = widget.findChild(kind, name)
    assert isinstance(found, kind), f"no {name}"
    return found


def press(widget: QWidget, name: str) -> None:
    button = child(widget, QAbstractButton, name)
    assert button.isEnabled(), f"{name} cannot be pressed: {button.toolTip()}"
    button.click()


@pytest.fixture
def port() -> FakePort:
    return FakePort()


@pytest.fixture
def control(port: FakePort) -> FakeControl:
    assert port.client is not None
    return port.client


@pytest.fixture
def make(port: FakePort, qtbot: QtBot) -> Callable[[], Built]:
    def made() -> Built:
        built = build(port, qtbot, port.clock)
        port.open()
        return built

    return made
