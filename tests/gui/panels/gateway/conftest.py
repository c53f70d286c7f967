"""A Gateway panel with its presenter, on a feed that a test fills."""

from dataclasses import dataclass

import pytest
import shiboken6
from pytestqt.qtbot import QtBot

from app.core.session import Port
from app.panels.gateway.gateway_models import GatewayModels
from app.panels.gateway.gateway_panel import GatewayPanel
from app.panels.gateway.gateway_presenter import GatewayPresenter
from embedded_services.common.clock import Clock
from tests.gui.panels.gateway.shop import FakeControl, FakePort
from tests.helpers.qt import eventually


@dataclass
class Built:
    panel: GatewayPanel
    models: GatewayModels
    presenter: GatewayPresenter

    async def end(self) -> None:
        """Nothing of it runs any more."""
        self.presenter.deleteLater()
        await eventually(lambda: not shiboken6.isValid(self.presenter))


def build(port: Port, qtbot: QtBot, clock: Clock | None = None) -> Built:
    models = GatewayModels()
    panel = GatewayPanel(models)
    models.set_parent(panel)
    qtbot.addWidget(panel)
    presenter = GatewayPresenter(panel, models, port, clock)
    panel.resize(1056, 676)
    panel.show()
    return Built(panel, models, presenter)


@pytest.fixture
def port() -> FakePort:
    return FakePort()


@pytest.fixture
def control(port: FakePort) -> FakeControl:
    assert port.client is not None
    return port.client


@pytest.fixture
def built(port: FakePort, qtbot: QtBot) -> Built:
    """The moment of the design's picture is told already."""
    built = build(port, qtbot, port.clock)
    port.open()
    return built
