"""The controls at the right end of an instance's row: kill, freeze, more; or, in the selected row of an instance that
something is wrong with, the one action that sets it right.
"""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.core.language import tr
from app.panels.services.instance_actions import ActionKey, cure, possible, says, words
from app.panels.services.services_rows import InstanceRow
from app.qt.theme import theme
from app.widgets.button import Button, IconButton

RIGHT_MARGIN = 16
SIDE = 24


class RowControls(QWidget):
    """Reached by the pointer only: the keyboard has the shortcuts and the menu of the row, with the same actions."""

    action_requested = Signal(str, str)
    menu_requested = Signal(str)
    entered = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[InstanceRow, bool, bool] | None = None
        self._instance = ""
        self._second: ActionKey = "freeze"
        self._kill = self._icon_button("kill", "kill")
        self._other = self._icon_button("freeze", "other")
        self._cure = Button("", kind="primary")
        self._cure.setObjectName("cure")
        self._cure.setProperty("measure", "row")
        self._cure.style().polish(self._cure)
        self._cure.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._more = self._icon_button("more", "more")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, RIGHT_MARGIN - 4, 1)
        layout.setSpacing(0)
        layout.addStretch(1)
        for button in (self._kill, self._other, self._cure, self._more):
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        self._kill.clicked.connect(lambda: self._ask("remove" if self._is_external else "kill"))
        self._other.clicked.connect(lambda: self._ask(self._second))
        self._cure.clicked.connect(lambda: self._ask(self._second))
        self._more.clicked.connect(lambda: self.menu_requested.emit(self._instance))

    def _icon_button(self, icon: str, name: str) -> IconButton:
        button = IconButton(icon, name, tone="text_muted")
        button.setObjectName(name)
        button.setProperty("measure", "row")
        button.setFixedSize(SIDE, SIDE)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return button

    @property
    def _is_external(self) -> bool:
        return self._shown is not None and self._shown[0].external

    def show_row(self, row: InstanceRow, *, is_selected: bool, is_stale: bool) -> None:
        """Cheap while nothing changes that it shows."""
        before, self._shown = self._shown, (row, is_selected, is_stale)
        if before is not None and _key(*before) == _key(row, is_selected, is_stale):
            return
        self._instance = row.id
        self._second = cure(row) or "freeze"
        able = frozenset() if is_stale else possible(row)
        first: ActionKey = "remove" if row.external else "kill"
        is_cured = is_selected and cure(row) is not None
        self._name(self._kill, first, row)
        self._name(self._other, self._second, row)
        self._more.setAccessibleName(tr("More for {instance}", instance=row.id))
        self._more.setToolTip(tr("More actions"))
        self._cure.setText(words()[self._second].word)
        self._cure.setToolTip(says(self._second, row))
        self._kill.setEnabled(first in able)
        self._other.setEnabled(self._second in able)
        self._cure.set_busy(row.doing is not None)
        self._cure.setEnabled(self._second in able)
        self._kill.setVisible(not is_cured)
        self._other.setVisible(not is_cured and not row.external)
        self._cure.setVisible(is_cured)

    def _name(self, button: IconButton, key: ActionKey, row: InstanceRow) -> None:
        said = words()[key]
        button.setIcon(theme().icon(said.icon, "text_muted"))
        button.setAccessibleName(f"{said.word} {row.id}")
        button.setToolTip(f"{said.word} ({said.keys})\n{says(key, row)}")

    def _ask(self, key: ActionKey) -> None:
        self.action_requested.emit(self._instance, key)

    def enterEvent(self, event: QEnterEvent) -> None:
        """The view below does not see the pointer while it is here."""
        self.entered.emit(self._instance)


def _key(row: InstanceRow, is_selected: bool, is_stale: bool) -> tuple[object, ...]:
    return (
        row.id, row.status, row.pid, row.doing, row.external, row.in_rotation, row.is_last, is_selected, is_stale,
    )  # fmt: skip
