"""*Break it…* on rows: by key and by menu, for what can be broken, and for nothing else."""

from dataclasses import dataclass

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from app.core.breaking import BreakSubject
from app.qt.columns import Column
from app.qt.row_table_model import RowTableModel
from app.widgets.break_action import BreakAction, BreakLink
from app.widgets.long_row_view import LongRowView
from app.widgets.row_view import RowView


@dataclass(frozen=True)
class Row:
    name: str


def subject(row: Row) -> BreakSubject | None:
    return BreakSubject("queue", row.name) if row.name else None


@pytest.fixture(params=[RowView, LongRowView])
def view(request: pytest.FixtureRequest, qtbot: QtBot) -> RowView | LongRowView:
    model: RowTableModel[Row] = RowTableModel(
        [Column("Name", lambda row: row.name)], key=lambda row: row.name
    )
    model.apply([Row("orders"), Row(""), Row("payments")])
    made: RowView | LongRowView = request.param(model.columns, name="Queues")
    model.setParent(made)
    made.setModel(model)
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.show()
    return made


def select(view: RowView | LongRowView, row: int) -> None:
    view.select_index(view.model().index(row, 0))


def asked_of(action: BreakAction) -> list[tuple[BreakSubject, QRect]]:
    found: list[tuple[BreakSubject, QRect]] = []
    action.requested.connect(lambda subject, place: found.append((subject, place)))
    return found


def test_the_key_breaks_the_selected_row_beside_its_place(view: RowView | LongRowView, qtbot: QtBot) -> None:
    action = BreakAction(view, subject)
    asked = asked_of(action)
    qtbot.keyClick(view, Qt.Key.Key_B)
    assert (asked, action.isEnabled()) == ([], False)
    select(view, 2)
    qtbot.keyClick(view, Qt.Key.Key_B)
    ((what, place),) = asked
    assert what == BreakSubject("queue", "payments")
    assert place == view.selected_place()
    assert place.height() > 0
    assert action.text() == "Break payments…"


def test_what_cannot_be_broken_is_not_offered(view: RowView | LongRowView, qtbot: QtBot) -> None:
    action = BreakAction(view, subject)
    asked = asked_of(action)
    select(view, 1)
    qtbot.keyClick(view, Qt.Key.Key_B)
    view.row_menu_requested.emit(Row(""), QPoint(5, 5))
    assert (asked, action.isEnabled(), QApplication.activePopupWidget()) == ([], False, None)


def test_the_menu_of_a_row_offers_it(view: RowView | LongRowView) -> None:
    asked = asked_of(BreakAction(view, subject))
    view.row_menu_requested.emit(Row("orders"), QPoint(5, 5))
    (menu,) = view.findChildren(QMenu)
    (item,) = menu.actions()
    assert item.text() == "Break orders…"
    item.trigger()
    assert [what for what, _ in asked] == [BreakSubject("queue", "orders")]
    menu.close()


def test_it_goes_into_a_menu_that_is_there(view: RowView | LongRowView) -> None:
    action = BreakAction(view, subject, own_menu=False)
    view.row_menu_requested.emit(Row("orders"), QPoint(5, 5))
    assert not view.findChildren(QMenu)
    menu = QMenu(view)
    menu.addAction(QAction("Copy", menu))
    action.add_to(menu, Row("orders"), QPoint(5, 5))
    assert [item.text() for item in menu.actions()] == ["Copy", "Break orders…"]


def test_a_link_is_there_only_for_what_can_be_broken(qtbot: QtBot) -> None:
    link = BreakLink()
    qtbot.addWidget(link)
    assert link.isHidden()
    asked: list[tuple[BreakSubject, QRect]] = []
    link.requested.connect(lambda subject, place: asked.append((subject, place)))
    link.set_subject(BreakSubject("queue", "orders"))
    assert "orders" in link.accessibleName()
    qtbot.mouseClick(link, Qt.MouseButton.LeftButton)
    ((found, place),) = asked
    assert found == BreakSubject("queue", "orders")
    assert place.size() == link.size()
    link.set_subject(None)
    assert link.isHidden()
