"""The page of timeouts and retries: edits are checked in place, applied to what was seen, and never lost."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLineEdit
from pytestqt.qtbot import QtBot

from app.panels.gateway.policies_page import PoliciesPage
from app.widgets.switch import Switch
from embedded_services.client.errors import ControlError
from embedded_services.contracts.errors import ErrorDetail
from embedded_services.contracts.settings import BreakerPolicy, CallPolicy
from tests.gui.panels.gateway.conftest import Built, build
from tests.gui.panels.gateway.shop import FakeControl, FakePort, settings
from tests.helpers.qt import eventually, texts


async def opened(built: Built) -> PoliciesPage:
    built.panel.show_page("policies")
    await eventually(lambda: built.panel.policies.revision == 7)
    return built.panel.policies


def field(page: PoliciesPage, name: str) -> QLineEdit:
    found = page.findChild(QLineEdit, name)
    assert isinstance(found, QLineEdit)
    return found


def button(page: PoliciesPage, name: str) -> QAbstractButton:
    found = page.findChild(QAbstractButton, f"policy-{name}")
    assert isinstance(found, QAbstractButton)
    return found


def write(qtbot: QtBot, page: PoliciesPage, name: str, text: str) -> None:
    edit = field(page, name)
    edit.selectAll()
    qtbot.keyClicks(edit, text)


def press(qtbot: QtBot, page: PoliciesPage, name: str) -> None:
    qtbot.mouseClick(button(page, name), Qt.MouseButton.LeftButton)


async def test_edit_is_applied_to_the_revision_that_was_seen(
    built: Built, control: FakeControl, qtbot: QtBot
) -> None:
    page = await opened(built)
    assert not button(page, "apply").isEnabled()
    write(qtbot, page, "tries", "5")
    assert "revision 7 in force · 1 change not applied" in texts(page)
    press(qtbot, page, "apply")
    await eventually(lambda: bool(control.asked))
    assert control.asked == [("settings", {"services": {"user": {"policy": {"tries": 5}}}}, 7)]


async def test_applied_edit_is_in_force(built: Built, port: FakePort, qtbot: QtBot) -> None:
    page = await opened(built)
    write(qtbot, page, "breaker.failure_percent", "30")
    policy = CallPolicy(breaker=BreakerPolicy(failure_percent=30))
    assert port.client is not None
    port.client.state = type(port.client.state)(revision=8, settings=settings(user={"policy": policy}))
    press(qtbot, page, "apply")
    await eventually(lambda: "revision 8 in force" in texts(page))
    assert not button(page, "apply").isEnabled()
    assert field(page, "breaker.failure_percent").text() == "30"


async def test_bounds_are_told_in_place(built: Built, qtbot: QtBot) -> None:
    page = await opened(built)
    write(qtbot, page, "breaker.failure_percent", "101")
    assert "A whole number from 1 to 100 %" in texts(page)
    assert field(page, "breaker.failure_percent").property("invalid") == "true"
    assert not button(page, "apply").isEnabled()
    press(qtbot, page, "revert")
    assert "A whole number from 1 to 100 %" not in texts(page)
    assert field(page, "breaker.failure_percent").text() == "50"


async def test_group_that_is_off_takes_no_edits(built: Built, qtbot: QtBot) -> None:
    page = await opened(built)
    assert not field(page, "hedging.after_s").isEnabled()
    switch = page.findChild(Switch, "hedging.enabled")
    assert isinstance(switch, Switch)
    switch.setFocus()
    qtbot.keyClick(switch, Qt.Key.Key_Space)
    assert field(page, "hedging.after_s").isEnabled()
    assert "revision 7 in force · 1 change not applied" in texts(page)


async def test_conflict_keeps_the_edits(
    built: Built, port: FakePort, control: FakeControl, qtbot: QtBot
) -> None:
    page = await opened(built)
    write(qtbot, page, "tries", "5")
    port.tell_settings(settings(user={"policy": CallPolicy(timeout_s=9.0)}), 9)
    await eventually(lambda: field(page, "timeout_s").text() == "9")
    assert field(page, "tries").text() == "5"
    assert "revision 9 in force · 1 change not applied · edited since revision 7" in texts(page)
    control.refusal = ControlError("PRECONDITION_FAILED", "the settings are at revision 9, not 7", 412)
    press(qtbot, page, "apply")
    await eventually(lambda: "The settings were changed meanwhile; nothing was applied." in texts(page))
    assert field(page, "tries").text() == "5"
    press(qtbot, page, "apply")
    await eventually(lambda: len(control.asked) == 2)
    assert control.asked[1][2] == 9


async def test_refusal_is_told_at_the_field(built: Built, control: FakeControl, qtbot: QtBot) -> None:
    page = await opened(built)
    write(qtbot, page, "try_timeout_s", "20")
    detail = ErrorDetail(field="services.user.policy.tryTimeoutS", message="must be at most timeoutS, 5")
    control.refusal = ControlError("VALIDATION_FAILED", "tryTimeoutS: must be …", 400, [detail])
    press(qtbot, page, "apply")
    await eventually(lambda: "must be at most timeoutS, 5" in texts(page))
    assert button(page, "apply").isEnabled()


async def test_defaults_are_written_and_not_applied(
    built: Built, port: FakePort, control: FakeControl, qtbot: QtBot
) -> None:
    page = await opened(built)
    port.tell_settings(settings(user={"policy": CallPolicy(tries=7, timeout_s=9.0)}), 8)
    await eventually(lambda: field(page, "tries").text() == "7")
    press(qtbot, page, "reset")
    assert field(page, "tries").text() == "3"
    assert "revision 8 in force · 2 changes not applied" in texts(page)
    assert control.asked == []


async def test_each_service_keeps_its_edits(built: Built, qtbot: QtBot) -> None:
    page = await opened(built)
    write(qtbot, page, "tries", "5")
    page.choose("order")
    assert field(page, "tries").text() == "3"
    page.choose("user")
    assert field(page, "tries").text() == "5"
    assert "revision 7 in force · 1 change not applied" in texts(page)


async def test_what_is_written_outlives_a_panel_that_is_built_anew(
    built: Built, port: FakePort, qtbot: QtBot
) -> None:
    page = await opened(built)
    write(qtbot, page, "tries", "5")
    page.choose("order")
    write(qtbot, page, "timeout_s", "9")
    anew = build(port, qtbot, port.clock)
    anew.panel.recall(built.panel.memory())
    assert anew.panel.page == "policies"
    await eventually(lambda: "revision 7 in force · 1 change not applied" in texts(anew.panel))
    assert anew.panel.policies.service == "order"
    assert field(anew.panel.policies, "timeout_s").text() == "9"
    anew.panel.policies.choose("user")
    assert field(anew.panel.policies, "tries").text() == "5"
