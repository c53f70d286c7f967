"""A tree of two levels, groups and their members, updated like a table: `apply(groups)` tells views the smallest change.

Both levels share the columns' places and titles; what a cell shows is said apart for groups and for members.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.qt.columns import Column
from app.qt.row_update import changed_columns, tell_cells, update_rows

Group = TypeVar("Group")
Member = TypeVar("Member")

_ROOT = QModelIndex()


@dataclass
class _Branch(Generic[Group, Member]):
    """A group as the model holds it. `number` is what indexes of its members point to: it never changes."""

    group: Group
    members: list[Member] = field(default_factory=list)
    number: int = 0


class RowTreeModel(QAbstractItemModel, Generic[Group, Member]):
    """Keys are unique among the groups, and among the members of a group."""

    def __init__(
        self,
        group_columns: Sequence[Column[Group]],
        member_columns: Sequence[Column[Member]],
        group_key: Callable[[Group], Hashable],
        member_key: Callable[[Member], Hashable],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        if len(group_columns) != len(member_columns):
            raise ValueError("groups and members must have the same number of columns")
        self.group_columns = tuple(group_columns)
        self.columns = tuple(member_columns)
        self._group_key = group_key
        self._member_key = member_key
        self._branches: list[_Branch[Group, Member]] = []
        self._numbers = count(1)

    # --- changing it ----------------------------------------------------------------------------------------------

    def apply(self, groups: Sequence[tuple[Group, Sequence[Member]]]) -> None:
        """These are the groups and their members now, in this order. Raises ValueError when keys are not unique."""
        new = [_Branch(group, list(members), next(self._numbers)) for group, members in groups]
        staying = update_rows(
            self,
            _ROOT,
            self._branches,
            new,
            lambda branch: self._group_key(branch.group),
            lambda a, b: a is not b,
        )
        changed = {
            place: changed_columns(self.group_columns, self._branches[place].group, branch.group)
            for place, branch in staying
            if self._branches[place].group != branch.group
        }
        for place, branch in staying:
            self._branches[place].group = branch.group
            self._apply_members(place, branch.members)
        tell_cells(self, _ROOT, changed)

    def _apply_members(self, place: int, new: Sequence[Member]) -> None:
        parent = self.index(place, 0)
        members = self._branches[place].members
        changed = update_rows(
            self, parent, members, new, self._member_key, lambda a, b: a is not b and a != b
        )
        cells = {at: changed_columns(self.columns, members[at], member) for at, member in changed}
        for at, member in changed:
            members[at] = member
        tell_cells(self, parent, cells)

    # --- reading it -----------------------------------------------------------------------------------------------

    def group_at(self, index: QModelIndex | QPersistentModelIndex) -> Group | None:
        """The group that a valid index is, or None when it is a member's."""
        return None if index.internalId() else self._branches[index.row()].group

    def member_at(self, index: QModelIndex | QPersistentModelIndex) -> Member | None:
        """The member that a valid index is, or None when it is a group's."""
        place = self._place_of(index.internalId())
        return None if place is None else self._branches[place].members[index.row()]

    def index_of_group(self, key: Hashable) -> QModelIndex:
        """An invalid index when there is none."""
        for place, branch in enumerate(self._branches):
            if self._group_key(branch.group) == key:
                return self.index(place, 0)
        return QModelIndex()

    def index_of_member(self, key: Hashable) -> QModelIndex:
        """The first member with that key in any group; an invalid index when there is none."""
        for place, branch in enumerate(self._branches):
            for at, member in enumerate(branch.members):
                if self._member_key(member) == key:
                    return self.index(at, 0, self.index(place, 0))
        return QModelIndex()

    # --- for Qt ---------------------------------------------------------------------------------------------------

    def index(
        self, row: int, column: int, parent: QModelIndex | QPersistentModelIndex = _ROOT
    ) -> QModelIndex:
        if row < 0 or not 0 <= column < len(
            self.columns
        ):  # Qt's hasIndex would call back twice, for each cell painted
            return QModelIndex()
        if not parent.isValid():
            return self.createIndex(row, column, 0) if row < len(self._branches) else QModelIndex()
        if parent.internalId() or parent.column() > 0:
            return QModelIndex()
        branch = self._branches[parent.row()]
        return self.createIndex(row, column, branch.number) if row < len(branch.members) else QModelIndex()

    def parent(self, index: QModelIndex | QPersistentModelIndex = _ROOT) -> Any:
        place = self._place_of(index.internalId()) if index.isValid() else None
        return QModelIndex() if place is None else self.createIndex(place, 0, 0)

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _ROOT) -> int:
        if not parent.isValid():
            return len(self._branches)
        if parent.internalId() or parent.column() > 0:
            return 0
        return len(self._branches[parent.row()].members)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = _ROOT) -> int:
        return len(self.columns)

    def data(
        self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if not index.isValid():
            return None
        if (member := self.member_at(index)) is not None:
            return self.columns[index.column()].data(member, role)
        return self.group_columns[index.column()].data(self._branches[index.row()].group, role)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        return self.columns[section].header(role)

    def _place_of(self, number: int) -> int | None:
        """Where the group with that number is now. Views ask in the middle of an update too, so nothing is kept."""
        if not number:
            return None
        return next((place for place, branch in enumerate(self._branches) if branch.number == number), None)
