"""Any JSON value as a tree that folds: names, values coloured by kind, counts on what is closed.

Children are made when a node is opened, so a large value costs what is looked at.
"""

import json
from typing import Any, Final, cast

from PySide6.QtCore import (
    QAbstractItemModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QFontMetricsF, QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import QFrame, QStyledItemDelegate, QStyleOptionViewItem, QTreeView, QWidget

from app.core.language import tr
from app.qt.columns import Role, Span
from app.qt.icons import draw_icon
from app.qt.theme import theme

_LINE: Final = 18
_INDENT: Final = 14
_CHEVRON: Final = 10
_OPENED_NODES: Final = 200
_ROOT = QModelIndex()

Index = QModelIndex | QPersistentModelIndex


class _Node:
    """One value with its name; its children are made once, on demand."""

    def __init__(self, name: str, value: Any, row: int = 0, parent: "_Node | None" = None) -> None:
        self.name, self.value, self.row, self.parent = name, value, row, parent
        self._children: list[_Node] | None = None

    @property
    def children(self) -> list["_Node"]:
        if self._children is None:
            match self.value:
                case dict():
                    pairs = list(self.value.items())
                case list():
                    pairs = list(enumerate(self.value))
                case _:
                    pairs = []
            self._children = [_Node(str(name), value, at, self) for at, (name, value) in enumerate(pairs)]
        return self._children

    def spans(self) -> tuple[Span, ...]:
        name = Span(f"{self.name} " if self.name else "", "text_secondary")
        match self.value:
            case dict():
                return (name, Span(f"{{{len(self.value)}}}", "text_muted"))
            case list():
                return (name, Span(f"[{len(self.value)}]", "text_muted"))
            case str():
                return (name, Span(json.dumps(self.value, ensure_ascii=False), "ok"))
            case bool() | None:
                return (name, Span(json.dumps(self.value), "warn"))
            case _:
                return (name, Span(json.dumps(self.value), "accent"))


class JsonModel(QAbstractItemModel):
    """The members of the value are the top level; a plain value is one nameless row."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.value: Any = {}
        self._root = _Node("", {})

    def set_value(self, value: Any) -> None:
        self.beginResetModel()
        self.value = value
        self._root = _Node("", value if isinstance(value, (dict, list)) else {"": value})
        self.endResetModel()

    def value_at(self, index: Index) -> Any:
        return self._node(index).value

    def index(self, row: int, column: int, parent: Index = _ROOT) -> QModelIndex:
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, self._node(parent).children[row])

    def parent(self, index: Index = _ROOT) -> Any:
        node = self._node(index).parent
        if node is None or node is self._root:
            return QModelIndex()
        return self.createIndex(node.row, 0, node)

    def rowCount(self, parent: Index = _ROOT) -> int:
        return len(self._node(parent).children)

    def hasChildren(self, parent: Index = _ROOT) -> bool:
        """Asked of every row that shows: its children need not be made for that."""
        value = self._node(parent).value
        return isinstance(value, dict | list) and bool(value)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        match role:
            case Role.LOOK:
                return self._node(index).spans()
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return "".join(span.text for span in self._node(index).spans())
            case _:
                return None

    def _node(self, index: Index) -> _Node:
        node: _Node = index.internalPointer() if index.isValid() else self._root
        return node


class JsonView(QTreeView):
    """`set_value` keeps nothing of the value before. Ctrl+C copies the selected part, or all of it, as JSON."""

    def __init__(self, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = JsonModel(self)
        self.setAccessibleName(name or tr("JSON"))
        self.setModel(self._model)
        self.setItemDelegate(_JsonDelegate(self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(_INDENT)
        self.setUniformRowHeights(True)
        self.setHorizontalScrollMode(QTreeView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.clicked.connect(self._on_clicked)

    def set_value(self, value: Any) -> None:
        """Show a decoded JSON value, opened as far as it stays readable."""
        self._model.set_value(value)
        self._open(_ROOT, _OPENED_NODES)
        self.updateGeometry()

    def text(self) -> str:
        """The value shown, as indented JSON."""
        return json.dumps(self._model.value, indent=2, ensure_ascii=False)

    def sizeHint(self) -> QSize:
        return QSize(240, min(self._shown_rows(_ROOT), 24) * _LINE + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, min(self._shown_rows(_ROOT), 12) * _LINE + 4)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            chosen = self.currentIndex()
            value = self._model.value_at(chosen) if chosen.isValid() else self._model.value
            QGuiApplication.clipboard().setText(json.dumps(value, indent=2, ensure_ascii=False))
        else:
            super().keyPressEvent(event)

    def drawBranches(self, *_: object) -> None:
        """Nothing: the delegate draws the chevron."""

    def _on_clicked(self, index: QModelIndex) -> None:
        if self._model.rowCount(index):
            self.setExpanded(index, not self.isExpanded(index))

    def _open(self, parent: QModelIndex, left: int) -> int:
        """Open from the top down until `left` nodes show; gives what is left."""
        count = self._model.rowCount(parent)
        if count > left:
            return left
        left -= count
        if parent.isValid():
            self.expand(parent)
        for row in range(count):
            left = self._open(self._model.index(row, 0, parent), left)
        return left

    def _shown_rows(self, parent: QModelIndex) -> int:
        if parent.isValid() and not self.isExpanded(parent):
            return 0
        rows = self._model.rowCount(parent)
        return rows + sum(self._shown_rows(self._model.index(row, 0, parent)) for row in range(min(rows, 24)))


class _JsonDelegate(QStyledItemDelegate):
    def __init__(self, view: JsonView) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        metrics = QFontMetricsF(theme().font("mono"))
        return QSize(int(metrics.horizontalAdvance(index.data() or "")) + _CHEVRON + 12, _LINE)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        area = QRectF(option.rect)
        font = theme().font("mono")
        metrics = QFontMetricsF(font)
        painter.save()
        if self._view.selectionModel().isSelected(index):
            painter.fillRect(area, theme().color("surface_selected"))
        if index.model().hasChildren(index):
            name = "chevron-down" if self._view.isExpanded(cast("QModelIndex", index)) else "chevron-right"
            place = QRectF(area.left(), area.center().y() - _CHEVRON / 2, _CHEVRON, _CHEVRON)
            draw_icon(painter, place, name, theme().color("text_muted"))
        painter.setFont(font)
        left = area.left() + _CHEVRON + 6
        for span in index.data(Role.LOOK):
            painter.setPen(theme().color(span.tone))
            painter.drawText(
                QPointF(left, area.center().y() + (metrics.ascent() - metrics.descent()) / 2), span.text
            )
            left += metrics.horizontalAdvance(span.text)
        painter.restore()
