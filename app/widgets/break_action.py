"""*Break it…* on the rows of a view: by the key B for the selected one, and in the row's menu; and as a link of a page.

Whatever shows something that can be broken makes one and connects `requested` to its panel's `break_requested`.
"""

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from app.core.breaking import BreakSubject
from app.core.language import tr
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.long_row_view import LongRowView
from app.widgets.row_view import RowView

KEY: Final = "B"

SubjectOf = Callable[[Any], BreakSubject | None]


class BreakAction(QAction):
    """`requested(BreakSubject, QRect)`, with the place on the screen. `subject_of` a row is None where there is nothing to break.

    `own_menu`: the rows have no other menu, so this makes one; else `add_to` puts it into theirs."""

    requested = Signal(object, object)

    def __init__(self, view: RowView | LongRowView, subject_of: SubjectOf, *, own_menu: bool = True) -> None:
        super().__init__(view)
        self._view, self._subject_of = view, subject_of
        self.setObjectName("action:break")
        self.setIcon(theme().icon("bolt", "fault"))
        self.setShortcut(QKeySequence(KEY))
        self.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.triggered.connect(self._on_key)
        view.addAction(self)
        view.row_selected.connect(self._show)
        if own_menu:
            view.row_menu_requested.connect(self._on_menu)
        self._show(None)

    def add_to(self, menu: QMenu, row: Any, place: QPoint) -> None:
        """Into the menu that a row is shown beside `place` on the screen; nothing where there is nothing to break."""
        subject = self._subject_of(row)
        if subject is not None:
            add_break(menu, subject, QRect(place, QSize(1, 1)), self.requested.emit)

    def _show(self, row: Any) -> None:
        subject = None if row is None else self._subject_of(row)
        self.setText(break_words(subject) if subject is not None else tr("Break the selected row…"))
        self.setEnabled(subject is not None)

    def _on_key(self) -> None:
        row = self._view.selected_row()
        subject = None if row is None else self._subject_of(row)
        if subject is not None:
            self.requested.emit(subject, self._view.selected_place())

    def _on_menu(self, row: Any, place: QPoint) -> None:
        menu = QMenu(self._view)
        self.add_to(menu, row, place)
        if menu.isEmpty():
            menu.deleteLater()
            return
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)


class BreakLink(Button):
    """For the head of a section that names what can be broken: `requested(BreakSubject, QRect)`, with its own place on the
    screen. It is not there while there is nothing to break."""

    requested = Signal(object, object)

    def __init__(self) -> None:
        super().__init__(tr("Break it…"), kind="link")
        self._subject: BreakSubject | None = None
        self.setObjectName("breakLink")
        self.clicked.connect(self._on_clicked)
        self.set_subject(None)

    @property
    def subject(self) -> BreakSubject | None:
        return self._subject

    def set_subject(self, subject: BreakSubject | None) -> None:
        self._subject = subject
        self.setVisible(subject is not None)
        if subject is not None:
            self.setAccessibleName(break_words(subject))
            self.setToolTip(break_words(subject))

    def _on_clicked(self) -> None:
        if self._subject is not None:
            self.requested.emit(self._subject, QRect(self.mapToGlobal(QPoint(0, 0)), self.size()))


def break_words(subject: BreakSubject) -> str:
    return tr("Break {name}…", name=subject.name)


def add_break(
    menu: QMenu, subject: BreakSubject, place: QRect, ask: Callable[[BreakSubject, QRect], object]
) -> None:
    """The item for something that is not a row of a view."""
    action = menu.addAction(theme().icon("bolt", "fault"), break_words(subject))
    action.setShortcut(QKeySequence(KEY))
    action.triggered.connect(lambda: ask(subject, place))


def on_key(widget: QWidget, ask: Callable[[], object]) -> QAction:
    """B while the focus is in `widget`, for what is not a row of a view either."""
    action = QAction(tr("Break it…"), widget)
    action.setObjectName("action:break")
    action.setIcon(theme().icon("bolt", "fault"))
    action.setShortcut(QKeySequence(KEY))
    action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    action.triggered.connect(lambda: ask())
    widget.addAction(action)
    return action
