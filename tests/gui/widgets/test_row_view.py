"""The view of rows: selection by row, menus with their row, groups that open and close, old values shown as old."""

from dataclasses import dataclass

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QImage, QPaintEvent, QRegion
from pytestqt.qtbot import QtBot

from app.qt.columns import Column, Role
from app.qt.row_filter import RowFilter
from app.qt.row_table_model import RowTableModel
from app.qt.row_tree_model import RowTreeModel
from app.qt.theme import theme
from app.widgets.row_view import BAND, RowView
from tests.helpers.qt import eventually, settle


@dataclass(frozen=True)
class Row:
    key: str
    status: str = "healthy"


COLUMNS = (
    Column[Row]("Instance", lambda row: row.key, mark=lambda row: row.status, sample="notification-12"),
    Column[Row]("Why", lambda row: f"is {row.status}", stretch=True),
)
GROUPS = (Column[str]("Instance", lambda name: name), Column[str]("Why", lambda name: ""))


@pytest.fixture
def table(qtbot: QtBot) -> RowView:
    view = RowView(COLUMNS, name="Instances")
    qtbot.addWidget(view)
    model = RowTableModel(COLUMNS, key=lambda row: row.key, parent=view)
    model.apply([Row("user-1"), Row("user-2", "frozen"), Row("order-1")])
    view.setModel(RowFilter(model, view))
    view.resize(500, 300)
    view.show()
    return view


@pytest.fixture
def tree(qtbot: QtBot) -> tuple[RowView, RowTreeModel[str, Row]]:
    view = RowView(COLUMNS, name="Services", tree=True)
    qtbot.addWidget(view)
    model = RowTreeModel(GROUPS, COLUMNS, lambda name: name, lambda row: row.key, parent=view)
    view.setModel(model)
    model.apply([("user", [Row("user-1"), Row("user-2")])])
    view.resize(500, 300)
    view.show()
    return view, model


def middle_of(view: RowView, row: int) -> QPoint:
    return view.visualRect(view.model().index(row, 1)).center()


def colours(image: QImage) -> set[str]:
    return {image.pixelColor(x, y).name() for x in range(0, image.width(), 2) for y in range(image.height())}


def test_a_click_selects_the_row_and_tells_which(table: RowView, qtbot: QtBot) -> None:
    told: list[Row | None] = []
    table.row_selected.connect(told.append)
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=middle_of(table, 1))
    assert told == [Row("user-2", "frozen")]
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert table.selected_row() == Row("order-1")


def test_a_menu_is_asked_for_with_its_row(table: RowView) -> None:
    told: list[Row] = []
    table.row_menu_requested.connect(lambda row, place: told.append(row))
    table.customContextMenuRequested.emit(middle_of(table, 2))
    table.customContextMenuRequested.emit(QPoint(10, 290))
    assert told == [Row("order-1")]


def test_old_values_are_muted_and_no_lamp_stays_green(table: RowView) -> None:
    green = theme().color("ok").name()
    assert green in colours(table.grab().toImage())
    table.set_stale(True)
    after = colours(table.grab().toImage())
    assert green not in after
    assert theme().color("frozen").name() not in after


def test_columns_are_as_wide_as_their_longest_real_value(table: RowView) -> None:
    wanted = table.fontMetrics().horizontalAdvance("notification-12")
    assert table.columnWidth(0) > wanted
    assert table.columnWidth(0) + table.columnWidth(1) == table.viewport().width()


def test_a_column_that_stretches_stays_wide_enough_to_say_something(table: RowView) -> None:
    table.resize(200, 300)
    assert table.columnWidth(1) == 160
    assert table.columnWidth(0) + table.columnWidth(1) > table.viewport().width(), "the view scrolls then"
    table.resize(600, 300)
    assert table.columnWidth(0) + table.columnWidth(1) == table.viewport().width()


def test_groups_are_open_and_stay_as_the_user_left_them(
    tree: tuple[RowView, RowTreeModel[str, Row]], qtbot: QtBot
) -> None:
    view, model = tree
    assert view.isExpanded(model.index_of_group("user"))
    chevron = view.visualRect(model.index_of_group("user")).topLeft() + QPoint(18, 20)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=chevron)
    assert not view.isExpanded(model.index_of_group("user"))
    model.apply([("user", [Row("user-1", "frozen"), Row("user-2")]), ("order", [Row("order-1")])])
    assert not view.isExpanded(model.index_of_group("user"))
    assert view.isExpanded(model.index_of_group("order"))


def test_selection_outlasts_updates(tree: tuple[RowView, RowTreeModel[str, Row]]) -> None:
    view, model = tree
    view.select_index(model.index_of_member("user-2"))
    model.apply([("user", [Row("user-3"), Row("user-2", "frozen")])])
    assert view.selected_row() == Row("user-2", "frozen")
    assert view.currentIndex().data(Role.ROW) == Row("user-2", "frozen")


def test_rows_have_the_design_s_heights(tree: tuple[RowView, RowTreeModel[str, Row]]) -> None:
    view, model = tree
    assert view.visualRect(model.index_of_group("user")).height() == 40
    assert view.visualRect(model.index_of_member("user-1")).height() == 32


class Painted(QObject):
    """The areas of each painting of a view's rows."""

    def __init__(self, view: RowView) -> None:
        super().__init__(view)
        self.areas: list[QRegion] = []
        view.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QPaintEvent):
            self.areas.append(QRegion(event.region()))
        return False


async def test_many_changed_rows_are_painted_a_few_a_turn(qtbot: QtBot) -> None:
    view = RowView(COLUMNS, name="Instances")
    qtbot.addWidget(view)
    model = RowTableModel(COLUMNS, key=lambda row: row.key, parent=view)
    model.apply([Row(f"user-{number}") for number in range(12)])
    view.setModel(model)
    view.resize(500, 500)
    view.show()
    await eventually(view.isVisible)
    settle()
    painted = Painted(view)
    model.apply([Row(f"user-{number}", "frozen") for number in range(12)])
    rows = QRegion()
    for number in range(12):
        rows += view.visualRect(model.index(number, 0)) | view.visualRect(model.index(number, 1))

    def missing() -> QRegion:
        left = QRegion(rows)
        for area in painted.areas:
            left -= area
        return left

    await eventually(lambda: missing().isEmpty())
    assert max(area.boundingRect().height() for area in painted.areas) <= BAND
    assert len(painted.areas) > 3
