"""Brings the rows under one parent of a Qt model to a new state, telling views only what really changed."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex

from app.qt.columns import Column, Row
from app.qt.row_diff import Insert, Move, Remove, steps

Index = QModelIndex | QPersistentModelIndex


def update_rows(
    model: QAbstractItemModel,
    parent: Index,
    rows: list[Any],
    new: Sequence[Any],
    key: Callable[[Any], Hashable],
    differs: Callable[[Any, Any], bool],
) -> list[tuple[int, Any]]:
    """Change `rows` in place to hold `new`, with the model's signals around each step.

    Rows that stayed are left to the caller, who gets the new ones that differ, each with its place: what a row *is*
    (a plain row, a group with children of its own) only the model knows.
    """
    keys = [key(row) for row in rows]
    for step in steps(keys, [key(row) for row in new]):
        match step:
            case Remove(first, last):
                model.beginRemoveRows(parent, first, last)
                del rows[first : last + 1]
                model.endRemoveRows()
            case Move(source, target):
                after = target + 1 if target > source else target  # Qt counts as if the row still stood there
                model.beginMoveRows(parent, source, source, parent, after)
                rows.insert(target, rows.pop(source))
                model.endMoveRows()
            case Insert(first, last):
                model.beginInsertRows(parent, first, last)
                rows[first:first] = new[first : last + 1]
                model.endInsertRows()
    return [(at, row) for at, row in enumerate(new) if differs(rows[at], row)]


def tell_cells(model: QAbstractItemModel, parent: Index, cells: Mapping[int, tuple[int, int]]) -> None:
    """One `dataChanged` for each run of neighbouring rows (given in order), no wider than the columns that changed."""
    first = last = -2
    left, right = 0, 0
    for place, (begin, end) in [*cells.items(), (-2, (0, 0))]:
        if place == last + 1 and last >= 0:
            last, left, right = place, min(left, begin), max(right, end)
            continue
        if last >= 0:
            model.dataChanged.emit(model.index(first, left, parent), model.index(last, right, parent))
        first, last, left, right = place, place, begin, end


def changed_columns(columns: Sequence[Column[Row]], before: Row, after: Row) -> tuple[int, int]:
    """The first and the last column that looks different: finding out costs far less than painting a cell."""
    differ = [at for at, column in enumerate(columns) if column.look(before) != column.look(after)]
    return (differ[0], differ[-1]) if differ else (0, 0)
