"""The tree of services and instances with real controls in its rows: a stepper on a service, actions on an instance."""

from collections.abc import Iterator
from typing import Any, Final, cast

from PySide6.QtCore import QItemSelection, QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.core.language import tr
from app.panels.services.row_controls import RIGHT_MARGIN, RowControls
from app.panels.services.services_delegate import ServicesDelegate
from app.panels.services.services_model import Place
from app.panels.services.services_rows import MAX_REPLICAS, InstanceRow, TreeRow
from app.qt.columns import Column, Role
from app.qt.theme import theme
from app.widgets.row_view import RowView
from app.widgets.stepper import Stepper

CONTROLS_WIDTH: Final = 106
FLASH_MS: Final = 600
PID_FROM: Final = 1000
LATENCY_FROM: Final = 900
UP_FROM: Final = 850
PORT_FROM: Final = 790
IN_FLIGHT_FROM: Final = 730
P50_FROM: Final = 660
"""Widths of the tree from which on it has room for these columns."""


class ServicesTree(RowView):
    """`action_requested(instance, action)`, `replicas_requested(service, n)`, `row_menu_requested(row, place)`."""

    action_requested = Signal(str, str)
    replicas_requested = Signal(str, int)

    def __init__(self, columns: tuple[Column[InstanceRow], ...], parent: QWidget | None = None) -> None:
        super().__init__(columns, name=tr("Services and their instances"), tree=True, parent=parent)
        self.setObjectName("servicesTree")
        self._statuses: dict[tuple[str, ...], str] = {}
        self.flashing: dict[tuple[str, ...], str] = {}
        """The statuses that have just changed, by the row's key."""
        self.setItemDelegate(ServicesDelegate(self))

    def setModel(self, model: Any) -> None:
        super().setModel(model)
        self.header().resizeSection(Place.ACTIONS, CONTROLS_WIDTH)
        model.rowsInserted.connect(self._on_rows_inserted_for_controls)
        model.dataChanged.connect(self._on_data_changed)
        model.modelReset.connect(self._equip_all)
        self._equip_all()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What can be spared gives way to the reasons: they stand in the inspector too."""
        width = event.size().width()
        self.setColumnHidden(Place.PID, width < PID_FROM)
        self.setColumnHidden(Place.LATENCY, width < LATENCY_FROM)
        self.setColumnHidden(Place.UP, width < UP_FROM)
        self.setColumnHidden(Place.PORT, width < PORT_FROM)
        self.setColumnHidden(Place.IN_FLIGHT, width < IN_FLIGHT_FROM)
        self.setColumnHidden(Place.P50, width < P50_FROM)
        super().resizeEvent(event)

    def set_stale(self, stale: bool) -> None:
        if stale != self.is_stale:
            super().set_stale(stale)
            self._equip_all()

    def row_of(self, key: str) -> QModelIndex:
        """The row of an instance, or else of a service, that is shown; an invalid index when there is none."""
        found = [index for index in self._indexes() if key in index.data(Role.ROW).key[-1:]]
        return max(found, key=lambda index: index.parent().isValid(), default=QModelIndex())

    def controls(self, key: str) -> QWidget | None:
        """The widget at the right end of the row of an instance or a service."""
        return self.indexWidget(self.row_of(key).siblingAtColumn(Place.ACTIONS))

    # --- the widgets in the rows ----------------------------------------------------------------------------------

    def _on_rows_inserted_for_controls(self, parent: QModelIndex, first: int, last: int) -> None:
        for row in range(first, last + 1):
            index = self.model().index(row, 0, parent)
            self._equip(index)
            for member in self._children(index):
                self._equip(member)

    def _on_data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        """The controls follow status and process; of figures alone, which change all the time, they show nothing."""
        if first.column() > Place.PID:
            return
        for row in range(first.row(), last.row() + 1):
            self._equip(first.sibling(row, 0))

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        for index in {i.siblingAtColumn(0) for i in [*selected.indexes(), *deselected.indexes()]}:
            self._equip(index)

    def _equip_all(self) -> None:
        for index in self._indexes():
            self._equip(index)

    def _indexes(self) -> Iterator[QModelIndex]:
        for group in self._children(QModelIndex()):
            yield group
            yield from self._children(group)

    def _children(self, parent: QModelIndex) -> Iterator[QModelIndex]:
        for row in range(self.model().rowCount(parent)):
            yield self.model().index(row, 0, parent)

    def _equip(self, index: QModelIndex) -> None:
        """Give the row its widget if it has none yet, and let that show what the row is."""
        row: TreeRow = index.data(Role.ROW)
        self._note_status(row)
        place = index.siblingAtColumn(Place.ACTIONS)
        widget = cast("QWidget | None", self.indexWidget(place))
        if isinstance(row, InstanceRow):
            if not isinstance(widget, RowControls):
                widget = self._make_controls(place)
            is_selected = self.selectionModel().isSelected(index)
            widget.show_row(row, is_selected=is_selected, is_stale=self.is_stale)
        elif not row.external:
            stepper = widget.findChild(Stepper) if widget is not None else None
            if stepper is None:
                stepper = self._make_stepper(place, row.name)
            stepper.set_value(row.replicas)
            stepper.setEnabled(not self.is_stale)

    def _note_status(self, row: TreeRow) -> None:
        """A status that is new has a tint behind it for a moment, and then is like any other."""
        key = row.key
        before, self._statuses[key] = self._statuses.get(key), row.status
        if before in (None, row.status) or theme().reduces_motion:
            return
        self.flashing[key] = row.status
        QTimer.singleShot(FLASH_MS, self, lambda: self._end_flash(key))

    def _end_flash(self, key: tuple[str, ...]) -> None:
        self.flashing.pop(key, None)
        self.viewport().update()

    def _make_controls(self, place: QModelIndex) -> RowControls:
        controls = RowControls()
        controls.action_requested.connect(self.action_requested)
        controls.menu_requested.connect(self._on_more)
        controls.entered.connect(lambda instance: self._hover(self.row_of(instance)))
        self.setIndexWidget(place, controls)
        return controls

    def _make_stepper(self, place: QModelIndex, service: str) -> Stepper:
        stepper = Stepper(tr("Replicas of {service}", service=service), 0, MAX_REPLICAS)
        stepper.setObjectName(f"replicas:{service}")
        stepper.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        stepper.value_requested.connect(lambda n: self.replicas_requested.emit(service, n))
        holder = QWidget()
        layout = QHBoxLayout(holder)
        layout.setContentsMargins(0, 0, RIGHT_MARGIN, 1)
        layout.addStretch(1)
        layout.addWidget(stepper)
        self.setIndexWidget(place, holder)
        return stepper

    # --- menu --------------------------------------------------------------------------------------------------------

    def _on_more(self, instance: str) -> None:
        index = self.row_of(instance)
        self.select_index(index)
        area = self.visualRect(index.siblingAtColumn(Place.ACTIONS))
        place = self.viewport().mapToGlobal(QPoint(area.right() - 160, area.bottom()))
        self.row_menu_requested.emit(index.data(Role.ROW), place)
