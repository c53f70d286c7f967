"""The Events panel as a user meets it: the count, pause, filter, selection, dead letters, the dialog."""

import asyncio
from typing import TypeVar

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.core.breaking import BreakSubject
from app.panels.events.event_page import EventPage
from app.panels.events.letter_page import LetterPage
from app.panels.events.publish_dialog import PublishDialog
from app.panels.events.replay_dialog import ReplayDialog
from app.qt.columns import Role
from app.widgets.row_view import RowView
from app.widgets.state_view import StateView
from embedded_services.client.errors import ControlError
from embedded_services.contracts.errors import ErrorDetail
from embedded_services.contracts.events import NewEvent
from embedded_services.contracts.faults import Fault, FaultScope, FaultState, FaultTarget
from embedded_services.contracts.queues import Replay, ReplayGroup, ReplayOptions, is_handled
from tests.gui.panels.events import shop
from tests.gui.panels.events.conftest import Built, FakePort
from tests.helpers.qt import eventually, texts

Kind = TypeVar("Kind", bound=QWidget)


def child(owner: QWidget, kind: type[Kind], name: str = "") -> Kind:
    found = owner.findChild(kind, name) if name else owner.findChild(kind)
    assert isinstance(found, kind)
    return found


async def passed(built: Built, port: FakePort, count: int) -> None:
    port.connect()
    port.bus()
    port.pass_by(count)
    await eventually(lambda: built.model.book.get(port.fake.last))


def press(owner: QWidget, name: str) -> None:
    button = child(owner, QPushButton, name)
    assert button.isEnabled()
    button.click()


async def answer(owner: QWidget, *, yes: bool) -> str:
    """Answer the question that is asked, and give what it says."""
    await eventually(lambda: owner.findChild(QDialog, "confirm"))
    dialog = child(owner, QDialog, "confirm")
    said = " ".join(texts(dialog))
    dialog.accept() if yes else dialog.reject()
    await eventually(lambda: not owner.findChildren(QDialog, "confirm"))
    return said


# --- the list ---


async def test_count_is_a_promise(built: Built, port: FakePort) -> None:
    await passed(built, port, 100)
    bar = built.panel.list.bar
    assert (bar.count, bar.aside) == ("shown 100 of 100", "none skipped, none hidden")
    built.panel.list.toggle_following()
    port.pass_by(24)
    await eventually(lambda: bar.count == "shown 100 of 124 · paused")
    assert child(built.panel, QPushButton, "pauseEvents").text() == "Follow · 24 new"
    press(built.panel, "pauseEvents")
    await eventually(lambda: bar.count == "shown 124 of 124")


async def test_loss_is_said(built: Built, port: FakePort) -> None:
    port.fake.lost = {3, 4, 5}
    await passed(built, port, 20)
    port.bus(dropped=3)
    bar = built.panel.list.bar
    await eventually(lambda: bar.count == "shown 17 of 20")
    assert bar.aside == "3 lost by the tap"


async def test_selecting_an_event_stops_the_list_and_fills_the_inspector(
    built: Built, port: FakePort
) -> None:
    await passed(built, port, 30)
    asked = QSignalSpy(built.panel.inspector_requested)
    assert built.panel.list.select(21)
    page = asked.at(0)[0]
    assert isinstance(page, EventPage)
    assert page.subject == "order.created"
    assert '"id": "ord_21"' in page.payload.body.replace('":"', '": "')
    assert not built.panel.list.is_following
    press(page, "event-copy")
    await eventually(lambda: "ord_21" in QGuiApplication.clipboard().text())
    press(page, "event-trace")
    await eventually(lambda: built.panel.list.bar.count == "shown 10 of 30 · paused")


async def test_event_that_is_on_its_way_opens_once_it_is_here(built: Built, port: FakePort) -> None:
    await passed(built, port, 30)
    port.pass_by(300, sent=1)
    await eventually(lambda: built.model.rowCount() == 330)
    assert built.panel.list.select(120)
    assert built.panel.event_page.row is None
    await eventually(lambda: built.panel.event_page.row and built.panel.event_page.row.seq == 120)


async def test_what_services_say_reaches_the_inspector(built: Built, port: FakePort) -> None:
    await passed(built, port, 30)
    built.panel.list.select(21)
    seen = port.fake.make(21)
    told = shop.handled(seen)
    assert told is not None
    port.handle(told)
    await eventually(lambda: len(built.panel.event_page.route.steps) == 4)
    assert built.panel.event_page.route.steps[-1].mark == "check"


async def test_filter_that_nothing_passes_offers_to_be_cleared(built: Built, port: FakePort) -> None:
    await passed(built, port, 10)
    built.panel.list.bar.field.setText("nothing of the kind")
    none = child(built.panel, StateView, "noEvents")
    await eventually(lambda: none.isVisible() and none.title == "No event passes the filter")
    assert built.panel.list.bar.count == "shown 0 of 10"
    none.action_requested.emit()
    await eventually(lambda: built.model.rowCount() == 10)


async def test_type_that_is_no_pattern_is_not_asked_for(built: Built, port: FakePort, qtbot: QtBot) -> None:
    await passed(built, port, 10)
    field = child(built.panel.list, QLineEdit, "type")
    asked = len(port.fake.asked)
    field.setText("order..")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert child(built.panel, QWidget, "types").property("invalid") == "true"
    await asyncio.sleep(0.05)
    assert not [query for query in port.fake.asked[asked:] if query.type]


async def test_menu_of_a_row(built: Built, port: FakePort) -> None:
    await passed(built, port, 10)
    view = built.panel.list.view
    view.row_menu_requested.emit(built.model.row(0), view.mapToGlobal(view.rect().center()))
    menu = child(built.panel, QMenu, "eventMenu")
    assert menu.actions()[3].text() == "Only user.created"
    menu.actions()[3].trigger()
    menu.close()
    await eventually(lambda: built.panel.list.bar.count.startswith("shown 1 of 10"))


async def test_logs_open_at_the_moment(built: Built, port: FakePort) -> None:
    await passed(built, port, 10)
    gone = QSignalSpy(built.panel.navigation_requested)
    built.panel.list.select(7)
    press(built.panel.event_page, "event-logs")
    assert list(gone.at(0)) == ["logs", ("", 7.0)]


async def test_panel_opens_at_a_trace_or_a_number(built: Built, port: FakePort) -> None:
    await passed(built, port, 12)
    built.panel.open_at(f"{1:032x}")
    await eventually(lambda: built.panel.list.bar.count == "shown 4 of 12")
    built.panel.open_at(7)
    row = built.panel.event_page.row
    assert row is not None
    assert row.seq == 7


async def test_no_event_yet_says_so_and_offers_one(built: Built, port: FakePort) -> None:
    port.connect()
    port.bus()
    none = child(built.panel, StateView, "noEvents")
    await eventually(lambda: none.isVisible() and none.title == "No event yet")
    none.action_requested.emit()
    child(built.panel, PublishDialog).reject()


async def test_absent_broker_and_what_waits_are_told(built: Built, port: FakePort) -> None:
    port.connect()
    port.bus()
    port.bus(connected=False, problem="connection refused")
    port.outbox("order-1", 37, connected=False, at=shop.NOW)
    await eventually(lambda: "37 events wait in the outboxes" in built.panel.absence)
    built.panel.queues.show_page("outboxes")
    assert built.panel.queues.told.startswith("37 wait for the broker since ")
    port.bus()
    await eventually(lambda: built.panel.absence == "")


async def test_queues_and_those_who_wait_are_broken_by_the_key(
    built: Built, port: FakePort, qtbot: QtBot
) -> None:
    port.connect()
    port.bus()
    port.outbox("order-1", 37, connected=False, at=shop.NOW)
    port.set("queues", **shop.queues())
    built.panel.activateWindow()
    await eventually(built.panel.isActiveWindow)
    asked: list[BreakSubject] = []
    built.panel.break_requested.connect(lambda subject, _: asked.append(subject))
    for page, wanted in (
        ("queues", BreakSubject("queue", "notification.events")),
        ("outboxes", BreakSubject("instance", "order-1")),
    ):
        built.panel.queues.show_page(page)
        view = child(built.panel, RowView, page)
        await eventually(view.model().rowCount)
        names = [view.model().index(row, 0).data() for row in range(view.model().rowCount())]
        view.select_index(view.model().index(names.index(wanted.name), 0))
        view.setFocus()
        qtbot.keyClick(view, Qt.Key.Key_B)
        assert asked.pop() == wanted
    built.panel.queues.show_page("queues")
    view = child(built.panel, RowView, "queues")
    for row in range(view.model().rowCount()):
        view.select_index(view.model().index(row, 0))
        view.setFocus()
        qtbot.keyClick(view, Qt.Key.Key_B)
        assert is_handled(asked.pop().name), "waiting rooms and dead letters belong to a queue"


async def test_queue_wears_what_acts_on_it_until_it_is_over(built: Built, port: FakePort) -> None:
    port.connect()
    port.bus()
    port.set("queues", **shop.queues())
    view = child(built.panel, RowView, "queues")
    await eventually(view.model().rowCount)
    poison = Fault(
        id="f", kind="handler-failure", target=FaultTarget(queue="order.events"), params={}, probability=0.2,
        scope=FaultScope.REQUEST, seed=1, ttl=60, state=FaultState.ACTIVE, armed_at=1.0, expires_at=61.0,
    )  # fmt: skip

    def tagged() -> list[str]:
        rows = [view.model().index(row, 0) for row in range(view.model().rowCount())]
        return [
            f"{index.data()}: {span.text}"
            for index in rows
            for span in index.data(Role.LOOK).spans
            if span.tag and span.text in index.data(Qt.ItemDataRole.ToolTipRole)
        ]

    port.set("faults", f=poison)
    await eventually(lambda: tagged() == ["order.events: handler-failure"])
    port.set("faults", f=msgspec.structs.replace(poison, state=FaultState.EXPIRED))
    await eventually(lambda: not tagged())


async def test_every_control_has_a_name(built: Built, port: FakePort) -> None:
    await passed(built, port, 1)
    port.set("dead-letters", **shop.letters())
    await eventually(lambda: len(built.panel.dead.blocks) == 2)
    for name in (
        "eventList",
        "types",
        "eventFilter",
        "pauseEvents",
        "publish",
        "queuePages",
        "openGroup",
        "discardGroup",
    ):
        widget = child(built.panel, QWidget, name)
        assert widget.accessibleName() or child(built.panel, QPushButton, name).text()


# --- dead letters ---


async def lying(built: Built, port: FakePort) -> None:
    port.connect()
    port.fake.letters = shop.letters()
    port.bus(letters=9)
    port.set("dead-letters", **port.fake.letters)
    await eventually(lambda: len(built.panel.dead.blocks) == 2)


async def replaying(owner: QWidget) -> ReplayDialog:
    await eventually(lambda: owner.findChild(ReplayDialog))
    return child(owner, ReplayDialog)


async def replay(owner: QWidget, *, yes: bool = True) -> str:
    """Answer how to replay with what is offered, and give what that is said to do."""
    dialog = await replaying(owner)
    said = " ".join(texts(dialog))
    dialog.accept() if yes else dialog.reject()
    await eventually(lambda: not owner.findChildren(ReplayDialog))
    return said


async def test_group_is_replayed_after_saying_what_that_does(built: Built, port: FakePort) -> None:
    await lying(built, port)
    block = built.panel.dead.blocks[1]
    press(block, "replayGroup")
    said = await replay(built.panel)
    assert "to notification.events alone" in said
    assert "passes over it" in said
    await eventually(lambda: port.fake.replays)
    assert (port.fake.replays[0].to, port.fake.replays[0].keep_id) == ("queue", True), "nobody acts twice"
    group = ReplayGroup(queue="notification.events.dead", reason=shop.MISSING, type="order.created")
    assert port.fake.replays[0].group == group
    running = Replay(id="replay_1", at=shop.NOW, total=7, done=4, failed=0, state="running")
    port.set("replays", replay_1=running)
    await eventually(lambda: "4 of 7 replayed" in texts(block))
    assert not child(built.panel, QPushButton, "replayAll").isEnabled()
    press(block, "stopReplay")
    await eventually(lambda: port.fake.stopped == ["replay_1"])


async def test_end_of_a_replay_is_told_once(built: Built, port: FakePort) -> None:
    await lying(built, port)
    told = QSignalSpy(built.panel.toast_requested)
    press(built.panel.dead.blocks[1], "replayGroup")
    await replay(built.panel)
    await eventually(lambda: port.fake.replays)
    done = Replay(id="replay_1", at=shop.NOW, total=7, done=6, failed=1, state="done", problem="no queue")
    port.set("replays", replay_1=done)
    await eventually(lambda: told.count() == 1)
    assert told.at(0)[0] == "6 of 7 replayed · 1 not sent: no queue"
    port.remove("dead-letters", "dl-1")
    await eventually(lambda: "6 messages" in " ".join(texts(built.panel.dead)))
    assert told.count() == 1


async def test_all_are_replayed_with_progress_in_the_head(built: Built, port: FakePort) -> None:
    await lying(built, port)
    press(built.panel, "replayAll")
    await replay(built.panel)
    await eventually(lambda: port.fake.replays)
    assert port.fake.replays[0].group == ReplayGroup()
    port.set("replays", replay_1=Replay(id="replay_1", at=1.0, total=9, done=2, failed=0, state="running"))
    await eventually(lambda: "2 of 9 replayed" in texts(built.panel.dead))
    press(built.panel, "stopAll")
    await eventually(lambda: port.fake.stopped == ["replay_1"])


async def test_each_way_to_replay_is_said_before_it_is_taken(built: Built, port: FakePort) -> None:
    await lying(built, port)
    press(built.panel.dead.blocks[1], "replayGroup")
    dialog = await replaying(built.panel)
    dialog.to.choice_requested.emit("exchange")
    assert "exchange events with the key order.created: all who react" in " ".join(texts(dialog))
    assert "passes over it" in " ".join(texts(dialog))
    dialog.keep_id.setChecked(False)
    assert "services that have handled it act again" in " ".join(texts(dialog))
    dialog.to.choice_requested.emit("queue")
    assert "the service acts even if it has handled it" in " ".join(texts(dialog))
    dialog.to.choice_requested.emit("exchange")
    dialog.accept()
    await eventually(lambda: port.fake.replays)
    assert (port.fake.replays[0].to, port.fake.replays[0].keep_id) == ("exchange", False)


async def test_no_is_no(built: Built, port: FakePort) -> None:
    await lying(built, port)
    press(built.panel, "replayAll")
    await replay(built.panel, yes=False)
    assert not port.fake.replays


async def test_discarding_a_group_is_confirmed(built: Built, port: FakePort) -> None:
    await lying(built, port)
    child(built.panel.dead.blocks[0], QToolButton, "discardGroup").click()
    assert "for good" in await answer(built.panel, yes=True)
    await eventually(lambda: sorted(port.fake.discarded) == ["dl-7", "dl-8"])


async def test_one_letter_is_looked_at_and_sent_again(built: Built, port: FakePort) -> None:
    await lying(built, port)
    asked = QSignalSpy(built.panel.inspector_requested)
    block = built.panel.dead.blocks[1]
    child(block, QToolButton, "openGroup").click()
    block.letter_selected.emit(port.fake.letters["dl-3"])
    page = asked.at(0)[0]
    assert isinstance(page, LetterPage)
    assert "exchange events, key order.created" in " ".join(texts(page))
    press(page, "letter-replay")
    await replay(built.panel)
    options = ReplayOptions(to="queue", keep_id=True)
    await eventually(lambda: port.fake.replayed == [("dl-3", options)])
    port.remove("dead-letters", "dl-3")
    await eventually(lambda: not child(page, QPushButton, "letter-replay").isEnabled())


async def test_the_queue_of_dead_letters_is_broken_beside_them(
    built: Built, port: FakePort, qtbot: QtBot
) -> None:
    await lying(built, port)
    asked: list[BreakSubject] = []
    built.panel.break_requested.connect(lambda subject, _: asked.append(subject))
    wanted = BreakSubject("queue", "notification.events")
    built.panel.activateWindow()
    await eventually(built.panel.isActiveWindow)
    block = built.panel.dead.blocks[1]
    opened = child(block, QToolButton, "openGroup")
    opened.setFocus()
    qtbot.keyClick(opened, Qt.Key.Key_B)
    assert asked.pop() == wanted
    place = block.rect().center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, block.mapToGlobal(place))
    QApplication.sendEvent(block, event)
    menu = child(block, QMenu, "letterMenu")
    menu.actions()[0].trigger()
    menu.close()
    assert asked.pop() == wanted
    block.letter_selected.emit(port.fake.letters["dl-3"])
    built.panel.letter_page.break_it.click()
    assert asked == [wanted]


async def test_one_thing_is_selected_at_a_time(built: Built, port: FakePort) -> None:
    await lying(built, port)
    port.pass_by(5)
    await eventually(lambda: built.model.book.get(5))
    built.panel.list.select(4)
    built.panel.dead.letter_selected.emit(port.fake.letters["dl-3"])
    assert built.panel.list.view.selected_row() is None
    assert built.panel.selected_letter == "dl-3"
    built.panel.list.select(4)
    assert built.panel.selected_letter == ""


async def test_refusal_is_told_beside_the_letters(built: Built, port: FakePort) -> None:
    await lying(built, port)
    port.fake.refuse = ControlError("CONFLICT", "it stays where it is: no queue took it", 409)
    built.panel.dead.letter_selected.emit(port.fake.letters["dl-3"])
    press(built.panel.letter_page, "letter-replay")
    await replay(built.panel)
    await eventually(lambda: "no queue took it" in built.panel.dead.notice.message.text)
    assert child(built.panel.letter_page, QPushButton, "letter-replay").isEnabled()


async def test_letter_is_mended_and_sent_again(built: Built, port: FakePort) -> None:
    await lying(built, port)
    built.panel.dead.letter_selected.emit(port.fake.letters["dl-3"])
    press(built.panel.letter_page, "letter-edit")
    await eventually(lambda: built.panel.findChild(PublishDialog))
    dialog = child(built.panel, PublishDialog)
    child(dialog, QPlainTextEdit, "data").setPlainText('{"id": "mended"}')
    press(dialog, "submit")
    await eventually(lambda: port.fake.replayed)
    letter, options = port.fake.replayed[0]
    assert letter == "dl-3"
    assert options is not None
    assert options.body is not None
    assert '"data": {"id": "mended"}' in options.body
    assert '"version": "1.0"' in options.body
    assert (options.to, options.keep_id) == ("queue", True)


async def test_letter_that_becomes_another_event_goes_to_all_who_want_it(
    built: Built, port: FakePort
) -> None:
    await lying(built, port)
    built.panel.dead.letter_selected.emit(port.fake.letters["dl-3"])
    press(built.panel.letter_page, "letter-edit")
    await eventually(lambda: built.panel.findChild(PublishDialog))
    dialog = child(built.panel, PublishDialog)
    child(dialog, QLineEdit, "type").setText("order.updated")
    press(dialog, "submit")
    await eventually(lambda: port.fake.replayed)
    options = port.fake.replayed[0][1]
    assert options is not None
    assert (options.to, options.keep_id) == ("exchange", False)


# --- publishing ---


def write(dialog: PublishDialog, type_: str, data: str) -> None:
    child(dialog, QLineEdit, "type").setText(type_)
    child(dialog, QPlainTextEdit, "data").setPlainText(data)


async def test_event_is_written_and_published(built: Built, port: FakePort) -> None:
    await passed(built, port, 1)
    told = QSignalSpy(built.panel.toast_requested)
    press(built.panel, "publish")
    dialog = child(built.panel, PublishDialog)
    write(dialog, "thing.done", '{"n": 1}')
    press(dialog, "submit")
    await eventually(lambda: port.fake.published)
    assert port.fake.published == [NewEvent(type="thing.done", data={"n": 1}, source="person")]
    await eventually(lambda: told.count() == 1)
    assert "msg_new" in told.at(0)[0]


async def test_wrong_json_is_told_while_it_is_typed(built: Built, port: FakePort) -> None:
    await passed(built, port, 1)
    press(built.panel, "publish")
    dialog = child(built.panel, PublishDialog)
    write(dialog, "thing.done", '{"n": }')
    await eventually(lambda: "Line 1, column 7: Expecting value" in texts(dialog))
    press(dialog, "submit")
    assert not port.fake.published
    dialog.reject()


async def test_what_the_system_refuses_stays_in_the_dialog(built: Built, port: FakePort) -> None:
    await passed(built, port, 1)
    press(built.panel, "publish")
    dialog = child(built.panel, PublishDialog)
    write(dialog, "thing.done", "{}")
    detail = ErrorDetail(field="type", message="not this one")
    port.fake.refuse = ControlError("VALIDATION_FAILED", "that is no event", 400, [detail])
    press(dialog, "submit")
    await eventually(lambda: "not this one" in texts(dialog))
    assert child(dialog, QPushButton, "submit").isEnabled()
    dialog.reject()


async def test_event_is_published_again_as_it_was(built: Built, port: FakePort) -> None:
    await passed(built, port, 5)
    built.panel.list.select(4)
    press(built.panel.event_page, "event-again")
    await eventually(lambda: port.fake.published)
    assert port.fake.published[0].data == {"id": "ord_4", "status": "pending"}
    press(built.panel.event_page, "event-edit")
    await eventually(lambda: built.panel.findChild(PublishDialog))
    dialog = child(built.panel, PublishDialog)
    assert '"id": "ord_4"' in child(dialog, QPlainTextEdit, "data").toPlainText()
    dialog.reject()


@pytest.mark.parametrize("keys", ["Ctrl+N", "Ctrl+F", "Ctrl+L", "Ctrl+Shift+L"])
def test_panel_has_its_keys(built: Built, keys: str) -> None:
    assert keys in [action.shortcut().toString() for action in built.panel.actions()]
