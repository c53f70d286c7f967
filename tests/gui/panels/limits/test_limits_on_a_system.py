"""The Limits panel by clicks and keys on a system that runs: its burst meets the real gateway."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QPushButton
from pytestqt.qtbot import QtBot

from app.core.feed import LIMIT_CLIENTS, SETTINGS
from app.panels.limits.limits_model import Place
from app.panels.limits.limits_presenter import LimitsPresenter
from app.widgets.segmented_toggle import SegmentedToggle
from embedded_services.contracts.system import Ready
from tests.gui.panels.limits.conftest import Hands, build
from tests.helpers.live import LivePort, live_port, served
from tests.helpers.qt import eventually, texts


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    with served(tmp_path_factory.mktemp("limits") / "ws") as ready:
        yield ready


@asynccontextmanager
async def on_a_system(ready: Ready, qtbot: QtBot) -> AsyncIterator[tuple[Hands, LivePort]]:
    """Begins with the usual rule and nobody counted."""
    async with live_port(ready) as live:
        await live.control().patch_settings({"limits": None})
        await live.control().reset_limit_clients()
        hands = build(qtbot)
        presenter = LimitsPresenter(hands.panel, hands.model, live)
        await eventually(lambda: hands.says("inForce").startswith("In force: 100 per 60 s"))
        yield hands, live
        presenter.deleteLater()
        await eventually(lambda: not shiboken6.isValid(presenter))


async def test_a_burst_meets_a_lowered_limit_and_is_let_off(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (hands, live):
        field = hands.write("limit", "30")
        hands.qtbot.keyClick(field, Qt.Key.Key_Return)
        await eventually(lambda: hands.says("inForce").startswith("In force: 30 per 60 s"))
        await _until_the_gateway_knows(live, 30)
        hands.write("burstClient", "127.0.0.9")
        hands.click("burst")
        await eventually(lambda: hands.says("burstResult").startswith("30 passed, 20 got 429, in "))
        await eventually(lambda: hands.cell("127.0.0.9", Place.USED) == "at the limit")
        await eventually(lambda: hands.selected() == "127.0.0.9")
        assert hands.cell("127.0.0.9", Place.LEFT) == "0"
        assert hands.cell("127.0.0.9", Place.LIMITED) == "20"
        assert hands.cell("127.0.0.9", Place.LAST_429) in ("just now", "1 s ago")
        assert hands.cell("127.0.0.9", Place.RESETS).startswith("0:5")
        await eventually(lambda: "20 got 429" in hands.says("totalLimited"))
        hands.click_cell("127.0.0.9", Place.ACTION)
        await eventually(lambda: hands.cell("127.0.0.9", Place.USED) == "0 %")
        hands.click("burst")
        await eventually(lambda: hands.cell("127.0.0.9", Place.ALLOWED) == "60")


async def test_a_window_that_ends_empties_the_gauge_by_itself(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (hands, live):
        hands.write("limit", "5")
        hands.write("window", "1")
        hands.click("applyRule")
        await _until_the_gateway_knows(live, 5)
        hands.write("burstClient", "127.0.0.8")
        hands.click("burst")
        await eventually(lambda: hands.says("burstResult").startswith("5 passed, 20 got 429"))
        await eventually(lambda: hands.cell("127.0.0.8", Place.COUNT) == "0")
        assert hands.cell("127.0.0.8", Place.RESETS) == "–"
        assert live.feed.rows(LIMIT_CLIENTS)["127.0.0.8"].limited == 20


@pytest.mark.parametrize("kind", ["user", "header"])
async def test_a_burst_comes_as_whoever_clients_are_told_apart_by(
    ready: Ready, qtbot: QtBot, kind: str
) -> None:
    async with on_a_system(ready, qtbot) as (hands, live):
        box = hands.find(QComboBox, "keyKind")
        box.setCurrentIndex(box.findData(kind))
        box.activated.emit(box.currentIndex())
        if kind == "header":
            hands.write("header", "X-Client")
        hands.write("limit", "10")
        hands.click("applyRule")
        await _until_the_gateway_knows(live, 10)
        client = hands.write("burstClient", "usr_4711")
        hands.qtbot.keyClick(client, Qt.Key.Key_Return)
        await eventually(lambda: hands.says("burstResult").startswith("10 passed, 20 got 429"))
        await eventually(lambda: hands.cell(f"{kind} usr_4711", Place.COUNT) == "10")


async def test_the_algorithm_is_switched_and_keeps_the_count(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (hands, live):
        hands.write("burstClient", "127.0.0.7")
        hands.click("burst")
        await eventually(lambda: hands.cell("127.0.0.7", Place.USED) == "at the limit")
        toggle = hands.find(SegmentedToggle, "algorithm")
        hands.qtbot.keyClick(toggle, Qt.Key.Key_Right)
        await eventually(lambda: "sliding window" in hands.says("inForce"))
        await eventually(lambda: _algorithm(live) == "sliding-window")
        assert hands.cell("127.0.0.7", Place.COUNT) == "100"
        hands.click("undoRule")
        await eventually(lambda: "fixed window" in hands.says("inForce"))


async def test_a_burst_is_cancelled_and_what_was_sent_is_told(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (hands, _):
        hands.write("burstCount", "5000")
        hands.write("burstClient", "127.0.0.6")
        hands.click("burst")
        cancel = hands.find(QPushButton, "cancelBurst")
        await eventually(lambda: " of 5,000" in hands.says("burstResult"))
        hands.qtbot.mouseClick(cancel, Qt.MouseButton.LeftButton)
        assert "were not sent" in hands.says("burstResult")
        assert hands.find(QPushButton, "burst").isEnabled()
        assert "GET /api/products?limit=1" in texts(hands.panel)


def _algorithm(live: LivePort) -> str:
    return live.feed.rows(SETTINGS)["settings"].settings.limits.algorithm.value


async def _until_the_gateway_knows(live: LivePort, limit: int) -> None:
    """Settings reach it a moment after they are accepted."""
    async with httpx.AsyncClient(base_url=live.gateway or "", trust_env=False) as http:
        async with asyncio.timeout(5.0):
            while f"q={limit};" not in (await http.get("/api/products")).headers["ratelimit-policy"]:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
    await live.control().reset_limit_clients()
