"""The Faults panel joined to its presenter, on a port that the test fills."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit
from pytestqt.qtbot import QtBot

from app.core.feed import Feed
from app.core.messages import NotConnectedError
from app.core.settings import WindowSettings
from app.panels.faults.faults_panel import FaultsPanel
from app.panels.faults.faults_presenter import FaultsPresenter
from embedded_services.client.stream_client import Connection
from embedded_services.contracts.faults import (
    Fault,
    FaultCatalogue,
    FaultScope,
    FaultState,
    FaultTarget,
    NewFault,
    Restored,
)
from embedded_services.contracts.settings import SettingsState
from embedded_services.contracts.stream import Delta, Snapshot
from embedded_services.contracts.wire import Page
from embedded_services.faults.catalogue import catalogue
from tests.helpers.clock import FakeClock
from tests.helpers.fault_scene import NOW, scene

Found = TypeVar("Found", bound=QObject)


def fault(name: str, kind: str = "abort", **changes: Any) -> Fault:
    one = Fault(
        id=name, kind=kind, target=FaultTarget(service="order"), params={"status": 503}, probability=0.1,
        scope=FaultScope.REQUEST, seed=7, ttl=60, state=FaultState.ACTIVE, armed_at=NOW, expires_at=NOW + 60,
    )  # fmt: skip
    return msgspec.structs.replace(one, **changes)


class FakeControl:
    """Keeps what it is asked for; `refuses` is raised by the next arming."""

    def __init__(self) -> None:
        self.armed: list[NewFault] = []
        self.removed: list[str] = []
        self.extended: list[tuple[str, float]] = []
        self.restored = 0
        self.refuses: list[Exception | None] = []

    async def fault_catalogue(self) -> FaultCatalogue:
        return catalogue()

    async def saga_definitions(self) -> Page[Any]:
        return Page(items=list(scene().sagas))

    async def arm_fault(self, wanted: NewFault) -> Fault:
        if self.refuses and (error := self.refuses.pop(0)) is not None:
            raise error
        self.armed.append(wanted)
        return fault(
            f"f{len(self.armed)}", wanted.kind, target=wanted.target, params=wanted.params, ttl=wanted.ttl
        )

    async def extend_fault(self, name: str, ttl: float) -> Fault:
        self.extended.append((name, ttl))
        return fault(name)

    async def remove_fault(self, name: str) -> Fault:
        self.removed.append(name)
        return fault(name)

    async def restore_all(self) -> Restored:
        self.restored += 1
        return Restored(removed=["f1"], undone=["payment-2 thawed"])


@dataclass
class FakePort:
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    client: FakeControl | None = field(default_factory=FakeControl)
    gateway: str | None = None
    workspace: Path = Path("/nowhere")

    def __post_init__(self) -> None:
        self.feed = Feed(self.clock)
        self._rev = 0

    def control(self) -> Any:
        if self.client is None:
            raise NotConnectedError
        return self.client

    def tell(self, *faults: Fault) -> None:
        """The whole state, over a connection that works."""
        there = scene()
        self._rev += 1
        rows: dict[str, dict[str, Any]] = {
            "faults": _wire(faults),
            "services": {name: msgspec.to_builtins(row) for name, row in there.services.items()},
            "instances": {name: msgspec.to_builtins(row) for name, row in there.instances.items()},
            "processes": {name: msgspec.to_builtins(row) for name, row in there.processes.items()},
        }
        if there.settings is not None:
            state = SettingsState(revision=1, settings=there.settings)
            rows["settings"] = {"settings": msgspec.to_builtins(state)}
        self.feed.take(Snapshot(rev=self._rev, state=rows))
        self.feed.connection_changed(Connection(True, NOW))

    def tell_faults(self, *faults: Fault) -> None:
        self._rev += 1
        self.feed.take(Delta(rev=self._rev, set={"faults": _wire(faults)}))

    def lose(self) -> None:
        self.feed.connection_changed(Connection(False, NOW, "the control plane fell silent"))


def _wire(faults: Iterable[Fault]) -> dict[str, Any]:
    return {one.id: msgspec.to_builtins(one) for one in faults}


@dataclass
class Hands:
    """What a user does to the panel, and what a user sees of it."""

    panel: FaultsPanel
    settings: WindowSettings
    qtbot: QtBot

    def find(self, kind: type[Found], name: str) -> Found:
        found = self.panel.findChild(kind, name)
        assert found is not None, name
        return found

    def click(self, name: str) -> None:
        self.qtbot.mouseClick(self.find(QAbstractButton, name), Qt.MouseButton.LeftButton)

    def write(self, name: str, text: str) -> None:
        edit = self.find(QLineEdit, name)
        edit.selectAll()
        self.qtbot.keyClicks(edit, text)

    def aim(self, word: str) -> None:
        """Choose a target, as from the open list."""
        box = self.find(QComboBox, "target")
        at = next(n for n in range(box.count()) if box.itemText(n).split(" · ")[0] == word)
        box.setCurrentIndex(at)
        box.activated.emit(at)


def build(qtbot: QtBot, port: Any, clock: FakeClock | None = None) -> Hands:
    panel, settings = FaultsPanel(), WindowSettings()
    qtbot.addWidget(panel)
    panel.resize(1000, 900)
    FaultsPresenter(panel, port, settings, clock)
    panel.inspector_requested.connect(lambda page: page.show())
    panel.show()
    return Hands(panel, settings, qtbot)


@pytest.fixture
def port() -> FakePort:
    return FakePort()


@pytest.fixture
def hands(qtbot: QtBot, port: FakePort) -> Hands:
    return build(qtbot, port, port.clock)
