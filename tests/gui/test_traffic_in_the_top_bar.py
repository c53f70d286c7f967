"""Traffic in the top bar: the rate it would start with, also while nobody has looked at the panel, and nothing to click in vain."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.panels.traffic.kinds_model import KindsModel
from app.panels.traffic.traffic_panel import TrafficPanel
from app.panels.traffic.traffic_presenter import TrafficPresenter
from app.traffic_presenter import TrafficItemPresenter
from app.widgets.button import IconButton
from app.widgets.panel import Panel
from embedded_services.contracts.traffic import Phase, Traffic, TrafficPlan
from tests.gui.panels.traffic.conftest import FakePort, running
from tests.helpers.qt import eventually


@pytest.fixture
def port() -> FakePort:
    return FakePort()


@pytest.fixture
def window(qtbot: QtBot) -> MainWindow:
    """Another panel than Traffic is looked at."""
    made = MainWindow(Path("/nowhere"))
    qtbot.addWidget(made)
    made.add_panel(Panel("services", "Services"), "services", "Ctrl+2")
    made.resize(1600, 900)
    made.show()
    return made


def furnish(window: MainWindow, port: FakePort) -> None:
    model = KindsModel()
    panel = TrafficPanel(model)
    model.setParent(panel)
    TrafficPresenter(panel, model, port, port.clock)
    window.add_panel(panel, "traffic", "Ctrl+8")


async def test_rate_is_the_one_that_it_would_start_with(window: MainWindow, port: FakePort) -> None:
    item = window.top_bar.traffic
    assert item.rate.value == TrafficPlan().rate
    furnish(window, port)
    TrafficItemPresenter(window, port, window)
    assert item.rate.value == TrafficPlan().rate, "nothing was told yet"
    port.tell(Traffic())
    await eventually(item.rate.isEnabled)
    assert item.rate.value == TrafficPlan().rate
    port.tell(Traffic(phase=Phase.STOPPED, run=1, plan=TrafficPlan(rate=75.0)))
    await eventually(lambda: item.rate.value == 75.0)
    assert not item.switch.isChecked()


async def test_plan_that_was_told_before_the_panel_was_made_is_shown(
    window: MainWindow, port: FakePort
) -> None:
    port.tell(running(plan=TrafficPlan(rate=120.0)))
    furnish(window, port)
    TrafficItemPresenter(window, port, window)
    assert window.top_bar.traffic.rate.value == 120.0
    assert window.top_bar.traffic.switch.isChecked()


async def test_a_step_goes_on_from_the_rate_that_is_shown(window: MainWindow, port: FakePort) -> None:
    furnish(window, port)
    TrafficItemPresenter(window, port, window)
    port.tell(Traffic())
    item = window.top_bar.traffic
    await eventually(item.rate.isEnabled)
    more = next(button for button in item.rate.findChildren(IconButton) if "more" in button.accessibleName())
    QTest.mouseClick(more, Qt.MouseButton.LeftButton)
    await eventually(lambda: item.rate.value == TrafficPlan().rate + 5)


async def test_nothing_can_be_asked_for_before_there_is_somebody_to_hear_it(
    window: MainWindow, port: FakePort
) -> None:
    TrafficItemPresenter(window, port, window)
    port.tell(Traffic())
    item = window.top_bar.traffic
    assert not item.switch.isEnabled()
    assert not item.rate.isEnabled()
