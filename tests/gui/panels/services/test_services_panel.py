"""The panel as its user meets it: what it shows in each state, and what each control asks for."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QLineEdit, QMenu, QPushButton
from pytestqt.qtbot import QtBot

from app.core.breaking import BreakSubject
from app.panels.services.instance_page import InstancePage
from app.panels.services.register_form import Wish
from app.panels.services.services_model import Place
from app.panels.services.services_panel import ServicesPanel
from app.widgets.inspector_page import InspectorPage
from embedded_services.contracts.instances import Status
from tests.gui.panels.services.conftest import Stage
from tests.gui.panels.services.hands import (
    button,
    click,
    find,
    journal,
    press,
    select,
    selected,
    stepper,
    steps,
)
from tests.gui.panels.services.shop import (
    NOW,
    change,
    crash_looping,
    frozen,
    instance,
    service,
)
from tests.helpers.qt import texts


@pytest.fixture
def shop(stage: Stage) -> Stage:
    """Two services of two; one instance frozen, one crash-looping."""
    rows = [instance("user-1"), crash_looping("user-2"), instance("payment-1"), frozen("payment-2")]
    stage.show([service("user"), service("payment")], rows)
    stage.show_changes(
        change(1, "payment-2", Status.STARTING, Status.HEALTHY, at=NOW - 300),
        change(
            2, "payment-2", Status.HEALTHY, Status.FROZEN, in_rotation=True, reason="frozen by you (SIGSTOP)"
        ),
        change(
            3, "payment-2", Status.FROZEN, Status.FROZEN, in_rotation=False, reason="2 checks in a row failed"
        ),
        change(4, "user-2", Status.HEALTHY, Status.CRASH_LOOPING, reason="ended 5 times within 30 s"),
    )
    return stage


@pytest.fixture
def panel(shop: Stage) -> ServicesPanel:
    return shop.panel


def inspected(asked: QSignalSpy) -> InspectorPage:
    """The page that was put into the inspector last."""
    [page] = asked.at(asked.count() - 1)
    assert isinstance(page, InspectorPage)
    return page


class TestFilter:
    def test_a_filter_that_finds_nothing_says_so_and_can_be_cleared(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot
    ) -> None:
        field = find(panel, QLineEdit, "filter")
        qtbot.keyClicks(field, "zebra")
        qtbot.keyClick(field, Qt.Key.Key_Return)
        assert "No service and no instance contains “zebra”." in texts(panel)
        assert "shown 0 of 4 status changes" in texts(panel)
        press(qtbot, panel, "Clear the filter")
        assert "4 status changes" in texts(panel)
        assert panel.tree.row_of("payment-2").isValid()

    def test_rows_that_come_back_from_the_filter_have_their_controls_again(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot
    ) -> None:
        field = find(panel, QLineEdit, "filter")
        qtbot.keyClicks(field, "frozen")
        qtbot.keyClick(field, Qt.Key.Key_Return)
        assert not panel.tree.row_of("user").isValid()
        field.clear()
        assert stepper(panel, "user").value == 2
        assert panel.tree.isExpanded(panel.tree.row_of("user"))
        assert button(panel, "user-1", "kill").isVisible()


class TestControls:
    def test_each_row_has_kill_freeze_and_more(self, panel: ServicesPanel, shop: Stage, qtbot: QtBot) -> None:
        asked = QSignalSpy(panel.action_requested)
        assert button(panel, "user-1", "kill").accessibleName() == "Kill user-1"
        click(qtbot, button(panel, "payment-1", "other"))
        assert [asked.at(n) for n in range(asked.count())] == [["payment-1", "freeze"]]

    def test_the_selected_row_offers_the_one_sensible_action(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot
    ) -> None:
        assert not button(panel, "payment-2", "cure").isVisible()
        select(qtbot, panel, "payment-2")
        cure = button(panel, "payment-2", "cure")
        assert (cure.text(), cure.isVisible(), button(panel, "payment-2", "kill").isVisible()) == (
            "Thaw",
            True,
            False,
        )
        asked = QSignalSpy(panel.action_requested)
        click(qtbot, cure)
        assert asked.at(0) == ["payment-2", "thaw"]
        select(qtbot, panel, "user-2")
        assert button(panel, "user-2", "cure").text() == "Restart"
        assert not button(panel, "payment-2", "cure").isVisible()

    @pytest.mark.parametrize(
        ("key", "action"),
        [
            (Qt.Key.Key_Delete, "kill"), (Qt.Key.Key_F, "freeze"), (Qt.Key.Key_T, "terminate"), (Qt.Key.Key_R, "restart"),
            (Qt.Key.Key_D, "drain"),
        ],
    )  # fmt: skip
    def test_every_action_has_its_key(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot, key: Qt.Key, action: str
    ) -> None:
        select(qtbot, panel, "payment-1")
        asked = QSignalSpy(panel.action_requested)
        qtbot.keyClick(panel.tree, key)
        assert asked.at(0) == ["payment-1", action]

    def test_the_same_key_thaws_what_is_frozen(self, panel: ServicesPanel, shop: Stage, qtbot: QtBot) -> None:
        select(qtbot, panel, "payment-2")
        asked = QSignalSpy(panel.action_requested)
        qtbot.keyClick(panel.tree, Qt.Key.Key_F)
        assert asked.at(0) == ["payment-2", "thaw"]

    def test_keys_do_nothing_where_the_action_makes_no_sense(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot
    ) -> None:
        select(qtbot, panel, "user-2")
        asked = QSignalSpy(panel.action_requested)
        for key in (Qt.Key.Key_Delete, Qt.Key.Key_F, Qt.Key.Key_T, Qt.Key.Key_D):
            qtbot.keyClick(panel.tree, key)
        assert asked.count() == 0

    def test_the_menu_of_a_row_names_it_and_leaves_out_what_does_not_apply(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot
    ) -> None:
        click(qtbot, button(panel, "payment-2", "more"))
        menu = next(one for one in panel.findChildren(QMenu) if one.isVisible())
        shown = {
            action.text(): action.isEnabled()
            for action in menu.actions()
            if action.isVisible() and action.text()
        }
        menu.close()
        assert shown == {
            "Kill payment-2": True, "Terminate payment-2": False, "Thaw payment-2": True, "Restart payment-2": True,
            "Drain payment-2": False, "Break payment-2…": True, "Copy the address: payment-2": True, "Open the logs: payment-2": True,
        }  # fmt: skip

    def test_the_menu_comes_by_key_too(self, panel: ServicesPanel, qtbot: QtBot) -> None:
        select(qtbot, panel, "payment-1")
        qtbot.keyClick(panel.tree, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
        menu = next(one for one in panel.findChildren(QMenu) if one.isVisible())
        assert "Freeze payment-1" in [action.text() for action in menu.actions()]
        menu.close()

    def test_a_narrow_panel_spares_what_the_inspector_says_too(
        self, panel: ServicesPanel, qtbot: QtBot
    ) -> None:
        panel.resize(870, 600)
        hidden = [place for place in Place if panel.tree.isColumnHidden(place)]
        assert hidden == [Place.PID, Place.LATENCY]
        panel.resize(800, 600)
        assert panel.tree.isColumnHidden(Place.UP)
        assert panel.tree.horizontalScrollBar().maximum() == 0, "the controls in the rows stay in sight"
        panel.resize(700, 600)
        assert panel.tree.isColumnHidden(Place.PORT)
        assert panel.tree.horizontalScrollBar().maximum() == 0
        panel.resize(1056, 676)
        assert not any(panel.tree.isColumnHidden(place) for place in Place)

    def test_the_stepper_and_the_keys_ask_for_replicas(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot
    ) -> None:
        asked = QSignalSpy(panel.replicas_requested)
        click(qtbot, steps(panel, "user")[1])
        select(qtbot, panel, "payment")
        qtbot.keyClick(panel.tree, Qt.Key.Key_Plus)
        qtbot.keyClick(panel.tree, Qt.Key.Key_Minus)
        assert [asked.at(n) for n in range(asked.count())] == [["user", 3], ["payment", 3], ["payment", 1]]

    def test_the_address_is_copied_with_a_key(self, panel: ServicesPanel, shop: Stage, qtbot: QtBot) -> None:
        said = QSignalSpy(panel.toast_requested)
        select(qtbot, panel, "payment-1")
        qtbot.keyClick(panel.tree, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
        assert QGuiApplication.clipboard().text() == "127.0.0.1:3001"
        assert said.at(0) == ["Copied 127.0.0.1:3001"]

    def test_the_logs_of_the_instance_are_one_key_away(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot
    ) -> None:
        asked = QSignalSpy(panel.navigation_requested)
        select(qtbot, panel, "payment-1")
        qtbot.keyClick(panel.tree, Qt.Key.Key_L)
        assert asked.at(0) == ["logs", "payment-1"]


class TestSelection:
    def test_a_status_that_is_new_stands_out_for_a_moment(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot
    ) -> None:
        assert panel.tree.flashing == {}
        shop.show([service("payment")], [instance("payment-1"), instance("payment-2")])
        assert panel.tree.flashing == {("payment", "payment-2"): "healthy", ("payment",): "healthy"}
        qtbot.waitUntil(lambda: not panel.tree.flashing)

    def test_an_instance_fills_the_inspector_with_its_facts_and_its_story(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot
    ) -> None:
        shown = QSignalSpy(panel.inspector_requested)
        select(qtbot, panel, "payment-2")
        page = inspected(shown)
        assert isinstance(page, InstancePage)
        said = texts(page)
        for text in ("payment-2", "Why it is out of rotation", "Frozen by you (SIGSTOP)", "2 checks in a row failed",
                     "127.0.0.1:3002", "6:03", "33 MB"):  # fmt: skip
            assert text in said

    def test_the_six_places_hold_the_actions(self, panel: ServicesPanel, shop: Stage, qtbot: QtBot) -> None:
        shown = QSignalSpy(panel.inspector_requested)
        select(qtbot, panel, "payment-2")
        page = inspected(shown)
        buttons = {one.text(): one.isEnabled() for one in page.findChildren(QPushButton) if one.objectName() in
                   ("kill", "terminate", "freeze", "thaw", "restart", "drain", "remove")}  # fmt: skip
        assert buttons == {"Kill": True, "Terminate": False, "Thaw": True, "Restart": True, "Drain": False}
        asked = QSignalSpy(panel.action_requested)
        click(qtbot, find(page, QPushButton, "thaw"))
        assert asked.at(0) == ["payment-2", "thaw"]

    def test_a_service_fills_the_inspector_too(self, panel: ServicesPanel, shop: Stage, qtbot: QtBot) -> None:
        shown = QSignalSpy(panel.inspector_requested)
        select(qtbot, panel, "payment")
        page = inspected(shown)
        assert {"payment", "1 of 2", "Recent changes", "payment-2: 2 checks in a row failed"} <= set(
            texts(page)
        )
        asked = QSignalSpy(panel.replicas_requested)
        click(qtbot, find(page, QPushButton, "less"))
        assert asked.at(0) == ["payment", 1]

    def test_selection_stays_while_everything_changes(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot
    ) -> None:
        select(qtbot, panel, "payment-2")
        shop.show(
            [service("payment"), service("mail", 1)], [instance("mail-1"), frozen("payment-2", in_flight=5)]
        )
        assert selected(panel) == "payment-2"

    def test_the_inspector_empties_when_the_instance_is_gone(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot
    ) -> None:
        select(qtbot, panel, "payment-2")
        shown = QSignalSpy(panel.inspector_requested)
        shop.show([service("user")], [instance("user-1")])
        assert shown.at(shown.count() - 1) == [None]

    def test_another_panel_may_ask_for_an_instance_that_is_still_to_come(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot
    ) -> None:
        panel.open_at("user-3")
        coming = instance("user-3", status=Status.STARTING, in_rotation=False)
        shop.show([service("user")], [instance("user-1"), coming])
        assert selected(panel) == "user-3"

    def test_a_change_in_the_journal_leads_to_its_instance(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot
    ) -> None:
        assert journal(panel)[0] == "user-2 healthy  →  crash-looping ended 5 times within 30 s"
        place = panel.journal.visualRect(panel.journal.model().index(1, 1)).center()
        qtbot.mouseClick(panel.journal.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert selected(panel) == "payment-2"


class TestRegistration:
    def test_what_is_wrong_is_said_at_its_field(
        self, panel: ServicesPanel, shop: Stage, qtbot: QtBot
    ) -> None:
        select(qtbot, panel, "payment-1")
        asked = QSignalSpy(panel.register_requested)
        click(qtbot, find(panel, QPushButton, "registerInstance"))
        dialog = panel.dialog
        assert dialog is not None
        assert find(dialog, QLineEdit, "service").text() == "payment"
        click(qtbot, find(dialog, QPushButton, "submit"))
        assert {"A number from 1 to 65535.", "Letters, digits, - _ and . only, at most 60 of them."} <= set(
            texts(dialog)
        )
        assert asked.count() == 0
        qtbot.keyClicks(find(dialog, QLineEdit, "id"), "ext-1")
        qtbot.keyClicks(find(dialog, QLineEdit, "port"), "4000")
        assert "A number from 1 to 65535." not in texts(dialog)
        click(qtbot, find(dialog, QPushButton, "submit"))
        [wish] = asked.at(0)
        assert isinstance(wish, Wish)
        assert (wish.service, wish.id, wish.registration.port) == ("payment", "ext-1", 4000)
        dialog.reject()
        assert panel.dialog is None


def menu_of_change(panel: ServicesPanel, row: int) -> QMenu | None:
    index = panel.journal.model().index(row, 1)
    place = panel.journal.visualRect(index).center()
    panel.journal.customContextMenuRequested.emit(place)
    return panel.findChild(QMenu, "changeMenu")


def test_a_change_in_the_journal_offers_to_break_its_instance(panel: ServicesPanel) -> None:
    asked: list[BreakSubject] = []
    panel.break_requested.connect(lambda subject, _: asked.append(subject))
    menu = menu_of_change(panel, 0)
    assert menu is not None
    menu.actions()[0].trigger()
    menu.close()
    assert asked == [BreakSubject("instance", "user-2")]


def test_a_change_of_an_instance_that_is_gone_offers_nothing(shop: Stage) -> None:
    shop.show([service("payment")], [instance("payment-1")])
    assert menu_of_change(shop.panel, 0) is None
