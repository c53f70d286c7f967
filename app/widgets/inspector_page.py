"""A page of the inspector: what is selected, its facts and history, and its actions at the bottom, always in the same
six places.

    page = InspectorPage()
    page.set_subject(tr("Instance of {service}", service="payment"), "payment-2", ("frozen", tr("Frozen")))
    self._facts = page.add_section(tr("Facts"), FactList())
    page.set_actions([kill, terminate, freeze, restart, drain])     # Buttons, kept by the panel
"""

from collections.abc import Sequence
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.widgets.copyable_id import CopyableId
from app.widgets.label import ElidedLabel, Label
from app.widgets.notice import Notice
from app.widgets.status_pill import StatusPill

Content = TypeVar("Content", bound=QWidget)


class InspectorPage(QWidget):
    """Panels make one per kind of thing and refill it; the window shows the one that was last asked for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inspectorPage")
        self._kind = Label("", "caption", "text_secondary")
        self._name = ElidedLabel("", "title")
        self._title_line = QHBoxLayout()
        self._status = StatusPill(small=True)
        self._id = CopyableId()
        self._note = Label("", "small", "text_secondary", wrap=True)
        self.notice = Notice("bad")
        self._sections = QVBoxLayout()
        self._actions = QGridLayout()
        self._footer = QFrame()
        self._build_ui()
        self.set_subject("", "")
        self.hide()  # a panel's own until the inspector shows it, and not something on top of the panel

    def _build_ui(self) -> None:
        first, second = QHBoxLayout(), self._title_line
        first.addWidget(self._kind, 1)
        first.addWidget(self._id)
        second.addWidget(self._name, 1)
        second.addWidget(self._status)
        head = QFrame()
        head.setProperty("region", "section")
        column = QVBoxLayout(head)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(2)
        column.addLayout(first)
        column.addLayout(second)
        column.addWidget(self._note)
        column.addWidget(self.notice)
        inner = QWidget()
        self._sections.setContentsMargins(0, 0, 0, 0)
        self._sections.setSpacing(0)
        inner.setLayout(self._sections)
        self._sections.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        self._footer.setProperty("region", "footer")
        self._actions.setContentsMargins(16, 12, 16, 12)
        self._actions.setSpacing(8)
        self._footer.setLayout(self._actions)
        self._footer.setVisible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(head)
        layout.addWidget(scroll, 1)
        layout.addWidget(self._footer)

    def set_subject(
        self,
        kind: str,
        name: str,
        status: tuple[str, str] | None = None,
        *,
        identity: str = "",
        note: str = "",
    ) -> None:
        """What the page is about: its kind, its name, its status as (status, word), an id to copy, a sentence."""
        self._kind.setText(kind)
        self._name.setText(name)
        self._status.setVisible(status is not None)
        if status is not None:
            self._status.set_status(*status)
        self._id.set_id(identity)
        self._id.setVisible(bool(identity))
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def put_name(self, widget: QWidget) -> None:
        """Show the name by a widget of the panel's own, which the panel keeps true."""
        self._name.setVisible(False)
        self._title_line.insertWidget(0, widget, 1)

    @property
    def subject(self) -> str:
        return self._name.text()

    def add_section(self, title: str, content: Content, aside: QWidget | None = None) -> Content:
        """Put `content` under a heading, with `aside` at the right of it. Hide `content.parentWidget()` to hide both."""
        frame = QFrame()
        frame.setProperty("region", "section")
        column = QVBoxLayout(frame)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(6)
        if title:
            line = QHBoxLayout()
            line.addWidget(Label(title, "small", "text_secondary", strong=True), 1)
            if aside is not None:
                line.addWidget(aside)
            column.addLayout(line)
        column.addWidget(content)
        self._sections.insertWidget(self._sections.count() - 1, frame)
        return content

    def set_actions(self, buttons: Sequence[QPushButton | None]) -> None:
        """Up to six buttons in two rows of three; None leaves a place empty, so that each keeps its own."""
        for at, button in enumerate(buttons):
            if button is not None:
                button.setProperty("measure", "action")
                button.style().polish(button)
                self._actions.addWidget(button, at // 3, at % 3)
        self._show_actions(any(button is not None for button in buttons))

    def set_wide_action(self, button: QPushButton, beside: QPushButton) -> None:
        """One that matters most, twice as wide as the other one."""
        for place, (one, span) in enumerate(((button, 2), (beside, 1))):
            one.setProperty("measure", "large")
            one.style().polish(one)
            self._actions.addWidget(one, 0, 2 * place, 1, span)
        self._show_actions(shown=True)

    def _show_actions(self, shown: bool) -> None:
        for column in range(3):
            self._actions.setColumnStretch(column, 1)
        self._footer.setVisible(shown)
