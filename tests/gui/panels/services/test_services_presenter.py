"""The panel joined to a system that the test plays: what is shown follows the stream, what is asked reaches the port."""

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QDialog, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.panels.services.services_model import Place
from app.panels.services.services_panel import ServicesPanel
from app.panels.services.services_presenter import ServicesPresenter
from embedded_services.client.errors import ControlError
from embedded_services.contracts.errors import ErrorDetail
from embedded_services.contracts.instances import Status
from tests.gui.panels.services.conftest import Stage
from tests.gui.panels.services.hands import (
    button,
    cell,
    click,
    find,
    journal,
    press,
    select,
    selected,
    status,
    stepper,
    steps,
)
from tests.gui.panels.services.shop import NOW, FakePort, change, frozen, instance, process, service
from tests.helpers.qt import eventually, texts


@pytest.fixture
async def panel(joined: ServicesPanel, port: FakePort) -> ServicesPanel:
    """Two services of two, all healthy."""
    tell(port)
    await eventually(lambda: joined.tree.row_of("payment-2").isValid())
    return joined


def tell(port: FakePort) -> None:
    rows = [instance(one) for one in ("user-1", "user-2", "payment-1", "payment-2")]
    port.tell([service("user"), service("payment")], rows, [process(row.id) for row in rows])


def is_stale(panel: ServicesPanel) -> bool:
    return panel.tree.is_stale


class TestWhatIsShown:
    async def test_it_waits_until_something_is_known(self, joined: ServicesPanel) -> None:
        assert joined.shown == "state"
        assert joined.state.title == "Waiting for the system"

    async def test_without_services_it_offers_to_register_one(
        self, joined: ServicesPanel, port: FakePort, qtbot: QtBot
    ) -> None:
        port.tell([], [])
        await eventually(lambda: joined.state.title == "There are no services")
        click(qtbot, next(one for one in joined.state.findChildren(QPushButton) if one.isVisible()))
        assert joined.dialog is not None
        joined.dialog.reject()

    async def test_it_counts_what_there_is(self, panel: ServicesPanel) -> None:
        assert "2 services · 4 instances · 4 in rotation" in texts(panel)

    async def test_a_change_of_status_shows_with_its_reason(
        self, panel: ServicesPanel, port: FakePort
    ) -> None:
        port.tell_instances(frozen("payment-2"))
        port.tell_changes(change(1, "payment-2", Status.HEALTHY, Status.FROZEN, reason="frozen by you"))
        await eventually(lambda: status(panel, "payment-2").startswith("Frozen · no reply to 3 checks"))
        assert status(panel, "payment") == "1 of 2 in rotation"
        assert status(panel, "payment-1") == "Healthy · takes all traffic"
        await eventually(lambda: journal(panel) == ["payment-2 healthy  →  frozen frozen by you"])

    async def test_instances_come_and_go(self, panel: ServicesPanel, port: FakePort) -> None:
        port.tell_instances(instance("user-3", status=Status.STARTING, in_rotation=False), removed=["user-1"])
        await eventually(
            lambda: panel.tree.row_of("user-3").isValid() and not panel.tree.row_of("user-1").isValid()
        )

    async def test_lost_contact_mutes_what_was_read_and_says_how_old_it_is(
        self, panel: ServicesPanel, port: FakePort, qtbot: QtBot
    ) -> None:
        select(qtbot, panel, "payment-1")
        port.clock.pass_time(12)
        port.lose()
        assert is_stale(panel)
        await eventually(lambda: status(panel, "payment-1") == "Healthy · last reading 12 s ago")
        assert "2 services · 4 instances · last reading 12 s ago" in texts(panel)
        assert cell(panel, "payment-1", Place.UP) == "6:03", "it is not known to have gone on"
        assert not button(panel, "user-1", "kill").isEnabled()
        assert not stepper(panel, "user").isEnabled()
        assert not any(
            one.isEnabled() for one in panel.actions() if one.text().startswith(("Kill", "Register"))
        )
        tell(port)
        await eventually(lambda: "4 in rotation" in " ".join(texts(panel)))
        assert not is_stale(panel)
        assert button(panel, "user-1", "kill").isEnabled()

    async def test_a_system_that_was_stopped_leaves_nothing_behind(
        self, panel: ServicesPanel, port: FakePort
    ) -> None:
        port.feed.forget()
        await eventually(lambda: panel.shown == "state")
        assert not panel.tree.row_of("user").isValid()


class TestActions:
    async def test_a_click_shows_at_once_and_until_it_has_happened(
        self, panel: ServicesPanel, port: FakePort, qtbot: QtBot
    ) -> None:
        assert port.client is not None
        click(qtbot, button(panel, "payment-1", "kill"))
        assert status(panel, "payment-1") == "Killing…"
        assert not button(panel, "payment-1", "kill").isEnabled()
        await eventually(lambda: port.client and port.client.asked == [("kill", "payment-1")])
        assert status(panel, "payment-1") == "Killing…", "the stream has not shown it yet"
        port.tell_instances(
            instance("payment-1", status=Status.STOPPED, in_rotation=False, pid=None, reason="killed by you")
        )
        await eventually(lambda: status(panel, "payment-1") == "Stopped · killed by you")

    async def test_what_changes_nothing_is_not_under_way_for_ever(
        self, panel: ServicesPanel, port: FakePort, qtbot: QtBot
    ) -> None:
        click(qtbot, button(panel, "payment-1", "other"))
        assert status(panel, "payment-1") == "Freezing…"
        await eventually(lambda: status(panel, "payment-1").startswith("Healthy"))

    async def test_a_refusal_is_said_and_the_row_is_as_it_was(
        self, panel: ServicesPanel, port: FakePort, qtbot: QtBot
    ) -> None:
        assert port.client is not None
        port.client.refusal = ControlError(
            "CONFLICT", "payment-1 is not linked yet; freeze it when it is healthy", 409
        )
        click(qtbot, button(panel, "payment-1", "other"))
        await eventually(lambda: "Payment-1 is not linked yet; freeze it when it is healthy." in texts(panel))
        assert status(panel, "payment-1").startswith("Healthy")
        click(qtbot, button(panel, "payment-1", "kill"))
        assert not panel.notice.isVisible(), "the next action takes the message away"
        await eventually(lambda: status(panel, "payment-1").startswith("Healthy"))

    async def test_without_a_system_it_says_what_to_do(
        self, panel: ServicesPanel, port: FakePort, qtbot: QtBot
    ) -> None:
        port.client = None
        click(qtbot, button(panel, "payment-1", "kill"))
        await eventually(lambda: "The system is not running." in texts(panel))

    async def test_a_second_click_does_not_ask_twice(
        self, panel: ServicesPanel, port: FakePort, qtbot: QtBot
    ) -> None:
        assert port.client is not None
        select(qtbot, panel, "payment-1")
        for _ in range(3):
            qtbot.keyClick(panel.tree, Qt.Key.Key_Delete)
        await eventually(lambda: status(panel, "payment-1").startswith("Healthy"))
        assert port.client.asked == [("kill", "payment-1")]

    async def test_replicas_asked_for_in_a_burst_are_sent_in_order_the_last_one_last(
        self, panel: ServicesPanel, port: FakePort, qtbot: QtBot
    ) -> None:
        assert port.client is not None
        for _ in range(3):
            click(qtbot, steps(panel, "user")[1])
        assert stepper(panel, "user").value == 5
        await eventually(lambda: port.client and port.client.asked[-1:] == [("replicas", "user", 5)])
        port.tell_services(service("user", 5))
        await eventually(lambda: stepper(panel, "user").value == 5)
        asked = [replicas for _, _, replicas in port.client.asked]
        assert asked == sorted(asked)

    async def test_refused_replicas_fall_back_to_what_is(
        self, panel: ServicesPanel, port: FakePort, qtbot: QtBot
    ) -> None:
        assert port.client is not None
        port.client.refusal = ControlError("VALIDATION_FAILED", "at most 64", 400)
        click(qtbot, steps(panel, "user")[1])
        await eventually(lambda: "At most 64." in texts(panel))
        assert stepper(panel, "user").value == 2

    async def test_a_panel_that_goes_in_the_middle_leaves_nothing(
        self, panel: ServicesPanel, port: FakePort, qtbot: QtBot
    ) -> None:
        stage = Stage()
        ServicesPresenter(stage.panel, stage.model, stage.journal, port, port.clock)
        stage.panel.show()
        tell(port)
        await eventually(lambda: stage.panel.tree.row_of("payment-1").isValid())
        click(qtbot, button(stage.panel, "payment-1", "kill"))
        await eventually(lambda: port.client and port.client.asked)
        stage.panel.deleteLater()
        await eventually(lambda: not shiboken6.isValid(stage.panel))
        tell(port)


class TestRegistration:
    async def fill(self, panel: ServicesPanel, qtbot: QtBot) -> QDialog:
        click(qtbot, find(panel, QPushButton, "registerInstance"))
        assert panel.dialog is not None
        qtbot.keyClicks(find(panel.dialog, QLineEdit, "id"), "ext-1")
        qtbot.keyClicks(find(panel.dialog, QLineEdit, "port"), "4000")
        click(qtbot, find(panel.dialog, QPushButton, "submit"))
        return panel.dialog

    async def test_a_registered_instance_is_selected_and_renewed(
        self, panel: ServicesPanel, port: FakePort, qtbot: QtBot
    ) -> None:
        assert port.client is not None
        said = QSignalSpy(panel.toast_requested)
        await self.fill(panel, qtbot)
        await eventually(lambda: panel.dialog is None)
        assert said.at(0) == ["ext-1 is registered."]
        port.tell_instances(instance("ext-1", service="user", external=True, pid=None, expires_at=NOW + 30))
        await eventually(lambda: selected(panel) == "ext-1")
        assert cell(panel, "ext-1", Place.NAME) == "ext-1  external"
        await port.clock.advance(25)
        assert port.client.asked[1:] == [("heartbeat", "user", "ext-1")] * 2

    async def test_one_that_the_system_forgot_is_not_renewed_any_more(
        self, panel: ServicesPanel, port: FakePort, qtbot: QtBot
    ) -> None:
        assert port.client is not None
        await self.fill(panel, qtbot)
        await eventually(lambda: panel.dialog is None)
        port.client.refusal = ControlError("UNREACHABLE", "nobody there")
        await port.clock.advance(10)
        port.client.refusal = ControlError("NOT_FOUND", "not registered", 404)
        await port.clock.advance(60)
        assert port.client.asked[1:] == [("heartbeat", "user", "ext-1")] * 2

    async def test_a_refusal_is_said_in_the_dialog_at_the_field_it_names(
        self, panel: ServicesPanel, port: FakePort, qtbot: QtBot
    ) -> None:
        assert port.client is not None
        details = [ErrorDetail(field="healthPath", message="must start with /")]
        port.client.refusal = ControlError("VALIDATION_FAILED", "the body is not valid", 400, details)
        dialog = await self.fill(panel, qtbot)
        await eventually(lambda: "The body is not valid." in texts(dialog))
        assert "must start with /" in texts(dialog)
        assert find(dialog, QPushButton, "submit").isEnabled()
        dialog.reject()

    async def test_removing_asks_first(self, panel: ServicesPanel, port: FakePort, qtbot: QtBot) -> None:
        assert port.client is not None
        port.tell_instances(instance("ext-1", service="user", external=True, pid=None))
        await eventually(lambda: panel.tree.row_of("ext-1").isValid())
        select(qtbot, panel, "ext-1")
        qtbot.keyClick(panel.tree, Qt.Key.Key_Delete)
        await eventually(lambda: panel.findChild(QDialog, "confirm"))
        dialog = find(panel, QDialog, "confirm")
        assert "Remove ext-1?" in texts(dialog)
        assert port.client.asked == []
        press(qtbot, dialog, "Remove")
        await eventually(lambda: port.client and port.client.asked == [("deregister", "user", "ext-1")])
        port.tell_instances(removed=["ext-1"])
        await eventually(lambda: not panel.tree.row_of("ext-1").isValid())
