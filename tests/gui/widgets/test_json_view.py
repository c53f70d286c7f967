"""JSON as a tree: any value shows, large ones cost what is looked at, parts can be copied."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from app.widgets.json_view import JsonModel, JsonView

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_any_value_keeps_the_rules_of_models(value: Any) -> None:
    model = JsonModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.set_value(value)
    assert model.value == value
    tester.deleteLater()


@pytest.fixture
def view(qtbot: QtBot) -> JsonView:
    shown = JsonView()
    qtbot.addWidget(shown)
    shown.resize(400, 300)
    shown.show()
    return shown


def test_names_and_values_are_said(view: JsonView) -> None:
    view.set_value({"data": {"orderId": "ord_1", "items": [1, None]}, "ok": True})
    model = view.model()
    data = model.index(0, 0)
    assert data.data() == "data {2}"
    assert [model.index(row, 0, data).data() for row in range(2)] == ['orderId "ord_1"', "items [2]"]
    assert view.isExpanded(data)
    assert model.index(1, 0).data() == "ok true"


def test_a_part_is_copied_as_json(view: JsonView, qtbot: QtBot) -> None:
    view.set_value({"a": [1, 2], "b": 3})
    view.setCurrentIndex(view.model().index(0, 0))
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert json.loads(QGuiApplication.clipboard().text()) == [1, 2]
    assert json.loads(view.text()) == {"a": [1, 2], "b": 3}


def test_a_large_value_is_not_opened_as_a_whole(view: JsonView) -> None:
    view.set_value({"items": [{"id": n} for n in range(20_000)]})
    assert not view.isExpanded(view.model().index(0, 0))
    assert view.sizeHint().height() < 100
