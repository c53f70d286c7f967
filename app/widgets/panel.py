"""The base of every panel: a header, a place for messages, and content that gives way to a state view.

A panel is a view and nothing else: it builds widgets, tells what the user wants by signals, and shows what it is told
through setters. It never awaits and knows no client; its presenter does.
"""

from typing import Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.core.focus import Focus
from app.core.language import tr
from app.core.messages import UserMessage, to_message
from app.qt.theme import theme
from app.widgets.chip import Chip
from app.widgets.label import ElidedLabel, Label
from app.widgets.notice import Notice
from app.widgets.state_view import StateView


class Panel(QWidget):
    """Subclasses fill `self.content` (a vertical layout) and `add_header_widget`.

    `inspector_requested(page)` puts an `InspectorPage` into the inspector (None empties it). `navigation_requested(
    panel, argument)` opens another panel, say the logs of one process. `toast_requested(text)` says that something
    went well. `focus_cleared`: the user wants to see all again. Actions of a panel that belong in the command palette are ordinary `addAction(QAction)`s with a text.
    """

    inspector_requested = Signal(object)
    navigation_requested = Signal(str, object)
    toast_requested = Signal(str)
    break_requested = Signal(object, object)
    focus_cleared = Signal()

    def __init__(self, key: str, title: str, parent: QWidget | None = None) -> None:
        """`key` names it for navigation, settings and tests (its objectName)."""
        super().__init__(parent)
        self.setObjectName(key)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.key = key
        self.title = title
        self.setAccessibleName(title)
        self._subtitle = ElidedLabel("", "body", "text_muted")
        self._focus_chip = Chip("", "accent", "filter", closable=True)
        self._header = QHBoxLayout()
        self.notice = Notice("bad")
        self.state = StateView()
        self.content = QVBoxLayout()
        self._stack = QStackedWidget()
        self._build_frame()

    def _build_frame(self) -> None:
        header = QFrame()
        header.setObjectName("panelHeader")
        header.setFixedHeight(theme().size.panel_header)
        header.setLayout(self._header)
        self._header.setContentsMargins(16, 0, 16, 0)
        self._header.setSpacing(12)
        self._header.addWidget(Label(self.title, "title"))
        self._header.addWidget(self._subtitle, 1)
        self._header.addWidget(self._focus_chip)
        self._focus_chip.setObjectName("focusChip")
        self._focus_chip.setVisible(False)
        self._focus_chip.closed.connect(self.focus_cleared)
        messages = QVBoxLayout()
        messages.setContentsMargins(16, 8, 16, 8)
        messages.addWidget(self.notice)
        self._messages = QWidget()
        self._messages.setLayout(messages)
        self._messages.setVisible(False)
        self.notice.closed.connect(lambda: self._messages.setVisible(False))
        page = QWidget()
        page.setLayout(self.content)
        self.content.setContentsMargins(0, 0, 0, 0)
        self.content.setSpacing(0)
        self._stack.addWidget(page)
        self._stack.addWidget(self.state)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(header)
        layout.addWidget(self._messages)
        layout.addWidget(self._stack, 1)

    def add_header_widget(self, widget: QWidget) -> None:
        """Add a control at the right of the header."""
        self._header.addWidget(widget)

    def set_subtitle(self, text: str) -> None:
        """The sentence beside the title: what there is, with figures."""
        self._subtitle.setText(text)

    # --- what a presenter tells -----------------------------------------------------------------------------------

    def show_error(self, message: UserMessage | str) -> None:
        self.notice.show_message(message)
        self._messages.setVisible(True)

    def show_failure(self, error: Exception) -> None:
        """As `spawn(…, on_error=panel.show_failure)` wants it."""
        self.show_error(to_message(error))

    def clear_error(self) -> None:
        self.notice.clear()

    def show_content(self) -> None:
        self._stack.setCurrentIndex(0)

    def show_loading(self, title: str, text: str = "") -> None:
        self.state.show_loading(title, text)
        self._stack.setCurrentIndex(1)

    def show_empty(self, title: str, text: str = "", action: str = "", icon: str = "empty") -> None:
        """`state.action_requested` comes when the user takes the action."""
        self.state.show_empty(title, text, action, icon)
        self._stack.setCurrentIndex(1)

    @property
    def shown(self) -> Literal["content", "state"]:
        return "content" if self._stack.currentIndex() == 0 else "state"

    def set_stale(self, stale: bool) -> None:
        """Contact with the control plane is lost (or back): override to mute values and turn lamps into rings."""

    def focus_on(self, focus: Focus | None) -> None:
        """Show only what belongs to it, all again with None. Override where it means something, and say so by `show_focus`;
        it may come again with more in it.
        """

    def show_focus(self, focus: Focus | None) -> None:
        """The chip in the header that says what the panel is narrowed to, and takes it away."""
        self._focus_chip.setVisible(focus is not None)
        if focus is not None:
            self._focus_chip.set_text(tr("filtered by “{what}”", what=focus.label))

    def memory(self) -> object:
        """What the user would miss if the panel were built anew, as it is when the language changes; None for nothing.
        The texts of named filter fields are kept anyway.
        """
        return None

    def recall(self, memory: object) -> None:
        """What `memory` of the panel before gave."""

    def open_at(self, argument: object) -> None:
        """Another panel asked for this one with `navigation_requested`: override to show what it meant."""
