"""The panel by clicks and keys, on a port that the test fills."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QComboBox, QDialog, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.panels.limits.burst import BurstWish, Tally
from app.panels.limits.limits_model import Place
from app.qt.theme import theme
from app.widgets.segmented_toggle import SegmentedToggle
from embedded_services.client.errors import ControlError
from embedded_services.contracts.errors import ErrorDetail
from embedded_services.contracts.limits import Algorithm, LimitSettings
from tests.gui.panels.limits.conftest import NOW, FakePort, Hands, build, client, totals
from tests.helpers.qt import eventually, texts

ROWS = (
    client("127.0.0.1", 12),
    client("127.0.0.2", 100, limited=20, allowed=100, last429_at=NOW - 3),
    client("127.0.0.10", 57),
)


def rule(port: FakePort) -> LimitSettings:
    assert port.client is not None
    return port.client.state.settings.limits


# --- the list ---------------------------------------------------------------------------------------------------------


async def test_every_client_is_listed_and_the_full_ones_can_be_singled_out(
    hands: Hands, port: FakePort
) -> None:
    port.tell(ROWS, totals(169, 20, 3))
    await eventually(lambda: len(hands.keys()) == 3)
    which = hands.find(SegmentedToggle, "which")
    hands.qtbot.keyClick(which, Qt.Key.Key_Right)
    assert hands.keys() == ["127.0.0.2"]
    port.tell_clients(client("127.0.0.2", 0), client("127.0.0.10", 100))
    await eventually(lambda: hands.keys() == ["127.0.0.10"])
    port.tell_clients(client("127.0.0.10", 1))
    await eventually(lambda: "Nobody is at the limit" in texts(hands.panel))
    hands.qtbot.mouseClick(_button(hands, "Show all clients"), Qt.MouseButton.LeftButton)
    assert len(hands.keys()) == 3


async def test_the_filter_looks_for_a_client(hands: Hands, port: FakePort) -> None:
    port.tell(ROWS, totals(1))
    await eventually(lambda: len(hands.keys()) == 3)
    hands.write("filter", "0.10")
    await eventually(lambda: hands.keys() == ["127.0.0.10"])
    hands.write("filter", "nobody")
    await eventually(lambda: "No client contains “nobody”." in texts(hands.panel))


async def test_nobody_yet_offers_a_burst(hands: Hands, port: FakePort) -> None:
    port.gateway = "http://127.0.0.1:9"
    port.tell()
    await eventually(lambda: "Nobody has asked for anything yet" in texts(hands.panel))
    spy = QSignalSpy(hands.panel.burst.burst_requested)
    hands.qtbot.mouseClick(_button(hands, "Send a burst"), Qt.MouseButton.LeftButton)
    assert spy.at(0)[0] == BurstWish(120, "ip", "127.0.0.1")
    await eventually(lambda: "No request got an answer" in hands.says("burstResult"))


def _button(hands: Hands, word: str) -> QPushButton:
    return next(
        one for one in hands.panel.findChildren(QPushButton) if one.text() == word and one.isVisible()
    )


async def test_selection_survives_updates_and_the_inspector_follows(hands: Hands, port: FakePort) -> None:
    port.tell(ROWS, totals(1))
    await eventually(lambda: len(hands.keys()) == 3)
    spy = QSignalSpy(hands.panel.inspector_requested)
    hands.click_cell("127.0.0.2", Place.CLIENT)
    assert hands.selected() == "127.0.0.2"
    page = spy.at(0)[0]
    assert page.subject == "127.0.0.2"
    assert "100 of 100" in texts(page)
    assert "at the limit · the next request gets 429" in texts(page)
    port.tell_clients(client("127.0.0.2", 40, limited=20), client("127.0.0.11"), client("127.0.0.0"))
    await eventually(lambda: "40 of 100" in texts(page))
    assert hands.selected() == "127.0.0.2"
    assert any("may ask again" in text for text in texts(page))


async def test_a_panel_can_be_opened_at_a_client_that_is_not_there_yet(hands: Hands, port: FakePort) -> None:
    port.tell(ROWS, totals(1))
    hands.panel.open_at("127.0.0.77")
    port.tell_clients(client("127.0.0.77", 2))
    await eventually(lambda: hands.selected() == "127.0.0.77")


async def test_more_clients_than_are_shown_are_counted(hands: Hands, port: FakePort) -> None:
    port.tell(ROWS, totals(1, clients=1204, forgotten=7))
    expected = "the 3 clients seen last, of 1,204 · 7 forgotten for want of room"
    await eventually(lambda: expected in texts(hands.panel))


async def test_countdowns_tick_and_stand_still_without_contact(hands: Hands, port: FakePort) -> None:
    port.tell([client("a", 100, reset_at=NOW + 30)], totals(1))
    await eventually(lambda: hands.cell("a", Place.RESETS) == "0:30")
    port.clock.pass_time(22)
    await eventually(lambda: hands.cell("a", Place.RESETS) == "8.0 s")
    port.clock.pass_time(0.5)
    await eventually(lambda: hands.cell("a", Place.RESETS) == "7.5 s")
    port.lose()
    await eventually(lambda: hands.panel.view.is_stale)
    assert not hands.find(QPushButton, "resetAll").isEnabled()
    assert not hands.find(QPushButton, "burst").isEnabled()


@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_the_gauge_is_painted_as_full_as_the_client_is(
    hands: Hands, port: FakePort, scheme: str
) -> None:
    theme().choose("dark" if scheme == "dark" else "light")
    port.tell([client("a", 50), client("b", 100), client("c", 0)], totals(1))
    await eventually(lambda: len(hands.keys()) == 3)
    view = hands.panel.view
    picture = view.viewport().grab().toImage()

    def inks(row: int) -> set[str]:
        place = view.visualRect(view.model().index(row, Place.USED))
        y = place.center().y()
        return {
            QColor(picture.pixel(QPoint(x, y))).name() for x in range(place.left() + 8, place.right() - 120)
        }

    half, full = theme().color("accent_fill").name(), theme().color("status_429").name()
    nothing = theme().color("surface_sunken").name()
    assert {half, nothing} <= inks(0)
    assert full in inks(1)
    assert nothing not in inks(1)
    assert inks(2) == {nothing}


# --- the rule ---------------------------------------------------------------------------------------------------------


async def test_an_edit_is_applied_on_enter_and_can_be_undone(hands: Hands, port: FakePort) -> None:
    port.tell()
    await eventually(lambda: hands.says("inForce") == "In force: 100 per 60 s for each address, fixed window")
    assert not hands.find(QPushButton, "applyRule").isEnabled()
    field = hands.write("limit", "5")
    assert hands.find(QPushButton, "applyRule").isEnabled()
    hands.qtbot.keyClick(field, Qt.Key.Key_Return)
    await eventually(lambda: rule(port).limit == 5)
    assert port.client is not None
    assert port.client.patches == [({"limits": {"limit": 5}}, 7)]
    await eventually(lambda: hands.says("inForce").startswith("In force: 5 per 60 s"))
    assert not hands.find(QPushButton, "discardRule").isVisible()
    assert hands.find(QLineEdit, "burstCount").text() == "25"
    undo = hands.find(QPushButton, "undoRule")
    assert undo.text() == "Undo: back to 100 per 60 s"
    hands.click("undoRule")
    await eventually(lambda: rule(port).limit == 100)
    await eventually(lambda: hands.find(QLineEdit, "limit").text() == "100")


async def test_the_algorithm_acts_at_once(hands: Hands, port: FakePort) -> None:
    port.tell()
    toggle = hands.find(SegmentedToggle, "algorithm")
    await eventually(toggle.isEnabled)
    hands.qtbot.keyClick(toggle, Qt.Key.Key_Right)
    assert toggle.is_busy
    await eventually(lambda: rule(port).algorithm is Algorithm.SLIDING_WINDOW)
    await eventually(lambda: not toggle.is_busy)
    assert "sliding window" in hands.says("inForce")


async def test_what_is_wrong_is_said_below_the_field_and_nothing_is_asked(
    hands: Hands, port: FakePort
) -> None:
    port.tell()
    await eventually(lambda: hands.says("inForce"))
    hands.write("limit", "0")
    hands.click("applyRule")
    assert hands.says("ruleError") == "Limit: A whole number from 1 to 1,000,000,000."
    assert hands.find(QLineEdit, "limit").property("invalid") == "true"
    kind = hands.find(QComboBox, "keyKind")
    kind.setCurrentIndex(kind.findData("header"))
    kind.activated.emit(2)
    hands.write("header", "X API")
    hands.click("applyRule")
    assert "Header: A header's name" in hands.says("ruleError")
    assert port.client is not None
    assert port.client.patches == []
    hands.click("discardRule")
    assert hands.says("ruleError") == ""
    assert hands.find(QLineEdit, "limit").text() == "100"
    assert not hands.find(QLineEdit, "header").isVisible()


async def test_a_change_of_key_says_that_counts_start_afresh(hands: Hands, port: FakePort) -> None:
    port.tell()
    await eventually(lambda: hands.says("inForce"))
    kind = hands.find(QComboBox, "keyKind")
    kind.setCurrentIndex(kind.findData("user"))
    kind.activated.emit(1)
    assert hands.says("ruleError") == "Told apart in another way, all counts start afresh."
    hands.click("applyRule")
    await eventually(lambda: rule(port).key == "user")
    await eventually(lambda: hands.find(QLineEdit, "burstClient").text() == "usr_demo")


async def test_what_somebody_else_put_in_force_meanwhile_is_not_overwritten(
    hands: Hands, port: FakePort
) -> None:
    port.tell()
    await eventually(lambda: hands.says("inForce"))
    hands.write("limit", "5")
    assert port.client is not None
    port.client.put(limit=40)
    port.tell_rule()
    await eventually(lambda: hands.says("inForce").startswith("In force: 40"))
    assert hands.find(QLineEdit, "limit").text() == "5"
    hands.click("applyRule")
    await eventually(lambda: hands.says("ruleError").startswith("It was changed by somebody else meanwhile"))
    assert rule(port).limit == 40
    hands.click("applyRule")
    await eventually(lambda: rule(port).limit == 5)


async def test_a_change_of_other_settings_is_no_conflict(hands: Hands, port: FakePort) -> None:
    port.tell()
    await eventually(lambda: hands.says("inForce"))
    hands.write("window", "10")
    assert port.client is not None
    port.client.put()
    hands.click("applyRule")
    await eventually(lambda: rule(port).window_s == 10)


async def test_what_the_system_refuses_is_said_where_it_was_typed(hands: Hands, port: FakePort) -> None:
    port.tell()
    await eventually(lambda: hands.says("inForce"))
    detail = ErrorDetail(field="limits.limit", message="must be less")
    assert port.client is not None
    port.client.fails = [ControlError("VALIDATION_FAILED", "limits.limit: must be less", 400, [detail])]
    hands.write("limit", "7")
    hands.click("applyRule")
    await eventually(lambda: hands.says("ruleError") == "Limit: must be less")
    assert hands.find(QLineEdit, "limit").text() == "7"
    assert hands.find(QPushButton, "applyRule").isEnabled()


# --- resets -----------------------------------------------------------------------------------------------------------


async def test_one_client_is_reset_by_its_icon_or_by_a_key(hands: Hands, port: FakePort) -> None:
    port.tell(ROWS, totals(1))
    await eventually(lambda: len(hands.keys()) == 3)
    hands.click_cell("127.0.0.2", Place.ACTION)
    await eventually(lambda: hands.cell("127.0.0.2", Place.COUNT) == "0")
    assert hands.cell("127.0.0.2", Place.LIMITED) == "20"
    hands.click_cell("127.0.0.1", Place.CLIENT)
    hands.panel.activateWindow()
    await eventually(hands.panel.isActiveWindow)
    hands.qtbot.keyClick(hands.panel.view, Qt.Key.Key_Delete)
    await eventually(lambda: hands.cell("127.0.0.1", Place.COUNT) == "0")
    assert port.client is not None
    assert port.client.reset == ["127.0.0.2", "127.0.0.1"]
    port.tell_clients(client("127.0.0.1", 1))
    await eventually(lambda: hands.cell("127.0.0.1", Place.COUNT) == "1")


async def test_all_are_reset_after_a_question(hands: Hands, port: FakePort) -> None:
    port.tell(ROWS, totals(1))
    await eventually(lambda: len(hands.keys()) == 3)
    hands.click("resetAll")
    await eventually(lambda: hands.panel.findChild(QDialog, "confirm"))
    dialog = hands.find(QDialog, "confirm")
    accept = next(one for one in dialog.findChildren(QPushButton) if one.text() == "Reset all")
    hands.qtbot.mouseClick(accept, Qt.MouseButton.LeftButton)
    await eventually(lambda: {row.count for row in hands.model.rows()} == {0})
    assert port.client is not None
    assert port.client.reset == [None]


async def test_a_reset_that_fails_is_told_and_changes_nothing(hands: Hands, port: FakePort) -> None:
    port.tell(ROWS, totals(1))
    await eventually(lambda: len(hands.keys()) == 3)
    assert port.client is not None
    port.client.fails = [ControlError("SERVICE_UNAVAILABLE", "the gateway did not answer within 2 s", 503)]
    hands.click_cell("127.0.0.2", Place.ACTION)
    await eventually(lambda: "The gateway did not answer within 2 s." in texts(hands.panel))
    assert hands.cell("127.0.0.2", Place.COUNT) == "100"


# --- bursts -----------------------------------------------------------------------------------------------------------


def test_a_burst_is_refused_where_it_was_typed(qtbot: QtBot) -> None:
    hands = build(qtbot)
    bar = hands.panel.burst
    bar.show_rule(LimitSettings(), live=True)
    spy = QSignalSpy(bar.burst_requested)
    hands.write("burstClient", "8.8.8.8")
    hands.click("burst")
    assert hands.says("burstResult") == "An address of this machine, such as 127.0.0.1 or 127.0.0.2."
    hands.write("burstClient", "127.0.0.7")
    hands.write("burstCount", "0")
    hands.click("burst")
    assert hands.says("burstResult") == "A burst has 1 to 5,000 requests."
    assert spy.count() == 0
    hands.write("burstCount", "30")
    hands.click("burst")
    assert spy.at(0)[0] == BurstWish(30, "ip", "127.0.0.7")


def test_a_burst_is_a_little_more_than_the_limit_unless_it_was_typed(qtbot: QtBot) -> None:
    hands = build(qtbot)
    bar = hands.panel.burst
    count = hands.find(QLineEdit, "burstCount")
    bar.show_rule(LimitSettings(limit=50), live=True)
    assert count.text() == "70"
    bar.show_rule(LimitSettings(limit=100_000), live=True)
    assert count.text() == "5000"
    hands.write("burstCount", "33")
    bar.show_rule(LimitSettings(limit=10), live=True)
    assert count.text() == "33"


def test_what_came_of_a_burst_is_said(qtbot: QtBot) -> None:
    hands = build(qtbot)
    bar = hands.panel.burst
    bar.show_rule(LimitSettings(), live=True)
    tally = Tally(120)
    bar.show_progress(tally)
    assert hands.find(QPushButton, "cancelBurst").isVisible()
    assert not hands.find(QPushButton, "burst").isEnabled()
    tally.statuses.update({200: 100, 429: 20})
    tally.took_s = 0.21
    bar.show_result(tally)
    assert hands.says("burstResult") == "100 passed, 20 got 429, in 0.2 s"
    assert not hands.find(QPushButton, "cancelBurst").isVisible()
    tally = Tally(10, failed=2)
    tally.statuses.update({401: 5})
    assert (
        tally.says()
        == "5 passed and were answered 401, 0 got 429, 2 got no answer, 3 were not sent, in 0.0 s"
    )


async def test_the_key_of_a_client_is_copied(hands: Hands, port: FakePort) -> None:
    port.tell(ROWS, totals(1))
    await eventually(lambda: len(hands.keys()) == 3)
    hands.click_cell("127.0.0.10", Place.CLIENT)
    hands.click("copyClient")
    assert QGuiApplication.clipboard().text() == "127.0.0.10"
