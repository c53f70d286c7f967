"""The Events panel on a system that runs: an event is published, fails, lies dead, is mended and handled."""

import json
from collections.abc import Iterator
from functools import partial

import pytest
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from app.core.feed import BUS, DEAD_LETTERS
from app.panels.events.event_filter import EventFilter
from app.panels.events.publish_dialog import PublishDialog
from embedded_services.contracts.events import BusState, NewEvent
from embedded_services.contracts.system import Ready
from tests.gui.panels.events.conftest import Built, build
from tests.gui.panels.events.test_events_panel import answer, child, press, replay
from tests.helpers.live import LivePort, live_port, served
from tests.helpers.qt import eventually

BROKEN = {"template": "welcome", "data": {"name": "Ann", "email": "ann@faultdeck.local"}}


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    with served(tmp_path_factory.mktemp("workspace")) as ready:
        yield ready


def verdict(built: Built, seq: int) -> str:
    row = built.model.book.get(seq)
    return "" if row is None else built.model.handled.of(row.message_id).verdict


def shown(built: Built) -> set[str]:
    groups = [block.group for block in built.panel.dead.blocks]
    return {letter.id for group in groups if group is not None for letter in group.letters}


async def connected(port: LivePort, built: Built) -> None:
    await eventually(lambda: built.panel.shown == "content" and built.panel.absence == "")
    await eventually(lambda: {row.kind for row in built.panel.queues.queues.rows()} >= {"queue", "dead"})
    await eventually(lambda: built.model.book.is_bounded)


async def test_dead_letter_is_mended_and_handled(ready: Ready, qtbot: QtBot) -> None:
    async with live_port(ready) as port:
        built = build(port, qtbot)
        await connected(port, built)
        press(built.panel, "publish")
        dialog = child(built.panel, PublishDialog)
        child(dialog, QLineEdit, "type").setText("notification.send")
        child(dialog, QPlainTextEdit, "data").setPlainText(json.dumps(BROKEN))
        press(dialog, "submit")
        await eventually(lambda: len(built.panel.dead.blocks) == 1)
        [letter] = port.feed.rows(DEAD_LETTERS).values()
        assert "userId" in letter.reason
        seq = built.model.book.last
        await eventually(lambda: verdict(built, seq) == "dead")
        built.panel.dead.letter_selected.emit(letter)
        press(built.panel.letter_page, "letter-edit")
        await eventually(lambda: built.panel.findChild(PublishDialog))
        dialog = child(built.panel, PublishDialog)
        mended = json.dumps({**BROKEN, "userId": "usr_demo"})
        child(dialog, QPlainTextEdit, "data").setPlainText(mended)
        press(dialog, "submit")
        await eventually(lambda: not built.panel.dead.blocks)
        await eventually(lambda: verdict(built, seq) == "done")
        assert built.model.book.last == seq, "nobody else was told again"
        await eventually(lambda: not child(built.panel.letter_page, QPushButton, "letter-replay").isEnabled())
        await built.end()


async def test_group_is_replayed_and_fails_again_or_is_discarded(ready: Ready, qtbot: QtBot) -> None:
    async with live_port(ready) as port:
        built = build(port, qtbot)
        await connected(port, built)
        for _ in range(5):
            await port.control().publish_event(NewEvent(type="email.send", data={"to": "nobody"}))
        letters = partial(port.feed.rows, DEAD_LETTERS)
        await eventually(lambda: len(letters()) == 5 and len(built.panel.dead.blocks) == 1)
        press(built.panel, "replayAll")
        assert "alone: services that have handled it are not asked" in await replay(built.panel)
        await eventually(lambda: [letter.replays for letter in letters().values()] == [1] * 5)
        await eventually(lambda: shown(built) == set(letters()))
        discard = child(built.panel.dead.blocks[0], QToolButton, "discardGroup")
        await eventually(discard.isEnabled)
        discard.click()
        await answer(built.panel, yes=True)
        await eventually(lambda: not letters())
        await built.end()


async def test_history_is_searched_and_outlives_the_window(ready: Ready, qtbot: QtBot) -> None:
    async with live_port(ready) as port:
        await eventually(lambda: port.feed.link.is_live)
        for number in range(30):
            await port.control().publish_event(NewEvent(type="search.me", data={"id": f"thing-{number}"}))
        built = build(port, qtbot)
        await connected(port, built)
        built.panel.filter_to(EventFilter(type="search.*", text="THING-2"))
        await eventually(lambda: built.model.matches == 11)
        assert built.model.found[0].what == "thing-29"
        assert built.panel.list.bar.count.startswith("shown 11 of ")
        await port.control().publish_event(NewEvent(type="search.me", data={"id": "thing-2000"}))
        await eventually(lambda: built.model.matches == 12)
        await built.end()


async def test_frozen_and_killed_broker_is_told_until_it_is_back(ready: Ready, qtbot: QtBot) -> None:
    async with live_port(ready) as port:
        built = build(port, qtbot)
        await connected(port, built)

        def bus() -> BusState:
            [state] = port.feed.rows(BUS).values()
            return state

        await port.control().act_on_process("broker", "freeze")
        await eventually(lambda: built.panel.absence.startswith("The broker is frozen since "))
        await port.control().act_on_process("broker", "thaw")
        await eventually(lambda: built.panel.absence == "")
        gaps = bus().gaps
        await port.control().act_on_process("broker", "kill")
        # It is back so soon that its absence may fall between two looks; that something may have been missed stays told.
        await eventually(lambda: bus().gaps > gaps and bus().connected and not bus().problem)
        await eventually(lambda: "away" in built.panel.list.bar.aside)
        before = built.model.book.last
        await port.control().publish_event(NewEvent(type="search.me", data={"id": "after"}))
        await eventually(lambda: built.model.book.last > before)
        await built.end()
