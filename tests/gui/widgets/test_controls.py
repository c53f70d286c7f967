"""The small controls: what they ask for, by mouse and by keyboard, and what they show."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import QFrame, QWidget
from pytestqt.qtbot import QtBot

from app.core.messages import UserMessage
from app.qt.theme import theme
from app.qt.tokens import Face
from app.widgets.button import Button, IconButton
from app.widgets.chip import Chip
from app.widgets.copyable_id import CopyableId, shortened
from app.widgets.fact_list import Fact, FactList
from app.widgets.filter_field import FilterField
from app.widgets.label import ElidedLabel, Label
from app.widgets.notice import Notice, Toast
from app.widgets.segmented_toggle import SegmentedToggle
from app.widgets.state_view import StateView
from app.widgets.status_lamp import StatusLamp
from app.widgets.status_pill import StatusPill
from app.widgets.stepper import Stepper
from tests.helpers.qt import eventually, texts

LEFT = Qt.MouseButton.LeftButton


def shown(qtbot: QtBot, widget: QWidget) -> None:
    qtbot.addWidget(widget)
    widget.adjustSize()
    widget.show()


class TestStepper:
    def test_each_click_asks_for_one_more_than_was_asked(self, qtbot: QtBot) -> None:
        stepper = Stepper("replicas", 0, 4)
        shown(qtbot, stepper)
        stepper.set_value(2)
        asked: list[int] = []
        stepper.value_requested.connect(asked.append)
        less, more = stepper.findChildren(IconButton)
        qtbot.mouseClick(more, LEFT)
        qtbot.mouseClick(more, LEFT)
        assert asked == [3, 4]
        assert not more.isEnabled()
        qtbot.mouseClick(less, LEFT)
        assert asked[-1] == 3

    def test_keys_do_the_same_and_bounds_hold(self, qtbot: QtBot) -> None:
        stepper = Stepper("replicas", 0, 2)
        shown(qtbot, stepper)
        asked: list[int] = []
        stepper.value_requested.connect(asked.append)
        for key in (Qt.Key.Key_Minus, Qt.Key.Key_Up, Qt.Key.Key_Plus, Qt.Key.Key_Plus):
            qtbot.keyClick(stepper, key)
        assert asked == [1, 2]


class TestSegmentedToggle:
    def test_a_click_on_another_segment_asks_for_it(self, qtbot: QtBot) -> None:
        toggle = SegmentedToggle("Strategy", {"rr": "round-robin", "rnd": "random"})
        shown(qtbot, toggle)
        asked: list[str] = []
        toggle.choice_requested.connect(asked.append)
        qtbot.mouseClick(toggle, LEFT, pos=QPoint(toggle.width() - 8, 10))
        qtbot.mouseClick(toggle, LEFT, pos=QPoint(toggle.width() - 8, 10))
        assert asked == ["rnd"]
        assert toggle.accessibleName() == "Strategy: random"

    def test_arrow_keys_walk_through_it(self, qtbot: QtBot) -> None:
        toggle = SegmentedToggle("Strategy", {"a": "A", "b": "B", "c": "C"})
        shown(qtbot, toggle)
        for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left):
            qtbot.keyClick(toggle, key)
        assert toggle.choice == "b"

    def test_what_is_no_choice_is_refused(self, qtbot: QtBot) -> None:
        toggle = SegmentedToggle("Strategy", {"a": "A"})
        qtbot.addWidget(toggle)
        with pytest.raises(KeyError):
            toggle.set_choice("z")


class TestFilterField:
    async def test_it_tells_once_the_typing_pauses(self, qtbot: QtBot) -> None:
        field = FilterField()
        shown(qtbot, field)
        told: list[str] = []
        field.filter_changed.connect(told.append)
        qtbot.keyClicks(field, "pay")
        assert told == []
        await eventually(lambda: told == ["pay"])

    def test_return_tells_at_once_and_escape_clears(self, qtbot: QtBot) -> None:
        field = FilterField()
        shown(qtbot, field)
        told: list[str] = []
        field.filter_changed.connect(told.append)
        qtbot.keyClicks(field, "pay")
        qtbot.keyClick(field, Qt.Key.Key_Return)
        qtbot.keyClick(field, Qt.Key.Key_Escape)
        assert told == ["pay", ""]


class TestButton:
    def test_a_busy_button_keeps_its_width_and_takes_no_click(self, qtbot: QtBot) -> None:
        button = Button("Send", "send", "primary")
        shown(qtbot, button)
        clicks: list[bool] = []
        button.clicked.connect(lambda: clicks.append(True))
        width = button.sizeHint().width()
        button.set_busy(True)
        qtbot.mouseClick(button, LEFT)
        assert (clicks, button.sizeHint().width(), button.is_busy) == ([], width, True)
        button.set_busy(False)
        qtbot.mouseClick(button, LEFT)
        assert len(clicks) == 1

    async def test_progress_shows_when_there_is_no_result_by_then(self, qtbot: QtBot) -> None:
        button = Button("Send")
        shown(qtbot, button)
        calm = button.grab().toImage()
        button.set_busy(True)
        await eventually(lambda: button.grab().toImage() != calm)
        button.set_busy(False)


class TestIds:
    def test_both_ends_are_kept(self) -> None:
        assert shortened("01JD4F0000009X8QK") == "01JD4F0…8QK"
        assert shortened("short") == "short"

    def test_a_click_copies_the_whole(self, qtbot: QtBot) -> None:
        shown_id = CopyableId("01JD4F0000009X8QK")
        shown(qtbot, shown_id)
        qtbot.mouseClick(shown_id, LEFT)
        assert QGuiApplication.clipboard().text() == "01JD4F0000009X8QK"
        assert shown_id.text() == "copied"


def test_a_chip_can_be_taken_away_by_mouse_and_key(qtbot: QtBot) -> None:
    chip = Chip("Only payment-2", closable=True)
    shown(qtbot, chip)
    closed: list[int] = []
    chip.closed.connect(lambda: closed.append(1))
    qtbot.mouseClick(chip, LEFT)
    qtbot.keyClick(chip, Qt.Key.Key_Delete)
    assert closed == [1, 1]


def test_a_label_keeps_its_look_when_it_moves_to_another_place(qtbot: QtBot) -> None:
    label, first, second = Label("127.0.0.1:3000"), QWidget(), QFrame()
    label.setParent(first)
    shown(qtbot, first)
    label.set_face("mono")
    label.set_tone("text_muted")
    shown(qtbot, second)
    second.setProperty("region", "card")
    first.setParent(second)
    first.show()
    assert label.font().families() == theme().font("mono").families()
    assert label.palette().color(QPalette.ColorRole.WindowText) == theme().color("text_muted")


def test_text_that_is_cut_is_whole_in_the_tooltip(qtbot: QtBot) -> None:
    label = ElidedLabel("a workspace with a very long name")
    shown(qtbot, label)
    label.resize(400, 20)
    assert label.toolTip() == ""
    label.resize(60, 20)
    assert label.toolTip() == "a workspace with a very long name"


def test_facts_change_without_new_widgets(qtbot: QtBot) -> None:
    facts = FactList()
    shown(qtbot, facts)
    facts.set_facts([Fact("Port", "3001"), Fact("PID", "7", face="mono")])
    widgets = facts.children()
    facts.set_facts([Fact("Port", "3002")])
    assert facts.children() == widgets
    assert texts(facts) == ["Port", "3002"]


class TestNotice:
    def test_it_is_hidden_until_there_is_something_and_copies_all_of_it(self, qtbot: QtBot) -> None:
        notice = Notice()
        qtbot.addWidget(notice)
        assert notice.isHidden()
        notice.show_message(UserMessage("It broke.", "Mend it.", "0xdead"))
        [copy] = [button for button in notice.findChildren(Button) if button.text() == "Copy"]
        qtbot.mouseClick(copy, LEFT)
        assert QGuiApplication.clipboard().text() == "It broke.\nMend it.\n0xdead"
        assert texts(notice)[:2] == ["It broke.", "Mend it."]
        notice.clear()
        assert notice.isHidden()

    def test_a_toast_stays_inside_its_window(self, qtbot: QtBot) -> None:
        window = QWidget()
        shown(qtbot, window)
        window.resize(800, 600)
        toast = Toast(window)
        toast.say("The control plane ended and was started again.")
        assert window.rect().contains(toast.geometry())
        window.resize(400, 300)
        assert window.rect().contains(toast.geometry())
        toast.clear()


class TestStates:
    def test_each_says_one_thing_and_offers_one_action(self, qtbot: QtBot) -> None:
        view = StateView()
        shown(qtbot, view)
        asked: list[int] = []
        view.action_requested.connect(lambda: asked.append(1))
        view.show_empty("No requests yet", "Send one.", "Send a request")
        [action] = [button for button in view.findChildren(Button) if button.isVisible()]
        qtbot.mouseClick(action, LEFT)
        assert (asked, texts(view)) == ([1], ["No requests yet", "Send one."])
        view.show_loading("Starting")
        assert not action.isVisible()
        view.show_error(UserMessage("It cannot start.", "Free the port.", "log line"))
        assert texts(view) == ["It cannot start.", "Free the port.", "log line"]


@pytest.mark.parametrize(("text", "face"), [("3001", "small"), ("127.0.0.1", "mono")])
def test_facts_keep_their_faces_when_the_theme_changes(qtbot: QtBot, text: str, face: Face) -> None:
    """A new style sheet would give each label the font back that it was made with."""
    facts = FactList()
    facts.set_facts([Fact("value", text, face=face)])
    shown(qtbot, facts)
    theme().choose("light")
    [value] = facts.findChildren(ElidedLabel)
    assert value.font() == theme().font(face)


@pytest.mark.parametrize(
    "status", ["healthy", "unhealthy", "frozen", "starting", "draining", "stopped", "unknown"]
)
def test_lamps_are_told_apart_without_colour(qtbot: QtBot, status: str) -> None:
    lamp, unlike = StatusLamp(status, 16), StatusLamp("injected", 16)
    for widget in (lamp, unlike):
        qtbot.addWidget(widget)
    grey = [
        widget.grab().toImage().convertToFormat(widget.grab().toImage().Format.Format_Grayscale8)
        for widget in (lamp, unlike)
    ]
    assert grey[0] != grey[1]
    assert lamp.accessibleName() == status


def test_a_pill_says_its_word_and_figure(qtbot: QtBot) -> None:
    pill = StatusPill()
    shown(qtbot, pill)
    pill.set_status("degraded", "degraded: payment", "7/8")
    assert pill.accessibleName() == "degraded: payment 7/8"
    assert pill.grab().toImage().pixelColor(30, 14).name() != theme().color("surface").name()
