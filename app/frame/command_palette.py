"""Every action by name: opened with Ctrl+K, filtered by typing, run with Return. Closes as soon as it loses the focus."""

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QAction, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from app.core.language import tr
from app.frame.top_bar import draw_keys
from app.qt.theme import theme

_WIDTH: Final = 560
_LINE: Final = 36
_SHOWN: Final = 10
_ACTION: Final = Qt.ItemDataRole.UserRole


def matching(actions: Sequence[QAction], text: str) -> list[QAction]:
    """The actions that can be run now and contain each word; those that begin with the text come first."""
    words = text.casefold().split()
    found = [a for a in actions if a.isEnabled() and all(word in a.text().casefold() for word in words)]
    return sorted(found, key=lambda a: not a.text().casefold().startswith(text.casefold().strip()))


class CommandPalette(QFrame):
    """`actions` gives what there is at the moment it is opened."""

    def __init__(self, window: QWidget, actions: Callable[[], Sequence[QAction]]) -> None:
        super().__init__(window)
        self.setObjectName("palette")
        self.setAccessibleName(tr("All actions"))
        self._window = window
        self._actions = actions
        self._found = _ActionList(self)
        self._field = QLineEdit()
        self._field.setObjectName("paletteField")
        self._field.setPlaceholderText(tr("What do you want to do?"))
        self._field.setFont(theme().font("section"))
        self._field.setProperty("frameless", True)
        self._list = QListView()
        self._list.setModel(self._found)
        self._list.setItemDelegate(_ActionDelegate(self._list))
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setProperty("region", "overlay")
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._list.setMouseTracking(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self._field)
        layout.addWidget(self._list)
        self._field.textChanged.connect(self._filter)
        self._field.installEventFilter(self)
        self._list.clicked.connect(self._run)
        self._list.entered.connect(self._list.setCurrentIndex)
        self._focus_before: QWidget | None = None
        self.hide()

    def open(self) -> None:
        self._focus_before = QApplication.focusWidget()
        self._field.clear()
        self._filter("")
        self.setFixedWidth(min(_WIDTH, self._window.width() - 32))
        self.move((self._window.width() - self.width()) // 2, theme().size.top_bar + 8)
        self.show()
        self.raise_()
        self._field.setFocus()

    @property
    def shown_actions(self) -> Sequence[QAction]:
        return self._found.actions

    def close_palette(self) -> None:
        """Hide, and give the focus back to whoever had it."""
        had_focus = self._field.hasFocus()
        self.hide()
        if had_focus:
            before = self._focus_before
            (before if before is not None and isValid(before) else self._window).setFocus()

    def _filter(self, text: str) -> None:
        self._found.show_actions(matching(self._actions(), text))
        self._list.setCurrentIndex(self._found.index(0))
        self._list.setFixedHeight(max(1, min(_SHOWN, self._found.rowCount())) * _LINE)
        self.adjustSize()

    def _run(self, index: QModelIndex) -> None:
        action = index.data(_ACTION)
        self.close_palette()
        if isinstance(action, QAction):
            action.trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The field has the focus; the keys that move in the list go there."""
        if event.type() is QEvent.Type.FocusOut and not self._list.underMouse():
            self.hide()
        if not isinstance(event, QKeyEvent) or event.type() is not QEvent.Type.KeyPress:
            return False
        match event.key():
            case Qt.Key.Key_Escape:
                self.close_palette()
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self._run(self._list.currentIndex())
            case Qt.Key.Key_Up | Qt.Key.Key_Down:
                step = 1 if event.key() == Qt.Key.Key_Down else -1
                row = self._list.currentIndex().row() + step
                self._list.setCurrentIndex(self._found.index(max(0, min(self._found.rowCount() - 1, row))))
            case _:
                return False
        return True


class _ActionList(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.actions: list[QAction] = []

    def show_actions(self, actions: list[QAction]) -> None:
        self.beginResetModel()
        self.actions = actions
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.actions)

    def data(
        self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if not index.isValid():
            return None
        action = self.actions[index.row()]
        if role == _ACTION:
            return action
        return (
            action.text()
            if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole)
            else None
        )


class _ActionDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(200, _LINE)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colors = theme()
        action: QAction = index.data(_ACTION)
        place = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.fillRect(place, colors.color("surface_selected" if chosen else "surface_overlay"))
        if not action.icon().isNull():
            action.icon().paint(painter, QRect(int(place.left()) + 10, int(place.center().y()) - 8, 16, 16))
        painter.setFont(colors.font("body"))
        painter.setPen(colors.color("text"))
        painter.drawText(place.adjusted(36, 0, -8, 0), Qt.AlignmentFlag.AlignVCenter, action.text())
        if keys := action.shortcut().toString():
            painter.setFont(colors.font("caption"))
            width = painter.fontMetrics().horizontalAdvance(keys) + 12
            draw_keys(painter, QRectF(place.right() - width - 8, place.center().y() - 10, width, 20), keys)
        painter.restore()
