"""The Traffic panel by clicks on a system that runs: what it starts is real, and so is what it shows."""

from collections.abc import Iterator

import pytest
import shiboken6
from pytestqt.qtbot import QtBot

from app.panels.traffic.traffic_presenter import TrafficPresenter
from embedded_services.contracts.system import Ready
from tests.gui.panels.traffic.conftest import build
from tests.helpers.live import live_port, served
from tests.helpers.qt import eventually


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    with served(tmp_path_factory.mktemp("traffic") / "ws") as ready:
        yield ready


async def test_traffic_is_started_changed_and_stopped(ready: Ready, qtbot: QtBot) -> None:
    async with live_port(ready) as live:
        hands = build(qtbot)
        presenter = TrafficPresenter(hands.panel, hands.model, live)
        bar = hands.panel.bar
        await eventually(lambda: bar.switch.isEnabled() and hands.says("phase") == "Not started")
        hands.write("rate", "20")
        hands.click("trafficSwitch")
        await eventually(lambda: hands.says("phase").startswith("Running for"), 20)
        await eventually(lambda: any(part.word == "200" for part in hands.panel.statuses.parts))
        await eventually(lambda: hands.says("achieved") != "–")
        assert {row.name for row in hands.model.rows()} == {"", "browse", "checkout", "login"}
        hands.write("rate", "60")
        await eventually(lambda: hands.panel.charts.legend["asked"].value == "60")
        assert (await live.control().traffic()).plan.rate == 60.0
        await eventually(lambda: hands.panel.charts.is_built)
        hands.click("trafficSwitch")
        await eventually(lambda: hands.says("phase") == "Stopped")
        assert hands.says("trafficNotes").startswith("Stopped: stopped by you")
        presenter.deleteLater()
        await eventually(lambda: not shiboken6.isValid(presenter))
