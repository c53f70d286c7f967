"""An entry of the timeline narrows every panel to it and to what came of it, and says so, until it is cleared."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.panels.events.events_model import EventsModel
from app.panels.events.events_panel import EventsPanel
from app.panels.gateway.gateway_models import GatewayModels
from app.panels.gateway.gateway_panel import GatewayPanel
from app.panels.gateway.gateway_presenter import GatewayPresenter
from app.panels.limits.limits_model import LimitsModel
from app.panels.limits.limits_panel import LimitsPanel
from app.panels.logs.logs_model import LogsModel
from app.panels.logs.logs_panel import LogsPanel
from app.panels.logs.logs_presenter import LogsPresenter
from app.panels.services.journal_model import JournalModel
from app.panels.services.services_model import ServicesModel
from app.panels.services.services_panel import ServicesPanel
from app.panels.services.services_presenter import ServicesPresenter
from app.timeline_presenter import TimelinePresenter
from app.widgets.chip import Chip
from app.widgets.panel import Panel
from embedded_services.contracts.gateway import LimitClient
from embedded_services.contracts.instances import Change, Status
from embedded_services.contracts.logs import LogEntry
from embedded_services.contracts.settings import Strategy
from embedded_services.contracts.system import Service
from embedded_services.contracts.timeline import TimelineEntry, TimelineSubject
from embedded_services.contracts.timeline import TimelineKind as Kind
from tests.gui.panels.gateway.shop import NAMES, NOW, FakePort, record
from tests.helpers.qt import settle
from tests.helpers.timeline import TRACE, Teller

LEFT = Qt.MouseButton.LeftButton


@dataclass
class World:
    window: MainWindow
    port: FakePort
    teller: Teller
    qtbot: QtBot
    services: ServicesPanel
    gateway: GatewayPanel
    logs: LogsPanel
    limits: LimitsPanel
    limit_clients: LimitsModel
    events: EventsPanel

    def tell(self, *entries: TimelineEntry) -> None:
        self.port.happen("timeline", entries)
        self.qtbot.waitUntil(
            lambda: (
                {entry.id for entry in entries}
                <= {one.id for chain in self.window.timeline.lines.chains for one in chain.entries}
            )
        )
        settle()

    def click(self, entry: TimelineEntry) -> None:
        rect = self.window.timeline.lines.rect_of(entry.id)
        assert not rect.isEmpty()
        self.qtbot.mouseClick(self.window.timeline.lines, LEFT, pos=rect.center())
        settle()

    def show(self, panel: Panel) -> None:
        self.window.show_panel(panel.key)
        settle()

    def tree(self) -> list[str]:
        model = self.services.tree.model()
        return [str(model.index(row, 0, QModelIndex()).data()) for row in range(model.rowCount())]

    def journal(self) -> list[str]:
        model = self.services.journal.model()
        return [str(model.index(row, 1).data()) for row in range(model.rowCount())]

    def requests(self) -> list[str]:
        return [row.record.instance or "" for row in self.gateway.log._model.rows()]

    def log(self) -> list[str]:
        return [row.process for row in self.logs._model.rows()]

    def chip(self, panel: Panel) -> Chip:
        chip = panel.findChild(Chip, "focusChip")
        assert isinstance(chip, Chip)
        return chip

    def chips(self) -> dict[str, bool]:
        return {panel.key: self.chip(panel).isVisibleTo(panel) for panel in self.window.panels.values()}


@pytest.fixture
def world(qtbot: QtBot) -> World:
    window, port = MainWindow(Path("/w/demo-shop")), FakePort()
    qtbot.addWidget(window)
    services_model, journal = ServicesModel(), JournalModel()
    services = ServicesPanel(services_model, journal)
    ServicesPresenter(services, services_model, journal, port, port.clock)
    models = GatewayModels()
    gateway = GatewayPanel(models)
    models.set_parent(gateway)
    GatewayPresenter(gateway, models, port)
    logs_model = LogsModel()
    logs = LogsPanel(logs_model)
    LogsPresenter(logs, logs_model, port)
    limits_model = LimitsModel()
    limits = LimitsPanel(limits_model)
    events_model = EventsModel()
    events = EventsPanel(events_model)
    for model, owner in (
        (services_model, services),
        (journal, services),
        (logs_model, logs),
        (limits_model, limits),
        (events_model, events),
    ):
        model.setParent(owner)  # fmt: skip
    for panel in (services, gateway, logs, limits, events):
        window.add_panel(panel, "services", "")
    TimelinePresenter(window, port, window)
    window.resize(1440, 900)
    window.show()
    settle()
    port.open()
    fill(port)
    limits_model.show_clients([client("ip a", NOW + 1.0), client("ip b", None), client("ip c", NOW - 60.0)])
    world = World(window, port, Teller(NOW), qtbot, services, gateway, logs, limits, limits_model, events)
    world.show(gateway)
    world.show(logs)
    world.show(services)
    qtbot.waitUntil(lambda: len(world.tree()) == 4 and len(world.log()) == 3 and len(world.requests()) == 4)
    return world


def fill(port: FakePort) -> None:
    port.tell("services", **{name: service(name) for name in NAMES})
    port.happen(
        "journal",
        [change(1, "payment-2", NOW - 300), change(2, "payment-2", NOW + 1), change(3, "order-1", NOW + 1)],
    )
    port.happen(
        "requests",
        [
            record(1, service="payment", instance="payment-2", at=NOW - 60),
            record(2, service="payment", instance="payment-2", at=NOW + 1),
            record(3, service="order", instance="order-1", at=NOW + 1),
            record(4, service="user", instance="user-1", at=NOW + 1, trace=TRACE),
        ],
    )
    port.happen("logs", [line("payment-2", NOW + 1), line("order-1", NOW + 1), line("payment-2", NOW - 90)])


def service(name: str) -> Service:
    return Service(
        name=name, kind=name, replicas=2, strategy=Strategy.ROUND_ROBIN, instances=[f"{name}-1", f"{name}-2"],
        in_rotation=2, reason="",
    )  # fmt: skip


def change(seq: int, instance: str, at: float) -> Change:
    return Change(
        seq=seq, at=at, instance=instance, service=instance.rpartition("-")[0], incarnation=1, before=Status.HEALTHY,
        after=Status.UNHEALTHY, in_rotation=False, cause="check", reason="no reply",
    )  # fmt: skip


def line(process: str, at: float) -> LogEntry:
    return LogEntry(at=at, process=process, level="INFO", logger="x", message="something", trace="")


def client(key: str, last_429: float | None) -> LimitClient:
    return LimitClient(
        key=key,
        count=1,
        limit=5,
        remaining=4,
        reset_at=None,
        last_at=NOW,
        last429_at=last_429,
        allowed=1,
        limited=1,
    )


def test_every_panel_shows_what_followed_and_says_so(world: World) -> None:
    freeze, *effects = world.teller.freeze()
    world.tell(freeze, *effects)
    world.click(freeze)
    assert world.tree() == ["payment"]
    assert world.journal() == ["payment-2"], "not what was before"
    assert sorted(world.requests()) == ["payment-2", "user-1"], "since then, and the traces that are named"
    assert world.log() == ["payment-2"]
    assert world.chips() == {
        "services": True,
        "gateway": True,
        "logs": True,
        "limits": False,
        "events": False,
    }
    assert "freeze payment-2" in world.chip(world.services).text


def test_a_second_click_shows_all_again(world: World) -> None:
    freeze, *effects = world.teller.freeze()
    world.tell(freeze, *effects)
    world.click(freeze)
    world.click(freeze)
    assert_all_is_shown(world)


def test_escape_shows_all_again(world: World) -> None:
    freeze, *effects = world.teller.freeze()
    world.tell(freeze, *effects)
    world.click(freeze)
    world.window.activateWindow()
    world.qtbot.waitUntil(world.window.isActiveWindow)
    world.services.tree.setFocus()
    world.qtbot.keyClick(world.services.tree, Qt.Key.Key_Escape)
    settle()
    assert_all_is_shown(world)


def test_the_timeline_is_reached_and_used_without_a_mouse(world: World) -> None:
    freeze, *effects = world.teller.freeze()
    world.tell(freeze, *effects)
    world.window.activateWindow()
    world.qtbot.waitUntil(world.window.isActiveWindow)
    lines = world.window.timeline.lines
    keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    world.qtbot.keyClick(world.services.tree, Qt.Key.Key_T, keys)
    world.qtbot.waitUntil(lines.hasFocus)
    world.qtbot.keyClick(lines, Qt.Key.Key_Right)
    world.qtbot.keyClick(lines, Qt.Key.Key_Return)
    settle()
    assert world.window.focus_entry == freeze.id


def test_the_chip_of_any_panel_shows_all_again(world: World) -> None:
    freeze, *effects = world.teller.freeze()
    world.tell(freeze, *effects)
    world.click(freeze)
    world.show(world.logs)
    world.qtbot.mouseClick(world.chip(world.logs), LEFT)
    settle()
    assert_all_is_shown(world)


def test_clearing_the_filter_of_a_panel_clears_this_too(world: World) -> None:
    freeze, *effects = world.teller.freeze()
    world.tell(freeze, *effects)
    for clear in (world.logs.clear_filter, world.gateway.log.clear_filter):
        world.click(freeze)
        assert world.window.focus_of_panels is not None
        clear()
        assert_all_is_shown(world)


def assert_all_is_shown(world: World) -> None:
    assert len(world.tree()) == 4
    assert len(world.journal()) == 3
    assert len(world.requests()) == 4
    assert len(world.log()) == 3
    assert not any(world.chips().values())
    assert world.window.focus_of_panels is None


def test_another_entry_takes_the_place_of_the_one_before(world: World) -> None:
    freeze, *effects = world.teller.freeze()
    kill, *more = world.teller.kill()
    world.tell(freeze, *effects, kill, *more)
    world.click(freeze)
    world.click(kill)
    assert world.tree() == ["order"]
    assert "kill order-1" in world.chip(world.services).text


def test_what_comes_of_it_later_belongs_too(world: World) -> None:
    freeze, timeouts, breaker, picks = world.teller.freeze()
    world.tell(freeze, timeouts)
    world.click(freeze)
    saga = world.teller.tell(Kind.SAGA_COMPENSATING, TimelineSubject(service="order", saga="s-9"), timeouts)
    world.port.happen("timeline", [breaker, picks, saga])
    world.qtbot.waitUntil(lambda: sorted(world.tree()) == ["order", "payment"], timeout=5_000)
    assert world.events.list.bar.filter.text == "s-9"


def test_only_those_who_were_over_their_limit_are_shown(world: World) -> None:
    burst = world.teller.tell(Kind.LIMITED_BURST, TimelineSubject(process="gateway"), many=40)
    world.tell(burst)
    world.show(world.limits)
    world.click(burst)
    model = world.limits.view.model()
    assert [str(model.index(row, 0).data()) for row in range(model.rowCount())] == ["ip a"]
    world.click(burst)
    assert model.rowCount() == 3


def test_the_filter_of_events_comes_back_as_it_was(world: World) -> None:
    letter = world.teller.tell(
        Kind.DEAD_LETTER, TimelineSubject(queue="notification.events", event="order.created")
    )
    world.tell(letter)
    world.events.open_at("something that I wrote")
    world.click(letter)
    assert world.events.list.bar.filter.type == "order.created"
    assert world.chips()["events"]
    world.click(letter)
    assert world.events.list.bar.filter.type == ""
    assert world.events.list.bar.filter.text == "something that I wrote"


def test_the_inspector_shows_the_entry_and_leads_on(world: World) -> None:
    freeze, timeouts, *rest = world.teller.freeze()
    world.tell(freeze, timeouts, *rest)
    world.click(freeze)
    page = world.window.inspector.page
    assert page is not None
    assert page.objectName() == "timelineEntryPage"
    world.window.show_panel("gateway")
    assert world.window.inspector.page is page, "it stays while nothing is selected there"


def test_the_window_built_anew_is_narrowed_as_before(world: World) -> None:
    freeze, *effects = world.teller.freeze()
    world.tell(freeze, *effects)
    world.click(freeze)
    assert world.window.focus_entry == freeze.id
