"""A Requests panel with its presenter, on a system that runs and on none."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import shiboken6
from aiohttp import web
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLineEdit, QPlainTextEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.core.feed import Feed
from app.core.session import Port
from app.core.settings import WindowSettings
from app.panels.requests.requests_model import Exchange, RequestsModel
from app.panels.requests.requests_panel import RequestsPanel
from app.panels.requests.requests_presenter import RequestsPresenter
from app.widgets.segmented_toggle import SegmentedToggle
from app.widgets.status_pill import StatusPill
from embedded_services.contracts.system import Ready
from tests.helpers.live import LivePort, live_port, served
from tests.helpers.qt import eventually

W = TypeVar("W", bound=QWidget)


class FakePort:
    """A port of which nothing but the gateway's address is real, if it has one."""

    def __init__(self, gateway: str | None = None) -> None:
        self.feed = Feed()
        self.gateway = gateway
        self.workspace = Path("/nowhere")

    def control(self) -> Any:
        raise AssertionError("the console needs no control plane")


@dataclass
class Console:
    """The panel in a user's hands."""

    panel: RequestsPanel
    model: RequestsModel
    presenter: RequestsPresenter
    settings: WindowSettings
    qtbot: QtBot

    def find(self, kind: type[W], name: str) -> W:
        found = self.panel.findChild(kind, name)
        assert isinstance(found, kind), name
        return found

    def click(self, name: str) -> None:
        self.qtbot.mouseClick(self.find(QPushButton, name), Qt.MouseButton.LeftButton)

    def write(self, method: str, target: str, body: str = "", headers: str = "") -> None:
        """By hand: over whatever stood there."""
        self.find(QComboBox, "method").setCurrentText(method)
        self.find(QComboBox, "method").activated.emit(0)
        path = self.find(QLineEdit, "target")
        path.selectAll()
        self.qtbot.keyClicks(path, target)
        self.find(QPlainTextEdit, "body").setPlainText(body)
        self.find(QPlainTextEdit, "headers").setPlainText(headers)

    def send_with(self, kind: str) -> None:
        toggle = self.find(SegmentedToggle, "sendWith")
        toggle.set_choice(kind)
        toggle.choice_requested.emit(kind)

    def text(self, name: str) -> str:
        """What a label says."""
        widget = self.find(QWidget, name)
        said = widget.text() if hasattr(widget, "text") else ""
        assert isinstance(said, str)
        return said

    @property
    def status(self) -> str:
        return self.find(StatusPill, "status").text

    @property
    def newest(self) -> Exchange:
        return self.model.rows()[0]

    def is_sending(self) -> bool:
        return self.find(QPushButton, "cancel").isEnabled()

    async def answered(self) -> Exchange:
        """The exchange that is under way now, once it is over."""
        await eventually(lambda: not self.is_sending() and self.model.rowCount() > 0)
        return self.newest

    async def end(self) -> None:
        """Nothing of it runs any more."""
        if shiboken6.isValid(self.presenter):
            self.presenter.deleteLater()
        await eventually(lambda: not shiboken6.isValid(self.presenter))

    async def log_in(self, role: str = "customer") -> None:
        self.click("loginCustomer" if role == "customer" else "loginAdmin")
        await eventually(lambda: self.panel.token.is_logged_in)


def build(port: Port, qtbot: QtBot, settings: WindowSettings | None = None) -> Console:
    settings = settings or WindowSettings()
    model = RequestsModel()
    panel = RequestsPanel(model)
    model.setParent(panel)
    qtbot.addWidget(panel)
    presenter = RequestsPresenter(panel, model, port, settings)
    panel.resize(1056, 700)
    panel.show()
    return Console(panel, model, presenter, settings, qtbot)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    with served(tmp_path_factory.mktemp("workspace")) as ready:
        yield ready


@asynccontextmanager
async def on_a_system(ready: Ready, qtbot: QtBot) -> AsyncIterator[tuple[Console, LivePort]]:
    """No fixture: what runs between a fixture and its test would be stepped by Qt alone, outside of the loop."""
    async with live_port(ready) as live:
        await eventually(lambda: live.feed.system is not None)
        console = build(live, qtbot)
        yield console, live
        await console.end()


@asynccontextmanager
async def serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A server of our own, by its URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
