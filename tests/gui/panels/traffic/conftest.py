"""The Traffic panel joined to its presenter, on a port that the test fills."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLineEdit
from pytestqt.qtbot import QtBot

from app.core.feed import Feed
from app.core.messages import NotConnectedError
from app.core.session import Port
from app.panels.traffic.kinds_model import KindsModel
from app.panels.traffic.traffic_panel import TrafficPanel
from app.panels.traffic.traffic_presenter import TrafficPresenter
from app.widgets.label import Label
from app.widgets.number_field import NumberField
from embedded_services.client.stream_client import Connection
from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.stream import Events, Snapshot
from embedded_services.contracts.traffic import Phase, Traffic, TrafficPlan, TrafficSample, TrafficWish
from tests.helpers.clock import FakeClock

NOW = 1_700_000_000.0


class FakeControl:
    """Remembers what was asked; `fails` is raised by the next call."""

    def __init__(self) -> None:
        self.traffic = Traffic()
        """As the port told it last."""
        self.wishes: list[TrafficWish] = []
        self.stopped = 0
        self.fails: list[Exception] = []

    async def start_traffic(self, wish: TrafficWish) -> Traffic:
        if self.fails:
            raise self.fails.pop(0)
        self.wishes.append(wish)
        given = {name: getattr(wish, name) for name in wish.__struct_fields__}
        changed = {
            name: value for name, value in given.items() if value is not msgspec.UNSET and value is not None
        }
        plan = msgspec.structs.replace(self.traffic.plan, **changed)
        return msgspec.structs.replace(self.traffic, phase=Phase.RUNNING, plan=plan)

    async def stop_traffic(self) -> Traffic:
        if self.fails:
            raise self.fails.pop(0)
        self.stopped += 1
        return Traffic()


@dataclass
class FakePort:
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    client: FakeControl | None = field(default_factory=FakeControl)
    gateway: str | None = None
    workspace: Path = Path("/nowhere")

    def __post_init__(self) -> None:
        self.feed = Feed(self.clock)
        self._rev = 0
        self._seq = 0

    def control(self) -> Any:
        if self.client is None:
            raise NotConnectedError
        return self.client

    def tell(self, traffic: Traffic) -> None:
        self._rev += 1
        if self.client is not None:
            self.client.traffic = traffic
        self.feed.connection_changed(Connection(True, NOW))
        rows = {"traffic": msgspec.to_builtins(traffic)}
        limits = {"limits": msgspec.to_builtins(LimitSettings(limit=100, window_s=60))}
        self.feed.take(Snapshot(rev=self._rev, state={"traffic": rows, "limits": limits}))

    def sample(self, *samples: TrafficSample) -> None:
        first, self._seq = self._seq + 1, self._seq + len(samples)
        items = [msgspec.to_builtins(sample) for sample in samples]
        self.feed.take(
            Events(topic="traffic-samples", from_seq=first, to_seq=self._seq, items=items, skipped=0)
        )

    def lose(self) -> None:
        self.feed.connection_changed(Connection(False, NOW, "the control plane fell silent"))


def running(**changes: Any) -> Traffic:
    plan = TrafficPlan(rate=120.0, clients=108)
    given = Traffic(
        phase=Phase.RUNNING, run=1, plan=plan, since=NOW - 65, asked=120.0, clients=108, addresses=108
    )
    return msgspec.structs.replace(given, **changes)


def quarter(at: float = NOW, **changes: Any) -> TrafficSample:
    given = TrafficSample(
        run=1, at=at, asked=120.0, due=30, sent=30, done=30, rate=119.6, p50_ms=6.2, p95_ms=24.0, p99_ms=26.0, max_ms=61.0,
        statuses={"200": 30}, in_flight=5,
    )  # fmt: skip
    return msgspec.structs.replace(given, **changes)


@dataclass
class Hands:
    """What a user does to the panel, and what a user sees of it."""

    panel: TrafficPanel
    model: KindsModel
    qtbot: QtBot

    def click(self, name: str) -> None:
        button = self.panel.findChild(QAbstractButton, name)
        assert button is not None, name
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def write(self, name: str, text: str) -> None:
        """Type a number, and Return."""
        holder = self.panel.findChild(NumberField, name)
        assert holder is not None, name
        field_ = holder.findChild(QLineEdit, "number")
        assert field_ is not None
        field_.selectAll()
        self.qtbot.keyClicks(field_, text)
        self.qtbot.keyClick(field_, Qt.Key.Key_Return)

    def says(self, name: str) -> str:
        found = self.panel.findChild(Label, name)
        assert found is not None, name
        return found.text()


def build(qtbot: QtBot, port: Port | None = None, clock: FakeClock | None = None) -> Hands:
    model = KindsModel()
    panel = TrafficPanel(model)
    model.setParent(panel)
    qtbot.addWidget(panel)
    if port is not None:
        TrafficPresenter(panel, model, port, clock)
    panel.resize(1056, 732)
    panel.show()
    return Hands(panel, model, qtbot)


@pytest.fixture
def port() -> FakePort:
    return FakePort()


@pytest.fixture
async def hands(qtbot: QtBot, port: FakePort) -> Hands:
    """In the loop: to be shown is to load what draws the plots."""
    return build(qtbot, port, port.clock)
