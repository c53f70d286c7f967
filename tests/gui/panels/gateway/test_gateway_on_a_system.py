"""The panel on a real system: what is clicked changes how real calls go, and the panel shows what came of it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLineEdit
from pytestqt.qtbot import QtBot

from app.core.feed import GATEWAY, SETTINGS
from app.widgets.segmented_toggle import SegmentedToggle
from app.widgets.switch import Switch
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.settings import Strategy
from embedded_services.contracts.system import Ready
from tests.gui.panels.gateway.conftest import Built, build
from tests.helpers.live import LivePort, live_port, served
from tests.helpers.qt import eventually

LOGIN = {"email": "demo@faultdeck.local", "password": "faultdeck"}
LONG_S = 20.0


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    with served(tmp_path_factory.mktemp("workspace")) as ready:
        yield ready


@asynccontextmanager
async def on_a_system(ready: Ready, qtbot: QtBot) -> AsyncIterator[tuple[Built, LivePort, httpx.AsyncClient]]:
    """The panel, its port, and a client that is logged in and not limited."""
    async with live_port(ready) as live, httpx.AsyncClient(base_url=ready.gateway, trust_env=False) as client:
        built = build(live, qtbot)
        await live.control().patch_settings({"limits": {"limit": 1_000_000}})
        token = (await client.post("/api/auth/login", json=LOGIN)).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        await eventually(lambda: built.panel.shown == "content")
        yield built, live, client
        await built.end()


def shares(built: Built, service: str) -> dict[str, float]:
    return {row.id: row.share or 0.0 for row in built.panel.balancing.block(service).bars.rows}


def choose(qtbot: QtBot, built: Built, service: str, strategy: Strategy) -> SegmentedToggle:
    """With the arrow keys, from the first."""
    toggle = built.panel.balancing.block(service).strategy.toggle
    at = list(Strategy).index(strategy) - list(Strategy).index(Strategy(toggle.choice))
    for _ in range(abs(at)):
        qtbot.keyClick(toggle, Qt.Key.Key_Right if at > 0 else Qt.Key.Key_Left)
    return toggle


def write(qtbot: QtBot, built: Built, name: str, text: str) -> None:
    edit = built.panel.policies.findChild(QLineEdit, name)
    assert isinstance(edit, QLineEdit)
    edit.selectAll()
    qtbot.keyClicks(edit, text)


async def apply(qtbot: QtBot, built: Built, live: LivePort) -> None:
    """Click it, and wait until the gateway has it."""
    button = built.panel.policies.findChild(QAbstractButton, "policy-apply")
    assert isinstance(button, QAbstractButton)
    assert button.isEnabled()
    before = built.panel.policies.revision
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    await eventually(lambda: built.panel.policies.revision > before)
    await eventually(lambda: not button.isEnabled())
    await eventually(lambda: live.feed.rows(GATEWAY)["gateway"].settings_revision > before)


async def ask(client: httpx.AsyncClient, path: str, times: int) -> list[int]:
    return [(await client.get(path)).status_code for _ in range(times)]


async def test_shares_move_with_the_strategy(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (built, _, client):
        assert await ask(client, "/api/products/prod1", 30) == [200] * 30
        await eventually(lambda: shares(built, "order") == {"order-1": 0.5, "order-2": 0.5})
        toggle = choose(qtbot, built, "order", Strategy.CONSISTENT_HASH)
        assert toggle.is_busy
        await eventually(lambda: not toggle.is_busy)
        assert toggle.choice == Strategy.CONSISTENT_HASH
        assert await ask(client, "/api/products/prod1", 120) == [200] * 120
        await eventually(lambda: max(shares(built, "order").values()) > 0.8)
        assert await ask(client, "/api/products/prod1", 1) == [200]
        await eventually(lambda: built.models.picks.rows()[0].why == "hash lands here")
        choose(qtbot, built, "order", Strategy.ROUND_ROBIN)
        await eventually(lambda: not toggle.is_busy)


async def test_request_is_told_with_its_trace(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (built, _, client):
        identity = (await client.get("/api/payments")).headers["X-Request-ID"]
        await eventually(lambda: built.models.requests.find(identity) is not None)
        built.panel.open_at(identity)
        page = built.panel.request_page
        assert page.subject == "GET /api/payments"
        await eventually(lambda: any("payment-" in bar.tooltip for bar in page.bars.bars[3:]), LONG_S)
        labels = [bar.label for bar in page.bars.bars]
        assert labels[0] == "gateway"
        assert any(label.startswith("try 1 payment-") for label in labels)


async def test_policy_is_edited_and_applied_to_the_running_gateway(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (built, live, _):
        built.panel.open_at("notification")
        await eventually(lambda: built.panel.policies.service == "notification")
        write(qtbot, built, "tries", "2")
        write(qtbot, built, "concurrency.limit", "64")
        await apply(qtbot, built, live)
        [state] = live.feed.rows(SETTINGS).values()
        policy = state.settings.services["notification"].policy
        assert (policy.tries, policy.concurrency.limit, policy.timeout_s) == (2, 64, 5.0)


async def test_policy_that_contradicts_itself_is_refused_at_its_field(ready: Ready, qtbot: QtBot) -> None:
    async with on_a_system(ready, qtbot) as (built, _, _):
        built.panel.show_page("policies")
        await eventually(lambda: built.panel.policies.revision > 0)
        write(qtbot, built, "try_timeout_s", "20")
        before = built.panel.policies.revision
        qtbot.mouseClick(_button(built, "apply"), Qt.MouseButton.LeftButton)
        edit = built.panel.policies.findChild(QLineEdit, "try_timeout_s")
        assert isinstance(edit, QLineEdit)
        await eventually(lambda: edit.property("invalid") == "true")
        assert built.panel.policies.revision == before
        qtbot.mouseClick(_button(built, "revert"), Qt.MouseButton.LeftButton)
        assert (edit.text(), edit.property("invalid")) == ("1", None)


async def test_breaker_is_seen_to_open_to_try_and_to_close(ready: Ready, qtbot: QtBot) -> None:
    """payment-2 is frozen, and stays in rotation for want of a check that says so: its calls are what tells."""
    async with on_a_system(ready, qtbot) as (built, live, client), Tasks("clients") as tasks:
        patched = await live.control().patch_settings({"health": {"fall": 100}})
        built.panel.open_at("payment")
        await eventually(lambda: built.panel.policies.service == "payment")
        await eventually(lambda: built.panel.policies.revision >= patched.revision)
        for name, text in (
            ("try_timeout_s", "0.5"), ("breaker.minimum_calls", "3"), ("breaker.failure_percent", "20"),
            ("breaker.open_s", "1"), ("breaker.probes", "1"),
        ):  # fmt: skip
            write(qtbot, built, name, text)
        outliers = built.panel.policies.findChild(Switch, "outliers.enabled")
        assert isinstance(outliers, Switch)
        qtbot.mouseClick(outliers, Qt.MouseButton.LeftButton)
        await apply(qtbot, built, live)
        built.panel.show_page("balancing")
        await live.control().act_on_instance("payment-2", "freeze")
        asking = tasks.start(_keep_asking(client), "ask")
        await eventually(lambda: breaker(built) == "open", LONG_S)
        assert built.models.breakers.rows()[0].instance == "payment-2"
        assert built.panel.balancing.breakers.summary == "1 open, 7 closed"
        assert "probe in " in built.models.breakers.rows()[0].detail
        await eventually(lambda: breaker(built) == "half-open", LONG_S)
        await live.control().act_on_instance("payment-2", "thaw")
        await eventually(lambda: breaker(built) == "closed", LONG_S)
        assert built.panel.balancing.breakers.summary == "8 closed"
        asking.cancel()


async def _keep_asking(client: httpx.AsyncClient) -> None:
    """Nobody sees an error: what fails is tried again at the other instance."""
    while True:
        assert (await client.get("/api/payments")).status_code == 200


def breaker(built: Built) -> str:
    return next((row.state for row in built.models.breakers.rows() if row.instance == "payment-2"), "")


def _button(built: Built, name: str) -> QAbstractButton:
    found = built.panel.policies.findChild(QAbstractButton, f"policy-{name}")
    assert isinstance(found, QAbstractButton)
    return found
