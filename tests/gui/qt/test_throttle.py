"""The throttle: at once, then seldom, never while hidden, and nothing is lost."""

from PySide6.QtWidgets import QStackedWidget, QWidget
from pytestqt.qtbot import QtBot

from app.qt.throttle import Throttle
from tests.helpers.qt import eventually


def shown(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    return widget


async def test_the_first_poke_acts_at_once_and_a_burst_once_more(qtbot: QtBot) -> None:
    calls: list[int] = []
    throttle = Throttle(shown(qtbot), lambda: calls.append(1), interval_ms=20)
    for _ in range(50):
        throttle.poke()
    assert len(calls) == 1
    await eventually(lambda: len(calls) == 2)
    await eventually(lambda: not throttle._timer.isActive())
    assert len(calls) == 2


async def test_nothing_is_drawn_while_hidden_and_what_was_missed_when_shown(qtbot: QtBot) -> None:
    stack, panel = QStackedWidget(), QWidget()
    qtbot.addWidget(stack)
    stack.addWidget(QWidget())
    stack.addWidget(panel)
    stack.show()
    calls: list[int] = []
    throttle = Throttle(panel, lambda: calls.append(1), interval_ms=10)
    for _ in range(5):
        throttle.poke()
    assert calls == []
    stack.setCurrentWidget(panel)
    await eventually(lambda: calls)
    await eventually(lambda: not throttle._timer.isActive())
    assert len(calls) == 1


async def test_being_shown_without_news_draws_nothing(qtbot: QtBot) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    calls: list[int] = []
    throttle = Throttle(widget, lambda: calls.append(1), interval_ms=10)
    widget.show()
    await eventually(lambda: not throttle._timer.isActive())
    assert calls == []
