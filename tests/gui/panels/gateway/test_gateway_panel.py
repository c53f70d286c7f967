"""The panel by itself: what is clicked is asked for, what is told is shown, at every width."""

from typing import Any

import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from app.core.breaking import BreakSubject
from app.core.messages import UserMessage
from app.panels.gateway.request_book import LoggedRequest
from app.panels.gateway.share_bars import ShareBars
from app.panels.gateway.trace_rows import of_record
from app.qt.theme import theme
from app.widgets.segmented_toggle import SegmentedToggle
from app.widgets.stepper import Stepper
from embedded_services.contracts.faults import Fault, FaultScope, FaultState, FaultTarget
from embedded_services.contracts.settings import Strategy
from tests.gui.panels.gateway.conftest import Built
from tests.gui.panels.gateway.shop import FakePort, pick, record, retried, target, upstream
from tests.helpers.qt import eventually, texts


def emitted(signal: Any) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    signal.connect(lambda *values: found.append(values))
    return found


def press(qtbot: QtBot, parent: QWidget, name: str) -> None:
    button = parent.findChild(QAbstractButton, name)
    assert isinstance(button, QAbstractButton)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


async def test_strategies_are_chosen_by_mouse_and_keyboard(built: Built, qtbot: QtBot) -> None:
    row = built.panel.balancing.block("user").strategy
    asked = emitted(row.strategy_requested)
    assert row.shows_all
    assert row.toggle.choice == Strategy.LEAST_CONNECTIONS
    row.toggle.setFocus()
    qtbot.keyClick(row.toggle, Qt.Key.Key_Right)
    assert asked == [("power-of-two",)]
    assert "power of two" in row.toggle.accessibleName()


async def test_narrow_block_offers_a_list(built: Built, qtbot: QtBot) -> None:
    row = built.panel.balancing.block("user").strategy
    row.resize(400, row.height())
    assert not row.shows_all
    combo = row.findChild(QComboBox)
    assert isinstance(combo, QComboBox)
    asked = emitted(row.strategy_requested)
    qtbot.keyClick(combo, Qt.Key.Key_Down)
    assert asked == [("power-of-two",)]
    row.resize(600, row.height())
    assert row.shows_all


async def test_bars_say_in_words_what_they_show(built: Built) -> None:
    bars = built.panel.balancing.block("payment").findChild(ShareBars)
    assert isinstance(bars, ShareBars)
    assert bars.accessibleDescription() == (
        "payment-1, 100.0 %, expected 100.0 %, 18.0 /s, healthy; payment-2, 0.0 %, expected 0.0 %, idle, frozen"
    )


async def test_bars_are_painted_to_their_share(built: Built) -> None:
    """The fill ends where the share says, and the mark stands where it should end."""
    bars = built.panel.balancing.block("user").bars
    place, image = bars.bar(0), bars.grab().toImage()
    middle = int(place.center().y())
    fill, ground, mark = (theme().color(tone) for tone in ("accent_fill", "surface_sunken", "text"))
    assert image.pixelColor(int(place.left() + place.width() * 0.3), middle) == fill
    assert image.pixelColor(int(place.left() + place.width() * 0.8), middle) == ground
    assert image.pixelColor(round(place.left() + place.width() * 0.5), int(place.top()) - 1) == mark


async def test_weights_are_steppers_while_they_count(built: Built, port: FakePort, qtbot: QtBot) -> None:
    block = built.panel.balancing.block("order")
    assert block.findChild(Stepper) is None
    port.tell(
        "upstreams",
        order=upstream(
            "order", [target("order-1", weight=3), target("order-2")], strategy=Strategy.WEIGHTED_ROUND_ROBIN
        ),
    )
    await eventually(lambda: len(block.findChildren(Stepper)) == 2)
    stepper = block.findChild(Stepper, "weight-order-1")
    assert isinstance(stepper, Stepper)
    assert stepper.value == 3
    asked = emitted(block.weight_requested)
    qtbot.keyClick(stepper, Qt.Key.Key_Plus)
    assert asked == [("order", "order-1", 4)]


async def test_hash_key_may_be_a_header(built: Built, port: FakePort, qtbot: QtBot) -> None:
    block = built.panel.balancing.block("order")
    asked = emitted(block.hash_key_requested)
    port.tell("upstreams", order=upstream("order", [target("order-1")], strategy=Strategy.CONSISTENT_HASH))
    await eventually(lambda: block.hash_key.isVisible())
    combo, field = block.findChild(QComboBox, "hashKey-order"), block.findChild(QLineEdit, "hashHeader-order")
    assert isinstance(combo, QComboBox)
    assert isinstance(field, QLineEdit)
    combo.setFocus()
    qtbot.keyClick(combo, Qt.Key.Key_End)
    qtbot.keyClicks(field, "no spaces")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert asked == []
    assert field.property("invalid") == "true"
    field.clear()
    qtbot.keyClicks(field, "X-Session")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert asked == [("order", "header:X-Session")]


async def test_failure_is_told_at_its_service(built: Built) -> None:
    built.panel.balancing.show_service_error("user", UserMessage("It refused."))
    assert "It refused." in texts(built.panel.balancing.block("user"))
    built.panel.balancing.clear_service_error("user")
    assert "It refused." not in texts(built.panel.balancing.block("user"))


async def test_pages_are_switched_and_opened_from_elsewhere(built: Built, qtbot: QtBot) -> None:
    panel = built.panel
    panel.open_at("routes")
    assert panel.routes.isVisible()
    panel.open_at("order")
    assert panel.policies.isVisible()
    await eventually(lambda: panel.policies.service == "order")
    toggle = panel.findChild(SegmentedToggle, "gatewayPages")
    assert isinstance(toggle, SegmentedToggle)
    toggle.setFocus()
    qtbot.keyClick(toggle, Qt.Key.Key_Left)
    qtbot.keyClick(toggle, Qt.Key.Key_Left)
    assert panel.balancing.isVisible()


async def test_selected_request_fills_the_inspector(built: Built, port: FakePort, qtbot: QtBot) -> None:
    port.happen("requests", [record(1), retried(2), record(3)])
    pages = emitted(built.panel.inspector_requested)
    await eventually(lambda: built.models.requests.rowCount() == 3)
    view, page = built.panel.log.view, built.panel.request_page
    qtbot.mouseClick(
        view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(view.model().index(1, 2)).center()
    )
    assert pages == [(page,)]
    assert page.subject == "POST /api/orders"
    said = texts(page)
    assert "31.4 ms · 2 tries · usr_demo" in said
    assert "Why order-2" in said
    assert (
        "Try 1, order-1: its turn, of 2; answered 503.\nTry 2, order-2: retry: not order-1 again; answered 201."
        in said
    )
    assert not built.panel.log.is_following


async def test_actions_lead_to_other_panels(built: Built, qtbot: QtBot) -> None:
    row = LoggedRequest(2, retried(2))
    built.panel.request_page.show_request(row, of_record(row.record))
    went = emitted(built.panel.navigation_requested)
    for name in ("request-again", "request-logs", "request-curl"):
        press(qtbot, built.panel.request_page, name)
    assert went == [("requests", ("POST", "/api/orders")), ("logs", ("order-2", row.record.at))]
    copied = QGuiApplication.clipboard().text()
    assert copied.startswith("curl -i --globoff --path-as-is http://127.0.0.1:3000/api/orders")
    assert "--request POST" in copied
    assert "$TOKEN" in copied


@pytest.mark.parametrize("width", [1056, 816, 616])
async def test_nothing_needs_more_room_than_there_is(built: Built, width: int) -> None:
    """The window has 1440, 1200 or 1000 pixels, and the inspector may be open."""
    panel = built.panel
    for page in ("balancing", "routes", "policies"):
        panel.show_page(page)
        panel.resize(width, 600)
        assert panel.width() == width
    for child in panel.policies.form.findChildren(QLineEdit):
        place = child.mapTo(panel.policies, child.rect().topRight())
        assert place.x() <= panel.policies.width()


async def test_every_control_has_a_name_and_can_be_reached(built: Built) -> None:
    for page in ("balancing", "routes", "policies"):
        built.panel.show_page(page)
        for kind in (SegmentedToggle, QAbstractButton, QLineEdit, QComboBox):
            for child in built.panel.findChildren(kind):
                if child.isVisible() and child.isEnabled() and not _is_inner(child):
                    assert child.focusPolicy() & Qt.FocusPolicy.TabFocus, child
                    name = child.accessibleName() or getattr(child, "text", lambda: "")()
                    assert name, child


def _is_inner(child: QObject) -> bool:
    """A part of a control that is reached as a whole."""
    return isinstance(child.parent(), Stepper | QComboBox)


async def test_settings_without_a_gateway_are_shown_as_unknown(built: Built, port: FakePort) -> None:
    port.lose()
    await eventually(lambda: built.panel.log.view.is_stale)
    assert built.panel.balancing.picks.view.is_stale
    await eventually(lambda: not built.panel.balancing.block("user").strategy.toggle.isEnabled())


async def test_whatever_can_be_broken_is_broken_by_its_key(
    built: Built, port: FakePort, qtbot: QtBot
) -> None:
    panel, balancing = built.panel, built.panel.balancing
    port.happen("requests", [record(1)])
    port.happen("picks", [pick("order-1")])
    await eventually(lambda: balancing.picks.view.model().rowCount() and panel.log.view.model().rowCount())
    panel.activateWindow()
    await eventually(panel.isActiveWindow)
    asked = emitted(panel.break_requested)

    def broken_by(widget: QWidget) -> BreakSubject:
        asked.clear()
        widget.setFocus()
        qtbot.keyClick(widget, Qt.Key.Key_B)
        ((subject, place),) = asked
        assert place.width() > 0
        assert place.height() > 0
        assert isinstance(subject, BreakSubject)
        return subject

    for view in (balancing.picks.view, balancing.breakers.view, panel.log.view):
        view.select_index(view.model().index(0, 0))
        assert broken_by(view) == BreakSubject("instance", _instance(view.selected_row()))
    block = balancing.block("order")
    block.strategy.toggle.setFocus()
    assert broken_by(block.strategy.toggle) == BreakSubject("service", "order")
    block.bars.setFocus()
    assert broken_by(block.bars) == BreakSubject("instance", "order-1")
    qtbot.keyClick(block.bars, Qt.Key.Key_Down)
    assert broken_by(block.bars) == BreakSubject("instance", "order-2")
    panel.show_page("routes")
    routes = panel.routes.view
    routes.select_index(routes.model().index(0, 0))
    row = routes.selected_row()
    assert row is not None
    assert broken_by(routes) == BreakSubject("route", row.prefix)


def _instance(row: Any) -> str:
    return str(row.record.instance if isinstance(row, LoggedRequest) else row.instance)


async def test_a_service_and_its_instances_show_the_faults_that_act_on_them(
    built: Built, port: FakePort
) -> None:
    block = built.panel.balancing.block("order")
    assert block.fault.isHidden()
    port.tell(
        "faults",
        f1=fault("f1", "latency", FaultTarget(service="order"), distribution="fixed", ms=300),
        f2=fault("f2", "abort", FaultTarget(instance="order-2"), status=503),
    )
    await eventually(lambda: block.fault.isVisible())
    assert block.fault.text == "latency 300 ms"
    assert [row.fault for row in block.bars.rows] == ["", "abort 503"]
    assert "abort 503" in block.bars.accessibleDescription()
    port.tell("faults", f1=fault("f1", "latency", FaultTarget(service="order"), state=FaultState.EXPIRED))
    await eventually(lambda: block.fault.isHidden())


def fault(
    identity: str, kind: str, target: FaultTarget, state: FaultState = FaultState.ACTIVE, **params: Any
) -> Fault:
    return Fault(
        id=identity, kind=kind, target=target, params=params, probability=1.0, scope=FaultScope.REQUEST, seed=1,
        ttl=60, state=state, armed_at=1.0, expires_at=61.0,
    )  # fmt: skip
