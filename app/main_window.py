"""The window: top bar, rail, panels, inspector and timeline, put together. A view: it shows and tells, and decides nothing.

Below 1200 px the inspector folds to an edge tab, below 1000 the rail keeps its icons alone. What the user folded or
opened stays so until the width crosses a bound; whether the inspector is open where there is room for it is remembered.
Below 600 px of height, as on a small screen at 200 %, the timeline shows one chain.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QByteArray, QRect, Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.core.focus import Focus
from app.core.language import tr
from app.core.messages import UserMessage
from app.frame.command_palette import CommandPalette
from app.frame.inspector import Inspector
from app.frame.rail import Rail
from app.frame.remembering import filter_fields, place_of, put_back
from app.frame.system_page import SystemPage
from app.frame.timeline import Timeline
from app.frame.top_bar import PALETTE_KEYS, TopBar
from app.qt.theme import theme
from app.widgets.inspector_page import InspectorPage
from app.widgets.notice import Toast
from app.widgets.panel import Panel
from app.widgets.state_view import StateView

FOLD_BELOW: Final = 1200
NARROW_BELOW: Final = 1000
SHORT_BELOW: Final = 600


class MainWindow(QMainWindow):
    """`close_requested` instead of closing: whoever answers it ends the application when all is stopped."""

    start_requested = Signal()
    stop_requested = Signal()
    close_requested = Signal()
    panel_shown = Signal(str)
    break_requested = Signal(object, object)
    focus_cleared = Signal()

    def __init__(self, workspace: Path) -> None:
        super().__init__()
        self.setObjectName("mainWindow")
        self.setWindowTitle(f"{workspace.name} – Faultdeck")
        self.setMinimumSize(720, 480)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.resize(1440, 900)
        self._workspace = workspace
        self.wants_inspector = True
        self.focus_entry = ""
        self._build()

    def _build(self) -> None:
        """Everything in it, with no panel yet."""
        self._panels: dict[str, Panel] = {}
        self._pages: dict[str, InspectorPage] = {}  # what each panel last put into the inspector
        self._current = ""
        self._width_class = ""
        self._focus: Focus | None = None
        self._focus_page: InspectorPage | None = None
        self.top_bar = TopBar(self._workspace)
        self.rail = Rail()
        self.system_page = SystemPage(self._workspace, self._keys())
        self.inspector = Inspector(self.system_page)
        self.timeline = Timeline()
        self.state = StateView()
        self.state.setObjectName("systemState")
        self._stack = QStackedWidget()
        self._stack.addWidget(self.state)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._build_ui()
        self.toast = Toast(self)
        self.palette_view = CommandPalette(self, self.all_actions)
        self._connect()
        self._build_actions()

    def rebuild(self, furnish: Callable[[], None]) -> None:
        """Build everything anew, in the language that is used now; `furnish` adds the panels. What the user sees and
        wrote stays: panel, selection, filters, drafts, widths. The window itself stays too, with its signals.
        """
        memories = {key: panel.memory() for key, panel in self._panels.items()}
        texts, split, current = self.filter_texts(), self.split_state(), self._current
        is_folded, has_timeline = self.inspector.is_folded, self.timeline.isVisibleTo(self)
        for action in self.actions():
            self.removeAction(action)
            action.deleteLater()
        for widget in (*self._panels.values(), self._center, self.toast, self.palette_view):
            widget.hide()
            widget.deleteLater()
        self._build()
        furnish()
        self._follow_width(self.width())
        self.timeline.set_short(is_short=self.height() < SHORT_BELOW)
        self.inspector.set_folded(is_folded)
        self._splitter.restoreState(QByteArray(split))
        self.timeline.setVisible(has_timeline)
        self.set_filter_texts(texts)
        self.show_panel(current)
        for key, memory in memories.items():
            if key in self._panels:
                self._panels[key].recall(memory)

    def _build_ui(self) -> None:
        self._splitter.addWidget(self._stack)
        self._splitter.addWidget(self.inspector)
        self._splitter.setStretchFactor(0, 1)
        self._splitter.setStretchFactor(1, 0)
        self._splitter.setCollapsible(0, False)
        self._splitter.setCollapsible(1, False)
        self._splitter.setHandleWidth(1)
        self._splitter.setSizes([1056, theme().size.inspector])
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.rail)
        middle.addWidget(self._splitter, 1)
        self._center = QWidget()
        layout = QVBoxLayout(self._center)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.top_bar)
        layout.addLayout(middle, 1)
        layout.addWidget(self.timeline)
        self.setCentralWidget(self._center)

    def _connect(self) -> None:
        self.top_bar.start_requested.connect(self.start_requested)
        self.top_bar.stop_requested.connect(self.stop_requested)
        self.top_bar.palette_requested.connect(self.palette_view.open)
        self.state.action_requested.connect(self.start_requested)
        self.rail.panel_requested.connect(self.show_panel)
        self.system_page.break_requested.connect(self.break_requested)
        self.timeline.lines.break_requested.connect(self.break_requested)
        self.timeline.cleared.connect(self.focus_cleared)
        self.inspector.folded.connect(self._on_inspector_folded)

    def _build_actions(self) -> None:
        self.add_action(tr("Search all actions"), self.palette_view.open, PALETTE_KEYS)
        self.add_action(tr("Fold or open the inspector"), self._toggle_inspector, "Ctrl+I", "inspector")
        self.add_action(tr("Show or hide the timeline"), self._toggle_timeline, "Ctrl+T", "history")
        self.add_action(tr("Go to the timeline"), self._go_to_timeline, "Ctrl+Shift+T", "history")
        self._clear_focus = self.add_action(
            tr("Show all again, not only what followed"), self.focus_cleared.emit, "Esc", "filter"
        )
        self._clear_focus.setEnabled(False)
        self.add_action(tr("Start the system"), self.start_requested.emit, icon="start")
        self.add_action(tr("Stop the system"), self.stop_requested.emit, icon="stop")
        self.add_action(tr("Quit Faultdeck"), self.close, "Ctrl+Q", "close")

    def add_action(self, text: str, call: Callable[[], object], keys: str = "", icon: str = "") -> QAction:
        """An action of the whole window: by name in the palette, and by its keys anywhere."""
        action = QAction(text, self)
        action.setShortcut(QKeySequence(keys))
        if icon:
            action.setIcon(theme().icon(icon, "text_muted"))
        action.triggered.connect(lambda: call())
        self.addAction(action)
        return action

    def all_actions(self) -> list[QAction]:
        """The window's, and those of the panel that is open."""
        panel = self._panels.get(self._current)
        return [*(panel.actions() if panel else []), *self.actions()]

    # --- panels ---------------------------------------------------------------------------------------------------

    def add_panel(self, panel: Panel, icon: str, keys: str) -> None:
        """The first one added is shown."""
        self._panels[panel.key] = panel
        self._stack.addWidget(panel)
        self.rail.add(panel.key, panel.title, icon, keys)
        self.add_action(
            tr("Go to {panel}", panel=panel.title), lambda: self.show_panel(panel.key), keys, icon
        )
        panel.inspector_requested.connect(lambda page: self._on_inspector_requested(panel, page))
        panel.navigation_requested.connect(self.open_panel_at)
        panel.focus_cleared.connect(self.focus_cleared)
        panel.toast_requested.connect(self.toast.say)
        panel.break_requested.connect(self.break_requested)
        if not self._current:
            self._show(panel.key)

    @property
    def panels(self) -> dict[str, Panel]:
        return dict(self._panels)

    @property
    def current_panel(self) -> str:
        return self._current

    def show_panel(self, key: str) -> None:
        """A panel that does not exist (any more) is passed over."""
        if key in self._panels:
            self._show(key)

    def _show(self, key: str) -> None:
        self._current = key
        self.rail.choose(key)
        self._stack.setCurrentWidget(self._panels[key])
        self.inspector.show_page(self._pages.get(key) or self._focus_page)
        self.panel_shown.emit(key)

    def _on_inspector_requested(self, panel: Panel, page: InspectorPage | None) -> None:
        if page is None:
            self._pages.pop(panel.key, None)
        else:
            self._pages[panel.key] = page
        if panel.key == self._current and not self.shows_state:
            self.inspector.show_page(page or self._focus_page)

    def open_panel_at(self, key: str, argument: object) -> None:
        """Show a panel, and in it what `argument` means to it."""
        if key in self._panels:
            self.show_panel(key)
            self._panels[key].open_at(argument)

    def show_state(self, *, shown: bool) -> None:
        """Put the state view (filled by the caller) in the place of all panels, or take it away. With the panels goes
        what is selected in them: facts of what is no more are none.
        """
        if shown:
            self._stack.setCurrentWidget(self.state)
            self.inspector.show_page(None)
        elif self._current and self.shows_state:
            self._stack.setCurrentWidget(self._panels[self._current])
            self.inspector.show_page(self._pages.get(self._current) or self._focus_page)

    # --- what all panels are narrowed to --------------------------------------------------------------------------

    def focus_on(self, focus: Focus | None, entry: str = "", page: InspectorPage | None = None) -> None:
        """Narrow all panels to an entry of the timeline and what came of it, with its page of the inspector; None shows all."""
        is_other = page is not self._focus_page or entry != self.focus_entry
        self.focus_entry, self._focus_page = entry, page
        self.timeline.show_focus(focus, entry)
        self._clear_focus.setEnabled(focus is not None)
        if focus != self._focus:
            self._focus = focus
            for panel in self._panels.values():
                panel.focus_on(focus)
        if is_other and not self.shows_state:
            self.inspector.show_page(page or self._pages.get(self._current))

    @property
    def focus_of_panels(self) -> Focus | None:
        return self._focus

    @property
    def shows_state(self) -> bool:
        return self._stack.currentWidget() is self.state

    def show_error(self, message: UserMessage) -> None:
        """For what has no place of its own."""
        self.toast.say(message, "bad")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.setFocus()  # no control looks chosen before the user has chosen one

    def raise_to_front(self) -> None:
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()

    # --- what is remembered ---------------------------------------------------------------------------------------

    def filter_texts(self) -> dict[str, str]:
        """The texts of the named filter fields, by `panel/field`."""
        fields = filter_fields(self._panels.values())
        return {key: field.text() for key, field in fields.items() if field.text()}

    def set_filter_texts(self, texts: dict[str, str]) -> None:
        fields = filter_fields(self._panels.values())
        for key in texts.keys() & fields.keys():
            fields[key].setText(texts[key])

    def split_state(self) -> bytes:
        return bytes(self._splitter.saveState().data())

    @property
    def place(self) -> QRect:
        return place_of(self)

    def restore(self, geometry: bytes, split: bytes, place: QRect | None = None) -> None:
        """States that do not fit are passed over."""
        put_back(self, geometry, place)
        if split:
            self._splitter.restoreState(QByteArray(split))

    # --- width and end --------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._follow_width(event.size().width())
        self.timeline.set_short(is_short=event.size().height() < SHORT_BELOW)

    def _follow_width(self, width: int) -> None:
        width_class = "narrow" if width < NARROW_BELOW else "folded" if width < FOLD_BELOW else "wide"
        if width_class != self._width_class:
            was, self._width_class = self._width_class, width_class
            self.rail.set_narrow(width_class == "narrow")
            if was in ("", "wide") or width_class == "wide":
                self.inspector.set_folded(width_class != "wide" or not self.wants_inspector)

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        self.close_requested.emit()

    def _toggle_inspector(self) -> None:
        self.inspector.set_folded(not self.inspector.is_folded)

    def _on_inspector_folded(self, is_folded: bool) -> None:
        """A splitter gives room that became free to nobody by itself."""
        if self._width_class == "wide":
            self.wants_inspector = not is_folded
        width = self.inspector.maximumWidth() if is_folded else theme().size.inspector
        self._splitter.setSizes([max(1, sum(self._splitter.sizes()) - width), width])

    def _go_to_timeline(self) -> None:
        """To its entries, which the arrow keys walk along."""
        self.timeline.setVisible(True)
        self.timeline.lines.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _toggle_timeline(self) -> None:
        self.timeline.setVisible(not self.timeline.isVisible())

    @staticmethod
    def _keys() -> list[tuple[str, str]]:
        return [
            (tr("Every action by name"), PALETTE_KEYS),
            (tr("Panels"), "Ctrl+1 … 0"),
            (tr("The inspector"), "Ctrl+I"),
            (tr("The timeline"), "Ctrl+T"),
        ]
