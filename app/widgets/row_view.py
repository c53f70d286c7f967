"""The view of every table and two-level tree, painted from the columns' `Look`s.

Rows are 32 px (28 in dense lists, 40 for groups) with a hairline below; the selected row has the accent edge, the
hovered one a tint. Text that is cut shows itself whole in the tooltip. `set_stale(True)` mutes all values and turns
lamps into rings: nothing may look healthy that is not known to be.

    view = RowView(COLUMNS, name=tr("Requests"), dense=True)
    view.setModel(RowFilter(model, view))
    view.row_selected.connect(self._on_row_selected)       # the row itself, or None
    view.row_menu_requested.connect(self._on_menu)         # row, global position
"""

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import (
    QItemSelection,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QAccessible,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QRegion,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QFrame, QStyleOptionViewItem, QTreeView, QWidget

from app.qt.columns import Column, Role
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.cell_delegate import CHEVRON, INDENT, LAMP_GAP, PAD, CellDelegate

LEAST_STRETCH: Final = 160
UNSEEN_MS: Final = 50
BAND: Final = 112
"""Changed cells are painted so many pixels of height a turn: three or four rows. All at once would be a stall."""


class RowView(QTreeView):
    """`activated` comes with Return or a double click, as in any Qt view."""

    row_selected = Signal(object)
    row_menu_requested = Signal(object, QPoint)
    least_stretch = LEAST_STRETCH
    """So narrow a stretching column may get, before the view scrolls sideways."""

    def __init__(
        self,
        columns: Sequence[Column[Any]],
        *,
        name: str,
        dense: bool = False,
        tree: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._columns = tuple(columns)
        self._tree = tree
        self.is_stale = False
        self._hovered = QPersistentModelIndex()
        self._changed = QRegion()
        self._next_band = QTimer(self, singleShot=True)
        self._next_band.timeout.connect(self._repaint_band)
        self.row_height = theme().size.row_dense if dense else theme().size.row
        self.setAccessibleName(name)
        self.setItemDelegate(CellDelegate(self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setUniformRowHeights(not tree)
        self.setAllColumnsShowFocus(True)
        self.setMouseTracking(True)
        self.setExpandsOnDoubleClick(tree)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._on_menu)
        self.header().sectionResized.connect(self._on_section_resized)

    # --- what panels use ------------------------------------------------------------------------------------------

    def set_stale(self, stale: bool) -> None:
        """Whether what is shown is old: the last reading before the connection was lost."""
        if stale != self.is_stale:
            self.is_stale = stale
            self.viewport().update()

    def selected_row(self) -> Any | None:
        """The selected row itself (through any filter), or None. Needs a model."""
        indexes = self.selectionModel().selectedRows()
        return indexes[0].data(Role.ROW) if indexes else None

    def selected_place(self) -> QRect:
        """Where the selected row is on the screen; empty if none is."""
        indexes = self.selectionModel().selectedRows()
        if not indexes:
            return QRect()
        place = self.visualRect(indexes[0])
        place.setWidth(min(place.width(), self.viewport().width()))
        return QRect(self.viewport().mapToGlobal(place.topLeft()), place.size())

    def select_index(self, index: QModelIndex) -> None:
        """Select and show a row, given by an index of this view's own model."""
        self.setCurrentIndex(index)
        self.scrollTo(index)

    # --- Qt's -----------------------------------------------------------------------------------------------------

    def setModel(self, model: Any) -> None:
        super().setModel(model)
        self._fit_columns()
        if self._tree and model is not None:
            self.expandAll()
            model.rowsInserted.connect(self._on_rows_inserted)

    def dataChanged(
        self,
        first: QModelIndex | QPersistentModelIndex,
        last: QModelIndex | QPersistentModelIndex,
        roles: Sequence[int] = (),
    ) -> None:
        """Repaint these cells alone: Qt repaints everything as soon as they are two. No row changes its height."""
        if QAccessible.isActive() or not last.isValid():
            super().dataChanged(first, last, list(roles))
        else:
            self._changed += self.visualRect(first) | self.visualRect(last)
            if not self._next_band.isActive():
                self._repaint_band()

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        self.row_selected.emit(self.selected_row())

    def paintEvent(self, event: QPaintEvent) -> None:
        delegate = self.itemDelegate()
        if isinstance(delegate, CellDelegate):
            delegate.dirty = event.region()
        super().paintEvent(event)
        self._changed -= event.region()
        if self._next_band.isActive():
            self._next_band.start(0)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self._changed.translate(dx, dy)
        super().scrollContentsBy(dx, dy)

    def _repaint_band(self) -> None:
        """The topmost of what changed; once that is painted, or nobody can see it, the next."""
        self._changed &= self.viewport().rect()
        if self._changed.isEmpty():
            return
        band = QRect(0, self._changed.boundingRect().top(), self.viewport().width(), BAND)
        self.viewport().update(self._changed & band)
        self._changed -= band
        self._next_band.start(UNSEEN_MS)

    def drawBranches(
        self, painter: QPainter, rect: QRect, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Nothing: the delegate draws the chevron of a group."""

    def drawRow(
        self, painter: QPainter, options: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        selected = self.selectionModel().isSelected(index)
        full = QRect(0, options.rect.top(), self.viewport().width(), options.rect.height())
        painter.fillRect(full, theme().color(self._ground(index, selected=selected)))
        super().drawRow(painter, options, index)
        painter.fillRect(full.left(), full.bottom(), full.width(), 1, theme().color("border"))
        if selected:
            painter.fillRect(full.left(), full.top(), 2, full.height(), theme().color("accent"))

    def _ground(self, index: QModelIndex | QPersistentModelIndex, *, selected: bool) -> Tone:
        if selected:
            return "surface_selected"
        if self._hovered.isValid() and self._hovered == index.sibling(index.row(), 0):
            return "surface_hover"
        return "surface_raised" if self._tree and not index.parent().isValid() else "surface"

    @property
    def hovered_index(self) -> QPersistentModelIndex:
        """The first cell of the row under the pointer, invalid when there is none."""
        return self._hovered

    def _hover(self, index: QModelIndex) -> None:
        now = QPersistentModelIndex(index.siblingAtColumn(0))
        if now != self._hovered:
            self._hovered = now
            self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hover(self.indexAt(event.position().toPoint()))

    def leaveEvent(self, event: Any) -> None:
        super().leaveEvent(event)
        self._hover(QModelIndex())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        is_chevron = index.isValid() and index.column() == 0 and event.position().x() < PAD * 2 + CHEVRON
        if self._tree and is_chevron and self.model().hasChildren(index):
            self.setExpanded(index, not self.isExpanded(index))
            return
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The menu of the row by its own key and by Shift+F10: not every platform makes one of them."""
        is_f10 = event.key() == Qt.Key.Key_F10 and event.modifiers() == Qt.KeyboardModifier.ShiftModifier
        if (is_f10 or event.key() == Qt.Key.Key_Menu) and self.currentIndex().isValid():
            self._on_menu(self.visualRect(self.currentIndex()).center())
        else:
            super().keyPressEvent(event)

    def _on_rows_inserted(self, parent: QModelIndex, first: int, last: int) -> None:
        """Groups are open until the user closes them, those that come later too."""
        if not parent.isValid():
            for row in range(first, last + 1):
                self.expand(self.model().index(row, 0, parent))
        elif self.model().rowCount(parent) == last - first + 1:
            self.expand(parent)

    def _on_menu(self, place: QPoint) -> None:
        index = self.indexAt(place)
        if index.isValid():
            self.row_menu_requested.emit(index.data(Role.ROW), self.viewport().mapToGlobal(place))

    def _fit_columns(self) -> None:
        header = self.header()
        header.setStretchLastSection(False)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(24)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for at, column in enumerate(self._columns):
            if not column.stretch:
                header.resizeSection(at, width_of(column, first=at == 0, tree=self._tree))
        self._share_width()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_width()

    def _on_section_resized(self, section: int) -> None:
        if not self._columns[section].stretch:
            self._share_width()

    def _share_width(self) -> None:
        """Columns that stretch share what the others leave, but stay wide enough to say something: then it scrolls."""
        header = self.header()
        stretching = [at for at, column in enumerate(self._columns) if column.stretch]
        if not stretching or header.count() < len(self._columns):
            return
        taken = sum(header.sectionSize(at) for at in range(header.count()) if at not in stretching)
        room = (self.viewport().width() - taken) // len(stretching)
        for at in stretching:
            header.resizeSection(at, max(self.least_stretch, room))


def width_of(column: Column[Any], *, first: bool, tree: bool = False) -> int:
    """Room for the column's longest real value, or its title; `first` in a view, with its indent."""
    sample = QFontMetrics(theme().font(column.face)).horizontalAdvance(column.sample)
    title = QFontMetrics(theme().font("caption")).horizontalAdvance(column.title)
    lamp = theme().size.lamp_small + LAMP_GAP if column.mark else 0
    indent = (PAD + INDENT * tree) if first else 0
    return max(sample + lamp + indent, title + (PAD if first else 0)) + 2 * PAD
