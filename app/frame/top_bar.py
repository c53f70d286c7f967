"""The top bar: which workspace, how the system is, start and stop, faults, and the way to every action.

Faults, and the button that ends them all, are always in the same place.
"""

from pathlib import Path
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QMenu, QSizePolicy, QVBoxLayout, QWidget

from app.core.language import tr
from app.frame.fault_chip import FaultChip
from app.frame.status_words import Pill
from app.frame.traffic_item import TrafficItem
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.button import Button, IconButton
from app.widgets.label import ElidedLabel, Label
from app.widgets.status_pill import StatusPill

PALETTE_KEYS = "Ctrl+K"

Point = tuple[float, float]
_STEPS: Final[tuple[tuple[Tone, Point, Point, Point], ...]] = (
    ("text", (5, 16), (12, 16.5), (12, 12)),
    ("accent", (12, 12), (12, 7.5), (19, 8)),
)


class TopBar(QFrame):
    start_requested = Signal()
    stop_requested = Signal()
    palette_requested = Signal()

    def __init__(self, workspace: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("topBar")
        self.setFixedHeight(theme().size.top_bar)
        self._name = ElidedLabel(workspace.name, "strong")
        self._name.setToolTip(str(workspace))
        self.menu = QMenu(self)
        self._menu_button = IconButton("chevron-down", tr("Workspace and window"))
        self._menu_button.setObjectName("windowMenu")
        self.pill = StatusPill()
        self.pill.setObjectName("systemPill")
        self._switch = Button(tr("Start"), "start")
        self._switch.setObjectName("startStop")
        self._starts = True
        self._switched = (True, False, "")
        self._message = ElidedLabel("", "body", "warn")
        self._message.setObjectName("contact")
        self.faults = FaultChip()
        self.traffic = TrafficItem()
        self._palette = PaletteButton()
        self._build_ui()
        self._connect()

    def _build_ui(self) -> None:
        logo = _Logo()
        names = QVBoxLayout()
        names.setSpacing(0)
        names.addStretch(1)
        names.addWidget(self._name)
        names.addWidget(Label("Faultdeck", "caption", "text_secondary"))
        names.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(28, 0, 16, 0)
        layout.setSpacing(12)
        layout.addWidget(logo)
        who = QWidget()
        who.setFixedWidth(92)
        names.setContentsMargins(0, 0, 0, 0)
        who.setLayout(names)
        layout.addWidget(who)
        layout.addWidget(self._menu_button)
        layout.addWidget(_rule())
        layout.addSpacing(4)
        layout.addWidget(self.pill)
        layout.addWidget(self._switch)
        layout.addWidget(_rule())
        layout.addSpacing(4)
        layout.addWidget(self.traffic)
        layout.addWidget(self._message, 1)
        layout.addWidget(_rule())
        layout.addSpacing(4)
        layout.addWidget(self.faults)
        layout.addWidget(_rule())
        layout.addSpacing(4)
        layout.addWidget(self._palette)

    def _connect(self) -> None:
        self._switch.clicked.connect(
            lambda: (self.start_requested if self._starts else self.stop_requested).emit()
        )
        self._palette.clicked.connect(self.palette_requested)
        self._menu_button.clicked.connect(
            lambda: self.menu.popup(self._menu_button.mapToGlobal(self._menu_button.rect().bottomLeft()))
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.traffic.set_room(event.size().width())

    def set_name(self, name: str) -> None:
        self._name.setText(name)

    def set_pill(self, pill: Pill) -> None:
        self.pill.set_status(pill.status, pill.word, pill.figure)
        self.pill.setToolTip(pill.why)

    def set_switch(self, *, starts: bool, busy: bool = False, locked: str = "") -> None:
        """Whether the button starts or stops; `locked` says why it can do neither."""
        if (starts, busy, locked) == self._switched:
            return
        self._switched = (starts, busy, locked)
        self._starts = starts
        self._switch.setText(tr("Start") if starts else tr("Stop"))
        self._switch.set_icon("start" if starts else "stop")
        self._switch.set_busy(busy)
        if locked:
            self._switch.setEnabled(False)
        self._switch.setToolTip(locked)

    def set_message(self, text: str) -> None:
        """What is wrong with the contact to the system; empty when nothing is."""
        self._message.setText(text)


class PaletteButton(QAbstractButton):
    """Looks like the search field that it opens."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("openPalette")
        self.setText(tr("Actions"))
        self.setAccessibleName(tr("All actions"))
        self.setToolTip(tr("Every action by name"))
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(152, theme().size.control_large)

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            edge: Tone = "accent" if self.hasFocus() else "border_strong" if self.underMouse() else "border"
            painter.setPen(QPen(colors.color(edge), 2 if self.hasFocus() else 1))
            painter.setBrush(colors.color("surface_raised"))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
            draw_icon(
                painter,
                QRectF(10, (self.height() - 16) / 2, 16, 16),
                "search",
                colors.color("text_secondary"),
            )
            painter.setPen(colors.color("text_secondary"))
            painter.setFont(colors.font("body"))
            painter.drawText(QRectF(32, 0, 60, self.height()), Qt.AlignmentFlag.AlignVCenter, self.text())
            draw_keys(painter, QRectF(self.width() - 54, (self.height() - 20) / 2, 46, 20), PALETTE_KEYS)


class _Logo(QWidget):
    """Two steps, one of them ours: the application's icon in the theme's own roles."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(24, 24)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(theme().color("border"))
            painter.setBrush(theme().color("surface_raised"))
            painter.drawRoundedRect(QRectF(0.5, 0.5, 23, 23), 6, 6)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for tone, start, bend, end in _STEPS:
                path = QPainterPath(QPointF(*start))
                path.cubicTo(QPointF(*bend), QPointF(*bend), QPointF(*end))
                pen = QPen(theme().color(tone), 2.2)
                pen.setCapStyle(Qt.PenCapStyle.RoundCap)
                painter.setPen(pen)
                painter.drawPath(path)


def draw_keys(painter: QPainter, place: QRectF, keys: str) -> None:
    """A key cap."""
    painter.setPen(theme().color("border"))
    painter.setBrush(theme().color("surface"))
    painter.drawRoundedRect(place.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
    painter.setFont(theme().font("caption"))
    painter.setPen(theme().color("text_secondary"))
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, keys)


def _rule() -> QFrame:
    rule = QFrame()
    rule.setProperty("region", "rule")
    rule.setFixedWidth(1)
    return rule
