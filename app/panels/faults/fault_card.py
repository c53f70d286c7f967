"""One active fault: how long it has left, what it does to what, its proof, and the two things to do about it."""

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.core import figures
from app.core.fault_words import headline, where
from app.core.language import tr
from app.panels.faults.countdown_ring import CountdownRing
from app.panels.faults.proof import proof_of
from app.panels.faults.proof_bars import ProofBars
from app.widgets.button import Button
from app.widgets.chip import Chip
from app.widgets.label import ElidedLabel
from app.widgets.status_lamp import StatusLamp
from embedded_services.contracts.faults import Fault, FaultKindInfo, FaultState

MORE_S: Final = 60


class FaultCard(QFrame):
    """`extend_requested(id)` asks for a minute more, `remove_requested(id)` for its end, `chosen(id)` for a closer look."""

    extend_requested = Signal(str)
    remove_requested = Signal(str)
    chosen = Signal(str)

    def __init__(self, fault: Fault, info: FaultKindInfo | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("region", "card")
        self.setObjectName(f"fault.{fault.id}")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.fault, self._info = fault, info
        self._ring = CountdownRing()
        self._bolt = StatusLamp("injected")
        self._name = ElidedLabel(headline(fault), "section")
        self._where = ElidedLabel("", "body", "text_secondary")
        self._how = ElidedLabel("", "body", "text_muted")
        self._pending = Chip(tr("pending"), "warn")
        self._proof = ProofBars()
        self._more = Button(tr("+{n} s", n=MORE_S), tooltip=tr("Let it last a minute longer"))
        self._remove = Button(tr("Remove"), tooltip=tr("End it now"))
        self._build_ui()

    def _build_ui(self) -> None:
        self._more.setObjectName("extend")
        self._remove.setObjectName("remove")
        first = QHBoxLayout()
        first.setSpacing(8)
        first.addWidget(self._bolt)
        first.addWidget(self._name, 1)
        first.addWidget(self._pending)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addLayout(first)
        words.addWidget(self._where)
        words.addWidget(self._how)
        what = QWidget()
        what.setLayout(words)
        words.setContentsMargins(0, 0, 0, 0)
        what.setMinimumWidth(160)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(20, 14, 16, 14)
        layout.setSpacing(16)
        layout.addWidget(self._ring)
        layout.addWidget(what, 2)
        layout.addWidget(self._proof, 4)
        layout.addWidget(self._more)
        layout.addWidget(self._remove)
        self._more.clicked.connect(lambda: self.extend_requested.emit(self.fault.id))
        self._remove.clicked.connect(lambda: self.remove_requested.emit(self.fault.id))

    def show_fault(self, fault: Fault, info: FaultKindInfo | None, *, stale: bool) -> None:
        """As it is now."""
        self.fault, self._info = fault, info
        self._name.setText(headline(fault))
        family = info.family.value if info is not None else ""
        self._where.setText(where(fault.target, family))
        self._how.setText(_how(fault, info))
        self._pending.setVisible(fault.state is FaultState.PENDING)
        self._pending.setToolTip(fault.detail)
        self._proof.show_proof(proof_of(fault, info), stale=stale)
        self.setAccessibleName(f"{self._name.text()}, {self._where.text()}")
        for button in (self._more, self._remove):
            if not button.is_busy:
                button.setEnabled(not stale)

    def show_time(self, now: float, *, stale: bool) -> None:
        span = self.fault.expires_at - self.fault.armed_at
        self._ring.show_left(self.fault.expires_at - now, min(span, max(self.fault.ttl, 1.0)), stale=stale)

    def set_busy(self, which: str, *, busy: bool) -> None:
        """`which` is `extend` or `remove`."""
        (self._more if which == "extend" else self._remove).set_busy(busy)

    def set_chosen(self, *, chosen: bool) -> None:
        value = "true" if chosen else None
        if self.property("chosen") != value:
            self.setProperty("chosen", value)
            self.style().polish(self)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.chosen.emit(self.fault.id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space):
            self.chosen.emit(self.fault.id)
        elif event.key() == Qt.Key.Key_Delete:
            self.remove_requested.emit(self.fault.id)
        else:
            super().keyPressEvent(event)


def _how(fault: Fault, info: FaultKindInfo | None) -> str:
    """`seed 7 · scope request`, `thaws by itself at 14:32:49`."""
    if info is None or info.draws:
        return tr("seed {seed} · scope {scope}", seed=fault.seed, scope=fault.scope.value)
    moment = figures.clock_time(fault.expires_at)
    if fault.kind == "freeze":
        return tr("thaws by itself at {time}", time=moment)
    return tr("over at {time}", time=moment)
