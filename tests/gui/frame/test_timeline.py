"""The strip: chains by line, entries by click and by keyboard, and what they say to those who look longer."""

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QMenu, QScrollArea
from pytestqt.qtbot import QtBot

from app.core.breaking import BreakSubject
from app.core.focus import focus_on
from app.frame.chain_lines import LINE, tooltip
from app.frame.chains import TimelineEntries
from app.frame.entry_page import EntryPage
from app.frame.timeline import Timeline
from app.widgets.break_action import BreakLink
from app.widgets.button import Button
from app.widgets.chip import Chip
from embedded_services.contracts.timeline import TimelineEntry, TimelineSubject
from embedded_services.contracts.timeline import TimelineKind as Kind
from tests.helpers.qt import settle, texts
from tests.helpers.timeline import TRACE, Teller

LEFT = Qt.MouseButton.LeftButton


class Strip:
    def __init__(self, qtbot: QtBot, width: int = 1200) -> None:
        self.qtbot = qtbot
        self.teller = Teller()
        self.freeze = self.teller.freeze()
        self.kill = self.teller.kill()
        self.entries = TimelineEntries()
        self.entries.take(self.teller.told)
        self.view = Timeline()
        qtbot.addWidget(self.view)
        self.view.resize(width, 112)
        self.view.show_chains(self.entries.chains(), self.entries.total)
        self.view.show()
        settle()
        self.chosen: list[str] = []
        self.cleared: list[bool] = []
        self.view.entry_chosen.connect(self.chosen.append)
        self.view.cleared.connect(lambda: self.cleared.append(True))

    def click(self, entry: TimelineEntry) -> None:
        rect = self.view.lines.rect_of(entry.id)
        assert not rect.isEmpty()
        self.qtbot.mouseClick(self.view.lines, LEFT, pos=rect.center())

    def key(self, key: Qt.Key) -> None:
        self.qtbot.keyClick(self.view.lines, key)


@pytest.fixture
def strip(qtbot: QtBot) -> Strip:
    return Strip(qtbot)


def test_each_entry_is_clicked_by_itself(strip: Strip) -> None:
    for entry in (*strip.freeze, *strip.kill):
        strip.click(entry)
    assert strip.chosen == [entry.id for entry in (*strip.freeze, *strip.kill)]


def test_the_newest_chain_is_at_the_bottom_and_causes_are_left(strip: Strip) -> None:
    tops = [strip.view.lines.rect_of(chain[0].id).top() // LINE for chain in (strip.freeze, strip.kill)]
    assert tops == [0, 1]
    lefts = [strip.view.lines.rect_of(entry.id).left() for entry in strip.freeze]
    assert lefts == sorted(lefts)


def test_a_click_beside_an_entry_chooses_nothing(strip: Strip) -> None:
    strip.qtbot.mouseClick(strip.view.lines, LEFT, pos=QPoint(1190, 10))
    strip.qtbot.mouseClick(strip.view.lines, LEFT, pos=QPoint(5, 10))
    assert strip.chosen == []


def test_the_keyboard_reaches_every_entry(strip: Strip) -> None:
    lines = strip.view.lines
    lines.setFocus()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Right, Qt.Key.Key_Return):
        strip.key(key)
    assert strip.chosen == [strip.freeze[1].id]
    assert lines.accessibleDescription() == "payment-2 3 timeouts"
    strip.key(Qt.Key.Key_Left)
    strip.key(Qt.Key.Key_Down)
    strip.key(Qt.Key.Key_Space)
    assert strip.chosen[-1] == strip.kill[0].id


def test_what_an_entry_names_is_broken_by_its_menu_and_by_the_key(strip: Strip) -> None:
    lines, asked = strip.view.lines, list[tuple[BreakSubject, QRect]]()
    lines.break_requested.connect(lambda subject, place: asked.append((subject, place)))
    place = lines.rect_of(strip.kill[0].id).center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, lines.mapToGlobal(place))
    QApplication.sendEvent(lines, event)
    menu = lines.findChild(QMenu, "entryMenu")
    assert isinstance(menu, QMenu)
    menu.actions()[0].trigger()
    menu.close()
    subject, place_of_it = asked.pop()
    assert subject == BreakSubject("instance", "order-1")
    assert place_of_it.size() == lines.rect_of(strip.kill[0].id).size()
    assert strip.chosen == [], "what is broken is not chosen"
    strip.view.activateWindow()
    strip.qtbot.waitUntil(strip.view.isActiveWindow)
    lines.setFocus()
    strip.key(Qt.Key.Key_B)
    assert asked == [], "no entry is current"
    strip.click(strip.freeze[3])
    strip.key(Qt.Key.Key_B)
    assert asked.pop()[0] == BreakSubject("service", "payment")


def test_nothing_is_offered_beside_an_entry(strip: Strip) -> None:
    lines, beside = strip.view.lines, QPoint(1190, 10)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, beside, lines.mapToGlobal(beside))
    QApplication.sendEvent(lines, event)
    assert lines.findChild(QMenu, "entryMenu") is None


def test_what_the_panels_are_narrowed_to_is_said_and_taken_away(strip: Strip) -> None:
    freeze, *effects = strip.freeze
    strip.view.show_focus(focus_on(freeze, effects, "freeze payment-2"), freeze.id)
    chip = strip.view.findChild(Chip, "timelineFocus")
    assert isinstance(chip, Chip)
    assert "freeze payment-2" in chip.text
    assert not any("click again" in text for text in texts(strip.view))
    strip.qtbot.mouseClick(chip, LEFT)
    strip.view.lines.setFocus()
    strip.key(Qt.Key.Key_Escape)
    assert strip.cleared == [True, True]
    strip.view.show_focus(None, "")
    assert not chip.isVisibleTo(strip.view)


def test_what_has_no_room_is_counted_and_opens_its_chain(qtbot: QtBot) -> None:
    strip = Strip(qtbot, width=420)
    line = strip.view.lines._line(0)
    assert line.more == 4 - len(line.places) > 0
    strip.qtbot.mouseClick(strip.view.lines, LEFT, pos=QPoint(int(line.more_left) + 4, 10))
    assert strip.chosen == [strip.freeze[0].id]


def test_older_chains_are_reached_by_scrolling(strip: Strip) -> None:
    for _ in range(8):
        strip.teller.kill()
    strip.entries.take(strip.teller.told)
    strip.view.show_chains(strip.entries.chains(), strip.entries.total)
    settle()
    scroll = strip.view.findChild(QScrollArea, "timelineScroll")
    assert isinstance(scroll, QScrollArea)
    assert scroll.verticalScrollBar().maximum() == 7 * LINE
    assert scroll.verticalScrollBar().value() == 7 * LINE
    strip.view.lines.setFocus()
    for _ in range(10):
        strip.key(Qt.Key.Key_Up)
    assert scroll.verticalScrollBar().value() == 0
    strip.teller.kill()
    strip.entries.take(strip.teller.told)
    strip.view.show_chains(strip.entries.chains(), strip.entries.total)
    settle()
    assert scroll.verticalScrollBar().value() == 0, "what is read stays where it is"


def test_what_was_chosen_stays_in_sight_when_others_come(strip: Strip) -> None:
    freeze, *effects = strip.freeze
    strip.view.show_focus(focus_on(freeze, effects, "freeze payment-2"), freeze.id)
    for _ in range(6):
        strip.teller.kill()
    strip.entries.take(strip.teller.told)
    strip.view.show_chains(strip.entries.chains(), strip.entries.total)
    settle()
    scroll = strip.view.findChild(QScrollArea, "timelineScroll")
    assert isinstance(scroll, QScrollArea)
    top = scroll.verticalScrollBar().value()
    assert top <= strip.view.lines.rect_of(freeze.id).top() < top + 3 * LINE


def test_a_tooltip_has_the_absolute_time() -> None:
    _, timeouts, *_ = Teller().freeze()
    assert "2026-11-2" in tooltip(timeouts)
    assert "3 times" in tooltip(timeouts)


class TestPage:
    def test_it_leads_to_causes_effects_and_requests(self, qtbot: QtBot) -> None:
        teller = Teller()
        freeze, timeouts, breaker, _ = teller.freeze()
        entries = TimelineEntries()
        entries.take(teller.told)
        page = EntryPage()
        qtbot.addWidget(page)
        page.show_entry(timeouts, entries)
        page.show()
        asked: list[str] = []
        opened: list[tuple[str, object]] = []
        page.entry_requested.connect(asked.append)
        page.opened.connect(lambda panel, argument: opened.append((panel, argument)))
        for text in ("freeze payment-2", "payment-2 breaker open"):
            [link] = [button for button in page.findChildren(Button) if button.text() == text]
            qtbot.mouseClick(link, LEFT)
        assert asked == [freeze.id, breaker.id]
        [trace] = [button for button in page.findChildren(Button) if button.text().startswith("4bf92f")]
        qtbot.mouseClick(trace, LEFT)
        services = page.findChild(Button, "open-services")
        assert isinstance(services, Button)
        qtbot.mouseClick(services, LEFT)
        assert opened == [("gateway", TRACE), ("services", "payment-2")]

    def test_it_opens_what_there_is_of_it_and_nothing_else(self, qtbot: QtBot) -> None:
        teller = Teller()
        entry = teller.tell(Kind.SAGA_COMPENSATING, TimelineSubject(saga="s-1", step="pay"))
        page = EntryPage()
        qtbot.addWidget(page)
        page.show_entry(entry, TimelineEntries())
        enabled = {
            key: button.isEnabled()
            for key in ("services", "logs", "sagas", "events", "faults")
            if isinstance(button := page.findChild(Button, f"open-{key}"), Button)
        }
        assert enabled == {"services": False, "logs": False, "sagas": True, "events": False, "faults": False}

    def test_what_it_names_is_broken_from_it(self, qtbot: QtBot) -> None:
        teller = Teller()
        freeze, *_ = teller.freeze()
        named_nothing = teller.tell(Kind.LIMITS, TimelineSubject())
        entries = TimelineEntries()
        entries.take(teller.told)
        page = EntryPage()
        qtbot.addWidget(page)
        page.show_entry(freeze, entries)
        page.show()
        asked: list[BreakSubject] = []
        page.break_it.requested.connect(lambda subject, _: asked.append(subject))
        link = page.findChild(BreakLink)
        assert isinstance(link, BreakLink)
        qtbot.mouseClick(link, LEFT)
        assert asked == [BreakSubject("instance", "payment-2")]
        page.show_entry(named_nothing, entries)
        assert not link.isVisible()
