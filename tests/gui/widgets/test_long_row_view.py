"""A long list follows its end, or stays where the user looks."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.qt.columns import Column
from app.qt.row_table_model import RowTableModel
from app.widgets.long_row_view import LongRowView
from tests.helpers.qt import settle


@dataclass(frozen=True)
class Row:
    key: int


COLUMNS = (
    Column[Row]("Key", lambda row: str(row.key), mark=lambda row: "", sample="00000"),
    Column[Row]("Text", lambda row: "text", stretch=True),
)


@pytest.fixture
def model() -> Iterator[RowTableModel[Row]]:
    model = RowTableModel(COLUMNS, key=lambda row: row.key)
    model.append([Row(n) for n in range(100)])
    yield model
    model.deleteLater()


@pytest.fixture
def view(qtbot: QtBot, model: RowTableModel[Row]) -> LongRowView:
    view = LongRowView(COLUMNS, name="Rows", tail=True, tint=lambda row: "bad_tint" if row.key % 2 else None)
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.setModel(model)
    view.show()
    qtbot.waitExposed(view)
    settle()
    return view


def top(view: LongRowView) -> int:
    return int(view.indexAt(QPoint(1, 1)).data())


def bottom(view: LongRowView) -> int:
    return int(view.indexAt(QPoint(1, view.viewport().height() - 2)).data())


def follows(view: LongRowView) -> bool:
    return view.is_following


def wheel(view: LongRowView, steps: int) -> None:
    """As a mouse sends it, one event a step; steps up are positive."""
    place = QPointF(50, 50)
    for _ in range(abs(steps)):
        event = QWheelEvent(
            place, view.viewport().mapToGlobal(place), QPoint(), QPoint(0, 120 if steps > 0 else -120),
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(view.viewport(), event)
    settle()


def append(model: RowTableModel[Row], first: int, count: int, limit: int | None = None) -> None:
    model.append([Row(n) for n in range(first, first + count)], limit=limit)
    settle()


def test_newest_row_stays_in_sight(view: LongRowView, model: RowTableModel[Row]) -> None:
    assert follows(view)
    append(model, 100, 50)
    assert bottom(view) == 149
    append(model, 150, 50, limit=100)
    assert bottom(view) == 199
    assert follows(view)


def test_scrolling_up_pauses_and_the_end_resumes(view: LongRowView, model: RowTableModel[Row]) -> None:
    told = QSignalSpy(view.following_changed)
    append(model, 100, 1)
    wheel(view, 1)
    assert not follows(view)
    seen = top(view)
    append(model, 101, 20)
    assert top(view) == seen
    wheel(view, -100)
    assert follows(view)
    assert [told.at(at)[0] for at in range(told.count())] == [False, True]


def test_what_is_looked_at_stays_when_the_oldest_rows_go(
    view: LongRowView, model: RowTableModel[Row]
) -> None:
    append(model, 100, 1)
    wheel(view, 2)
    seen = top(view)
    append(model, 101, 30, limit=100)
    assert top(view) == seen


def test_rows_that_come_above_the_selected_one_select_nothing_anew(
    view: LongRowView, model: RowTableModel[Row]
) -> None:
    view.select_index(model.index(10, 0))
    chosen = QSignalSpy(view.row_selected)
    model.apply([Row(-1), *model.rows()])
    settle()
    assert chosen.count() == 0
    assert view.selected_row() == Row(10)


def test_selected_row_that_goes_selects_no_other(view: LongRowView, model: RowTableModel[Row]) -> None:
    view.select_index(model.index(0, 0))
    wheel(view, -10)
    chosen = QSignalSpy(view.row_selected)
    append(model, 100, 30, limit=100)
    assert [chosen.at(at)[0] for at in range(chosen.count())] == [None]


def test_what_is_looked_at_stays_when_older_rows_come(view: LongRowView, model: RowTableModel[Row]) -> None:
    append(model, 100, 1)
    wheel(view, 2)
    seen = top(view)
    model.apply([*(Row(n) for n in range(-200, 0)), *model.rows()])
    settle()
    assert top(view) == seen


def test_asking_to_follow_shows_the_end(view: LongRowView, model: RowTableModel[Row]) -> None:
    wheel(view, 5)
    append(model, 100, 20)
    view.set_following(True)
    settle()
    assert bottom(view) == 119


def test_growing_and_shrinking_keeps_the_end_in_sight(view: LongRowView, model: RowTableModel[Row]) -> None:
    append(model, 100, 1)
    for height in (150, 600, 200):
        view.resize(400, height)
        settle()
        assert bottom(view) == 100
        assert follows(view)


def test_selecting_by_keyboard_pauses_and_end_resumes(
    qtbot: QtBot, view: LongRowView, model: RowTableModel[Row]
) -> None:
    chosen = QSignalSpy(view.row_selected)
    qtbot.keyClick(view, Qt.Key.Key_Home)
    settle()
    assert chosen.at(chosen.count() - 1)[0] == Row(0)
    assert not follows(view)
    qtbot.keyClick(view, Qt.Key.Key_End)
    settle()
    assert view.selected_row() == Row(99)
    assert follows(view)


def test_choosing_a_row_shows_it_and_pauses(view: LongRowView, model: RowTableModel[Row]) -> None:
    view.select_index(model.index(10, 0))
    settle()
    assert view.selected_row() == Row(10)
    assert not follows(view)
    append(model, 100, 10)
    assert view.selected_row() == Row(10)
    assert view.visualRect(model.index(10, 0)).intersects(view.viewport().rect())


def test_model_that_is_emptied_and_filled_anew_is_followed(
    view: LongRowView, model: RowTableModel[Row]
) -> None:
    model.apply([])
    settle()
    append(model, 0, 200)
    assert follows(view)
    assert bottom(view) == 199


def test_view_without_a_tail_stays_at_its_top(qtbot: QtBot, model: RowTableModel[Row]) -> None:
    view = LongRowView(COLUMNS, name="Rows")
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.setModel(model)
    view.show()
    append(model, 100, 50)
    assert top(view) == 0


def test_stale_rows_lose_their_tint(view: LongRowView, model: RowTableModel[Row]) -> None:
    def ground(row: int) -> str:
        place = view.visualRect(model.index(row, 1)).center()
        return view.viewport().grab().toImage().pixelColor(380, place.y()).name()

    view.select_index(model.index(50, 0))
    settle()
    assert ground(51) != ground(52)
    view.set_stale(True)
    settle()
    assert ground(51) == ground(52)


def test_twenty_thousand_rows_are_the_most_that_are_held(
    view: LongRowView, model: RowTableModel[Row]
) -> None:
    append(model, 100, 19_900)
    for _ in range(9):
        append(model, model.rows()[-1].key + 1, 100, limit=20_000)
    assert view.model().rowCount() == 20_000
