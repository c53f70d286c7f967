"""What can be done to the selected row, as actions: each with its key, in the row's menu, and by name in the palette."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from app.core.language import tr
from app.panels.services.instance_actions import KEYS, ActionKey, possible, says, words
from app.panels.services.services_rows import InstanceRow, ServiceRow, TreeRow
from app.qt.theme import theme


class RowActions(QObject):
    """They act on the row that was last shown to them, and are disabled where they make no sense."""

    requested = Signal(str)
    copy_requested = Signal()
    logs_requested = Signal()
    replicas_requested = Signal(int)
    register_requested = Signal()
    break_requested = Signal()

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._panel = panel
        self._row: TreeRow | None = None
        self._words = words()
        self._on_instance = {key: self._make_instance_action(key) for key in KEYS}
        self._copy = self._make("copy", "Ctrl+C", self.copy_requested.emit)
        self._logs = self._make("logs", "L", self.logs_requested.emit)
        self._break = self._make("bolt", "B", self.break_requested.emit)
        self._break.setIcon(theme().icon("bolt", "fault"))
        self._break.setObjectName("action:break")
        self._more = self._make("plus", "+", lambda: self._scale(1))
        self._less = self._make("minus", "-", lambda: self._scale(-1))
        self._register = self._make("register", "Ctrl+N", self.register_requested.emit)
        self._register.setText(tr("Register an instance…"))
        self._instance_menu = self._make_menu(
            [*self._on_instance.values(), None, self._break, None, self._copy, self._logs]
        )
        self._service_menu = self._make_menu(
            [self._more, self._less, None, self._break, None, self._register]
        )
        self.show_row(None, is_stale=False)

    def _make(self, icon: str, keys: str, call: Callable[[], object]) -> QAction:
        action = QAction(self._panel)
        action.setIcon(theme().icon(icon, "text_muted"))
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda: call())
        self._panel.addAction(action)
        return action

    def _make_instance_action(self, key: ActionKey) -> QAction:
        said = self._words[key]
        action = self._make(said.icon, said.keys, partial(self.requested.emit, key))
        action.setObjectName(f"action:{key}")
        return action

    def _make_menu(self, actions: list[QAction | None]) -> QMenu:
        menu = QMenu(self._panel)
        menu.setToolTipsVisible(True)
        for action in actions:
            if action is None:
                menu.addSeparator()
            else:
                menu.addAction(action)
        return menu

    def menu_of(self, row: TreeRow) -> QMenu:
        return self._instance_menu if isinstance(row, InstanceRow) else self._service_menu

    def show_row(self, row: TreeRow | None, *, is_stale: bool) -> None:
        """This row is selected now, or none is."""
        self._row = row
        instance = row if isinstance(row, InstanceRow) else None
        service = row if isinstance(row, ServiceRow) and not row.external else None
        able = possible(instance) if instance and not is_stale else frozenset()
        for key, action in self._on_instance.items():
            self._show_action(key, action, instance, able)
        self._break.setText(tr("Break {name}…", name=_name(row)) if row else tr("Break the selected row…"))
        self._break.setEnabled(row is not None and not is_stale)
        self._copy.setText(_of(tr("Copy the address"), instance.id if instance else ""))
        self._logs.setText(_of(tr("Open the logs"), instance.id if instance else ""))
        self._more.setText(_of(tr("One more instance"), service.name if service else ""))
        self._less.setText(_of(tr("One instance less"), service.name if service else ""))
        self._copy.setEnabled(instance is not None)
        self._logs.setEnabled(instance is not None and not instance.external)
        self._more.setEnabled(service is not None and not is_stale)
        self._less.setEnabled(service is not None and not is_stale and service.replicas > 0)
        self._register.setEnabled(not is_stale)

    def _show_action(
        self, key: ActionKey, action: QAction, row: InstanceRow | None, able: frozenset[ActionKey]
    ) -> None:
        word = self._words[key].word
        action.setText(f"{word} {row.id}" if row else tr("{action} the selected instance", action=word))
        action.setToolTip(says(key, row) if row else "")
        action.setEnabled(key in able)
        frozen, external = row is not None and row.status == "frozen", row is not None and row.external
        match key:
            case "freeze":
                action.setVisible(not frozen and not external)
            case "thaw":
                action.setVisible(frozen)
            case "remove":
                action.setVisible(external)
            case _:
                action.setVisible(not external)

    def _scale(self, step: int) -> None:
        if isinstance(self._row, ServiceRow):
            self.replicas_requested.emit(self._row.replicas + step)


def _name(row: TreeRow) -> str:
    return row.id if isinstance(row, InstanceRow) else row.name


def _of(action: str, name: str) -> str:
    return f"{action}: {name}" if name else action
