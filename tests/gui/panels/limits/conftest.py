"""The Limits panel alone, and joined to its presenter on a port that the test fills or on a system that runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from app.core.feed import Feed
from app.core.messages import NotConnectedError
from app.core.session import Port
from app.panels.limits.limits_model import LimitsModel, Place
from app.panels.limits.limits_panel import LimitsPanel
from app.panels.limits.limits_presenter import LimitsPresenter
from app.qt.columns import Role
from app.widgets.label import Label
from embedded_services.client.errors import ControlError
from embedded_services.client.stream_client import Connection
from embedded_services.contracts.gateway import LimitClient, LimitTotals
from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.settings import SettingsState
from embedded_services.contracts.stream import Delta, Snapshot
from tests.helpers.child import demo_settings
from tests.helpers.clock import FakeClock

NOW = 1_700_000_000.0
Found = TypeVar("Found", bound=QObject)


def client(key: str, count: int = 1, limit: int = 100, **changes: Any) -> LimitClient:
    row = LimitClient(
        key=key, count=count, limit=limit, remaining=max(0, limit - count),
        reset_at=NOW + 30 if count else None, last_at=NOW - 1, last429_at=None, allowed=count, limited=0,
    )  # fmt: skip
    return msgspec.structs.replace(row, **changes)


def totals(allowed: int = 0, limited: int = 0, clients: int = 1, **changes: Any) -> LimitTotals:
    row = LimitTotals(
        allowed=allowed, limited=limited, allowed_rate=0.0, limited_rate=0.0, clients=clients, forgotten=0
    )
    return msgspec.structs.replace(row, **changes)


class FakeControl:
    """Settings with a revision, and a list of what was reset; `fails` is raised by the next call."""

    def __init__(self) -> None:
        self.state = SettingsState(revision=7, settings=demo_settings())
        self.reset: list[str | None] = []
        self.patches: list[tuple[Any, int | None]] = []
        self.fails: list[Exception] = []

    def put(self, **changes: Any) -> None:
        """Somebody changes the rule."""
        limits = msgspec.structs.replace(self.state.settings.limits, **changes)
        settings = msgspec.structs.replace(self.state.settings, limits=limits)
        self.state = SettingsState(revision=self.state.revision + 1, settings=settings)

    async def settings(self) -> SettingsState:
        self._fail()
        return self.state

    async def patch_settings(
        self, patch: Mapping[str, Any], *, if_revision: int | None = None
    ) -> SettingsState:
        self._fail()
        self.patches.append((patch, if_revision))
        if if_revision != self.state.revision:
            raise ControlError("PRECONDITION_FAILED", "the settings changed", 412)
        limits = msgspec.convert(
            {**msgspec.to_builtins(self.state.settings.limits), **patch["limits"]}, LimitSettings
        )
        self.put(**{name: getattr(limits, name) for name in LimitSettings.__struct_fields__})
        return self.state

    async def reset_limit_client(self, key: str) -> None:
        self._fail()
        self.reset.append(key)

    async def reset_limit_clients(self) -> None:
        self._fail()
        self.reset.append(None)

    def _fail(self) -> None:
        if self.fails:
            raise self.fails.pop(0)


@dataclass
class FakePort:
    """A feed that tests fill by hand."""

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

    def tell(
        self,
        clients: Iterable[LimitClient] = (),
        sums: LimitTotals | None = None,
        state: SettingsState | None = None,
    ) -> None:
        """The whole state, over a connection that works."""
        self._rev += 1
        self.feed.connection_changed(Connection(True, NOW))
        state = state or (self.client.state if self.client else FakeControl().state)
        self.feed.take(
            Snapshot(
                rev=self._rev,
                state={
                    "settings": {"settings": msgspec.to_builtins(state)},
                    "limit-totals": {"limit-totals": msgspec.to_builtins(sums)} if sums else {},
                    "limit-clients": {row.key: msgspec.to_builtins(row) for row in clients},
                },
            )
        )

    def tell_clients(self, *clients: LimitClient) -> None:
        self._rev += 1
        rows = {row.key: msgspec.to_builtins(row) for row in clients}
        self.feed.take(Delta(rev=self._rev, set={"limit-clients": rows}))

    def tell_totals(self, sums: LimitTotals) -> None:
        self._rev += 1
        self.feed.take(
            Delta(rev=self._rev, set={"limit-totals": {"limit-totals": msgspec.to_builtins(sums)}})
        )

    def tell_rule(self) -> None:
        assert self.client is not None
        self._rev += 1
        self.feed.take(
            Delta(rev=self._rev, set={"settings": {"settings": msgspec.to_builtins(self.client.state)}})
        )

    def lose(self) -> None:
        self.feed.connection_changed(Connection(False, NOW, "the control plane fell silent"))


@dataclass
class Hands:
    """What a user does to the panel, and what a user sees of it."""

    panel: LimitsPanel
    model: LimitsModel
    qtbot: QtBot

    def find(self, kind: type[Found], name: str) -> Found:
        found = self.panel.findChild(kind, name)
        assert found is not None, name
        return found

    def click(self, name: str) -> None:
        self.qtbot.mouseClick(self.find(QAbstractButton, name), Qt.MouseButton.LeftButton)

    def write(self, name: str, text: str) -> QLineEdit:
        field = self.find(QLineEdit, name)
        field.selectAll()
        self.qtbot.keyClicks(field, text)
        return field

    def says(self, name: str) -> str:
        return self.find(Label, name).text()

    def cell(self, key: str, place: Place) -> str:
        row = self.model.row_of(key)
        return "" if row is None else self.model.columns[place].text(row)

    def keys(self) -> list[str]:
        """As they are shown, from top to bottom."""
        model = self.panel.view.model()
        return [model.index(row, 0).data(Role.ROW).key for row in range(model.rowCount())]

    def click_cell(self, key: str, place: Place) -> None:
        row = self.keys().index(key)
        at = self.panel.view.visualRect(self.panel.view.model().index(row, place)).center()
        self.qtbot.mouseClick(self.panel.view.viewport(), Qt.MouseButton.LeftButton, pos=at)

    def selected(self) -> str:
        row = self.panel.view.selected_row()
        return "" if row is None else str(row.key)

    def inspector(self) -> QWidget:
        page = self.panel.findChild(QWidget, "inspectorPage")
        assert page is not None
        return page


def build(qtbot: QtBot, port: Port | None = None, clock: FakeClock | None = None) -> Hands:
    model = LimitsModel()
    panel = LimitsPanel(model)
    model.setParent(panel)
    qtbot.addWidget(panel)
    if port is not None:
        LimitsPresenter(panel, model, port, clock)
    panel.resize(1056, 760)
    panel.show()
    return Hands(panel, model, qtbot)


@pytest.fixture
def port() -> FakePort:
    return FakePort()


@pytest.fixture
def hands(qtbot: QtBot, port: FakePort) -> Hands:
    """The panel with its presenter, on a port that the test fills."""
    return build(qtbot, port, port.clock)
