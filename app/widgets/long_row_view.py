"""The view of long flat lists: it looks and speaks as `RowView` does, and stays quick with tens of thousands of rows.

(`RowView`, a tree, lays out all its rows anew after each insertion: 40 ms with 20,000 of them. A table does not.)

With `tail=True` it follows: the newest row, at the end, stays in sight until the user scrolls up, selects with the
keyboard or calls `set_following(False)`; scrolling to the end follows again. While it does not follow, what is on the
screen stays where it is, whatever comes and goes above and below. `head=True` is the same with the newest row at the top.

    view = LongRowView(model.columns, name=tr("Log"), tail=True, tint=lambda row: "bad_tint" if row.failed else None)
    view.following_changed.connect(self._resume.setHidden)
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from PySide6.QtCore import QItemSelection, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractSlider,
    QFrame,
    QHeaderView,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app.qt.columns import Column, Look, Role
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.cell_delegate import CellDelegate, Index
from app.widgets.row_view import width_of

Tint = Callable[[Any], Tone | None]


class LongRowView(QTableView):
    """`tint` gives a row a ground of its own. Signals and setters are `RowView`'s."""

    row_selected = Signal(object)
    row_menu_requested = Signal(object, QPoint)
    following_changed = Signal(bool)

    def __init__(
        self,
        columns: Sequence[Column[Any]],
        *,
        name: str,
        tail: bool = False,
        head: bool = False,
        tint: Tint | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._painted: dict[int, Any] = {}
        self._is_head = head
        self._is_tail = tail or head
        self.is_following = self._is_tail
        self.is_stale = False
        self.tint = tint
        self.hovered_row = -1
        self._placing = False
        self._user_scrolls = False
        self._top: tuple[QPersistentModelIndex, int] | None = None
        self.row_height = theme().size.row_dense
        self.setAccessibleName(name)
        self.setItemDelegate(RowDelegate(self))
        self._look_like_rows()
        self.customContextMenuRequested.connect(self._on_menu)
        self.verticalScrollBar().actionTriggered.connect(self._on_scroll_action)
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)

    def _look_like_rows(self) -> None:
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        rows = self.verticalHeader()
        rows.hide()
        rows.setMinimumSectionSize(self.row_height)
        rows.setDefaultSectionSize(self.row_height)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    # --- what panels use ------------------------------------------------------------------------------------------

    def set_stale(self, stale: bool) -> None:
        if stale != self.is_stale:
            self.is_stale = stale
            self.viewport().update()

    def selected_row(self) -> Any | None:
        """The selected row itself, or None. Needs a model."""
        indexes = self.selectionModel().selectedRows()
        return indexes[0].data(Role.ROW) if indexes else None

    def selected_place(self) -> QRect:
        """Where the selected row is on the screen; empty if none is."""
        indexes = self.selectionModel().selectedRows()
        if not indexes:
            return QRect()
        place = self.visualRect(indexes[0])
        place.setLeft(0)
        place.setWidth(self.viewport().width())
        return QRect(self.viewport().mapToGlobal(place.topLeft()), place.size())

    @property
    def first_column(self) -> int:
        """The leftmost column that is shown."""
        return next((at for at in range(len(self.columns)) if not self.isColumnHidden(at)), 0)

    def select_index(self, index: QModelIndex) -> None:
        """Select a row of this view's own model and bring it into the middle; it then follows no more."""
        self.set_following(False)
        with self._placed():
            self.setCurrentIndex(index)
            self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)

    def set_following(self, following: bool) -> None:
        if following == self.is_following or not self._is_tail:
            return
        self.is_following = following
        if following:
            self._to_end()
        self.following_changed.emit(following)

    # --- painting -------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Row by row, without Qt's way to each cell, which would take as long as painting: a row is asked for once, its ground is
        one piece, and delegates are told no more than where their cell is."""
        rows = self._rows_in(event.rect())
        if not rows:
            return
        model, option = self.model(), QStyleOptionViewItem()
        columns = [
            (
                column,
                self.itemDelegateForIndex(model.index(rows[0], column)),
                self.columnViewportPosition(column),
                self.columnWidth(column),
            )
            for column in range(len(self.columns))
            if not self.isColumnHidden(column)
        ]
        with QPainter(self.viewport()) as painter:
            for row in rows:
                self._painted = {row: model.index(row, 0).data(Role.ROW)}
                self._draw_ground(painter, row)
                top = self.rowViewportPosition(row)
                for column, delegate, left, width in columns:
                    option.rect = QRect(left, top, width, self.row_height)
                    delegate.paint(painter, option, model.index(row, column))
            self._painted = {}

    def row_at(self, row: int) -> Any:
        """The row object in that line of the model; None where there is none."""
        found = self._painted.get(row)
        return self.model().index(row, 0).data(Role.ROW) if found is None else found

    def _rows_in(self, area: QRect) -> range:
        first, last = self.rowAt(area.top()), self.rowAt(area.bottom())
        if first < 0:
            return range(0)
        return range(first, (self.model().rowCount() if last < 0 else last + 1))

    def _draw_ground(self, painter: QPainter, row: int) -> None:
        found = self.row_at(row)
        selected = self.selectionModel().isRowSelected(row)
        colors, top, width = theme(), self.rowViewportPosition(row), self.viewport().width()
        if selected:
            ground: Tone = "surface_selected"
        elif row == self.hovered_row:
            ground = "surface_hover"
        else:
            ground = (self.tint(found) if self.tint and not self.is_stale else None) or "surface"
        painter.fillRect(0, top, width, self.row_height, colors.color(ground))
        painter.fillRect(0, top + self.row_height - 1, width, 1, colors.color("border"))
        if selected:
            left = self.columnViewportPosition(self.first_column)
            painter.fillRect(left, top, 2, self.row_height, colors.color("accent"))

    # --- staying in place -----------------------------------------------------------------------------------------

    def setModel(self, model: Any) -> None:
        super().setModel(model)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setMinimumSectionSize(24)
        for at, column in enumerate(self.columns):
            if column.stretch:
                header.setSectionResizeMode(at, QHeaderView.ResizeMode.Stretch)
            else:
                header.resizeSection(at, width_of(column, first=at == 0))
        if self._is_tail:
            model.rowsAboutToBeInserted.connect(self._remember_place)
            model.rowsAboutToBeRemoved.connect(self._remember_place)
            model.rowsInserted.connect(self._keep_place)
            model.rowsRemoved.connect(self._keep_place)
            model.modelReset.connect(self._keep_place)

    def _remember_place(self) -> None:
        top = self.indexAt(QPoint(1, 1))
        self._top = (
            (QPersistentModelIndex(top), self.rowViewportPosition(top.row())) if top.isValid() else None
        )

    def _keep_place(self) -> None:
        if self.is_following:
            self._to_end()
        elif self._top is not None and self._top[0].isValid():
            with self._placed():
                self.updateGeometries()
                self.verticalScrollBar().setValue(self._top[0].row() * self.row_height - self._top[1])
        self._top = None

    def _to_end(self) -> None:
        """Where the newest row is."""
        with self._placed():
            if self._is_head:
                self.scrollToTop()
            else:
                self.scrollToBottom()

    @contextmanager
    def _placed(self) -> Iterator[None]:
        """Scrolling inside is ours, not the user's."""
        before, self._placing = self._placing, True
        try:
            yield
        finally:
            self._placing = before

    def _on_scroll_action(self, action: int) -> None:
        self._user_scrolls = action != QAbstractSlider.SliderAction.SliderNoAction.value

    def _on_scrolled(self, value: int) -> None:
        by_user, self._user_scrolls = self._user_scrolls, False
        if self._placing or not self._is_tail:
            return
        at_end = value <= 0 if self._is_head else value >= self.verticalScrollBar().maximum()
        if not at_end or by_user:
            self.set_following(at_end)

    def resizeEvent(self, event: QResizeEvent) -> None:
        with self._placed():
            super().resizeEvent(event)
        if self.is_following:
            self._to_end()

    # --- Qt's -----------------------------------------------------------------------------------------------------

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        if not (selected.isEmpty() and deselected.isEmpty()):  # as Qt tells of rows that come or go above
            self.row_selected.emit(self.selected_row())

    def rowsAboutToBeRemoved(self, parent: Index, start: int, end: int) -> None:
        """Qt would select the next row in place of the current one, and scroll there: not in a tail, whose oldest rows
        go all the time.
        """
        current = self.currentIndex()
        if self._is_tail and current.isValid() and start <= current.row() <= end:
            self.selectionModel().clear()
        super().rowsAboutToBeRemoved(parent, start, end)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        rows = self.model().rowCount() if self.model() is not None else 0
        oldest, newest = (rows - 1, 0) if self._is_head else (0, rows - 1)
        if event.key() == (Qt.Key.Key_End if self._is_head else Qt.Key.Key_Home) and rows:
            self.select_index(self.model().index(oldest, 0))
        elif event.key() == (Qt.Key.Key_Home if self._is_head else Qt.Key.Key_End) and rows:
            self.setCurrentIndex(self.model().index(newest, 0))
            self.set_following(True)
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hover(self.rowAt(int(event.position().y())))

    def leaveEvent(self, event: Any) -> None:
        super().leaveEvent(event)
        self._hover(-1)

    def _hover(self, row: int) -> None:
        if row != self.hovered_row:
            self.hovered_row = row
            self.viewport().update()

    def _on_menu(self, place: QPoint) -> None:
        index = self.indexAt(place)
        if index.isValid():
            self.row_menu_requested.emit(index.data(Role.ROW), self.viewport().mapToGlobal(place))


class RowDelegate(CellDelegate):
    """Paints a cell on the row's ground. Panels subclass it only for columns of their own kind."""

    def __init__(self, view: LongRowView) -> None:
        super().__init__(view)
        self._rows = view

    def look_of(self, index: Index) -> Look | None:
        """Asked of the column itself: through Qt it would take as long as painting."""
        row = self._rows.row_at(index.row())
        return None if row is None else self._rows.columns[index.column()].look(row)
