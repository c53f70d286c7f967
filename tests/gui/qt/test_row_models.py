"""The models of rows: the smallest change is told, and what was selected stays selected."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QAbstractItemModel, QItemSelectionModel, QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy

from app.qt.columns import Column, Look, Role, Span
from app.qt.row_filter import RowFilter
from app.qt.row_table_model import RowTableModel
from app.qt.row_tree_model import RowTreeModel

Check = Callable[[QAbstractItemModel], None]


@dataclass(frozen=True)
class Row:
    key: str
    value: int = 0


COLUMNS = (
    Column[Row]("Key", lambda row: row.key, mark=lambda row: "healthy"),
    Column[Row]("Value", lambda row: str(row.value), align="right", sort_key=lambda row: row.value),
)


def table() -> RowTableModel[Row]:
    return RowTableModel(COLUMNS, key=lambda row: row.key)


def tree() -> RowTreeModel[str, Row]:
    groups = (Column[str]("Key", lambda group: group), Column[str]("Value", lambda group: ""))
    return RowTreeModel(groups, COLUMNS, lambda group: group, lambda row: row.key)


def shown(model: QAbstractItemModel, parent: QModelIndex | None = None) -> list[str]:
    parent = parent or QModelIndex()
    return [model.index(row, 0, parent).data() for row in range(model.rowCount(parent))]


class TestTable:
    def test_only_what_changed_is_told(self, check_model: Check) -> None:
        model = table()
        check_model(model)
        model.apply([Row("a"), Row("b"), Row("c"), Row("d")])
        changed, inserted = QSignalSpy(model.dataChanged), QSignalSpy(model.rowsInserted)
        removed, reset = QSignalSpy(model.rowsRemoved), QSignalSpy(model.modelReset)
        model.apply([Row("a"), Row("b", 1), Row("c", 1), Row("d")])
        assert changed.count() == 1
        assert [(index.row(), index.column()) for index in changed.at(0)[:2]] == [(1, 1), (2, 1)]
        assert (inserted.count(), removed.count(), reset.count()) == (0, 0, 0)

    def test_rows_that_equal_the_old_ones_are_told_to_nobody(self) -> None:
        model = table()
        model.apply([Row("a"), Row("b")])
        changed = QSignalSpy(model.dataChanged)
        model.apply([Row("a"), Row("b")])
        assert changed.count() == 0

    def test_selection_stays_on_its_row_wherever_that_goes(self) -> None:
        model = table()
        model.apply([Row("a"), Row("b"), Row("c")])
        selection = QItemSelectionModel(model)
        selection.select(model.index_of("b"), QItemSelectionModel.SelectionFlag.Select)
        model.apply([Row("x"), Row("c"), Row("a", 5), Row("b", 7)])
        assert [index.data() for index in selection.selectedIndexes()] == ["b"]

    def test_two_rows_with_one_key_are_refused(self) -> None:
        with pytest.raises(ValueError, match="same key"):
            table().apply([Row("a"), Row("a", 1)])

    def test_a_tail_drops_its_oldest_rows(self, check_model: Check) -> None:
        model = table()
        check_model(model)
        model.append([Row("a"), Row("b"), Row("c")], limit=3)
        model.append([Row("d"), Row("e")], limit=3)
        assert shown(model) == ["c", "d", "e"]
        model.append([Row(str(n)) for n in range(9)], limit=3)
        assert shown(model) == ["6", "7", "8"]

    def test_a_cell_says_how_to_paint_it(self) -> None:
        model = table()
        model.apply([Row("a", 3)])
        assert model.index(0, 0).data(Role.LOOK) == Look((Span("a"),), "small", "left", mark="healthy")
        assert model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole) == "a, healthy"
        assert model.index(0, 1).data(Role.SORT) == 3
        assert model.headerData(1, Qt.Orientation.Horizontal) == "Value"

    @given(
        st.lists(
            st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 2)), unique_by=lambda p: p[0]),
            max_size=5,
        )
    )
    def test_any_sequence_of_states_keeps_the_rules_of_models(
        self, states: list[list[tuple[str, int]]]
    ) -> None:
        model = table()
        tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        for state in states:
            rows = [Row(key, value) for key, value in state]
            model.apply(rows)
            assert list(model.rows()) == rows
        tester.deleteLater()


class TestTree:
    def test_members_come_go_and_change_below_their_group(self, check_model: Check) -> None:
        model = tree()
        check_model(model)
        model.apply([("user", [Row("user-1"), Row("user-2")]), ("order", [Row("order-1")])])
        changed = QSignalSpy(model.dataChanged)
        model.apply([("order", [Row("order-1", 9)]), ("user", [Row("user-2"), Row("user-3")]), ("mail", [])])
        assert shown(model) == ["order", "user", "mail"]
        assert shown(model, model.index_of_group("user")) == ["user-2", "user-3"]
        assert changed.count() == 1
        assert model.index_of_member("user-3").parent() == model.index_of_group("user")

    def test_of_a_member_only_the_columns_that_look_different_are_told(self) -> None:
        model = tree()
        model.apply([("user", [Row("user-1"), Row("user-2"), Row("user-3"), Row("user-4")])])
        changed = QSignalSpy(model.dataChanged)
        model.apply([("user", [Row("user-1", 1), Row("user-2", 1), Row("user-3"), Row("user-4", 1)])])
        told = [changed.at(n)[:2] for n in range(changed.count())]
        cells = [[(index.row(), index.column()) for index in pair] for pair in told]
        assert cells == [[(0, 1), (1, 1)], [(3, 1), (3, 1)]]

    def test_an_index_is_a_group_or_a_member(self) -> None:
        model = tree()
        model.apply([("user", [Row("user-1")])])
        group, member = model.index_of_group("user"), model.index_of_member("user-1")
        assert (model.group_at(group), model.member_at(group)) == ("user", None)
        assert (model.group_at(member), model.member_at(member)) == (None, Row("user-1"))
        assert not model.index_of_member("nobody").isValid()

    @given(
        st.lists(
            st.dictionaries(
                st.sampled_from("ABC"), st.lists(st.sampled_from("abcd"), unique=True), max_size=3
            ),
            max_size=5,
        )
    )
    def test_any_sequence_of_states_keeps_the_rules_of_models(
        self, states: list[dict[str, list[str]]]
    ) -> None:
        model = tree()
        tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        for state in states:
            model.apply([(group, [Row(key) for key in keys]) for group, keys in state.items()])
            assert {group: shown(model, model.index_of_group(group)) for group in shown(model)} == state
        tester.deleteLater()


class TestFilter:
    def test_every_word_must_be_in_some_cell(self, check_model: Check) -> None:
        model = table()
        model.apply([Row("payment-1", 3), Row("payment-2", 4), Row("order-1", 4)])
        passed = RowFilter(model)
        check_model(passed)
        passed.set_text("PAY 4")
        assert shown(passed) == ["payment-2"]
        passed.set_text("")
        assert len(shown(passed)) == 3

    def test_a_condition_on_the_row_comes_on_top(self) -> None:
        model = table()
        model.apply([Row("a", 1), Row("b", 2)])
        passed = RowFilter(model)
        passed.set_accepts(lambda row: row.value > 1)
        assert shown(passed) == ["b"]

    def test_a_group_stays_while_a_member_does(self) -> None:
        model = tree()
        model.apply([("user", [Row("user-1"), Row("user-2")]), ("order", [Row("order-1")])])
        passed = RowFilter(model)
        passed.set_text("user-2")
        assert shown(passed) == ["user"]
        assert shown(passed, passed.index(0, 0)) == ["user-2"]

    def test_numbers_sort_as_numbers(self) -> None:
        model = table()
        model.apply([Row("a", 10), Row("b", 9), Row("c", 100)])
        passed = RowFilter(model)
        passed.sort(1)
        assert shown(passed) == ["b", "a", "c"]
