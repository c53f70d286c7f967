"""One service on the page: how its instances are chosen, who gets how much, how even that is, and what went wrong."""

from PySide6.QtCore import QRect, QSize, Signal
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from app.core.breaking import BreakSubject
from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.gateway.hash_key_row import HashKeyRow
from app.panels.gateway.share_bars import NAME, ShareBars
from app.panels.gateway.shares import ServiceShares
from app.panels.gateway.strategy_row import StrategyRow
from app.panels.gateway.words import strategies
from app.widgets.break_action import add_break, on_key
from app.widgets.chip import Chip
from app.widgets.label import ElidedLabel
from app.widgets.notice import Notice
from embedded_services.contracts.settings import Strategy


class ServiceBlock(QFrame):
    """What it asks for names its service first. A right click breaks an instance by its bar, else the service;
    so does the key B."""

    strategy_requested = Signal(str, str)
    weight_requested = Signal(str, str, int)
    hash_key_requested = Signal(str, str)
    break_requested = Signal(object, object)

    def __init__(self, service: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.service = service
        self.setProperty("region", "section")
        self.setObjectName(f"service-{service}")
        self.strategy = StrategyRow(service)
        self.bars = ShareBars()
        self.hash_key = HashKeyRow(service)
        self.caption = ElidedLabel("", "small", "text_muted")
        self.fault = Chip("", "fault", "bolt")
        self.fault.setVisible(False)
        self.notice = Notice("bad")
        below = QHBoxLayout()
        below.setContentsMargins(NAME, 0, 0, 0)
        below.addWidget(self.caption, 1)
        below.addWidget(self.fault)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 7, 16, 4)
        column.setSpacing(1)
        for widget in (self.strategy, self.notice, self.bars, self.hash_key):
            column.addWidget(widget)
        column.addLayout(below)
        self.hash_key.setVisible(False)
        on_key(self, self._on_break_key)
        self.strategy.strategy_requested.connect(lambda key: self.strategy_requested.emit(service, key))
        self.bars.weight_requested.connect(
            lambda row, weight: self.weight_requested.emit(service, row, weight)
        )
        self.hash_key.key_requested.connect(lambda key: self.hash_key_requested.emit(service, key))

    def show_shares(self, shares: ServiceShares, asked: str | None, *, stale: bool) -> None:
        """`asked` is the strategy that is on its way, if any."""
        strategy = asked or shares.strategy
        self.strategy.set_strategy(strategy, busy=asked is not None)
        self.strategy.set_enabled(enabled=not stale)
        self.bars.set_rows(shares.rows, weighted=strategy == Strategy.WEIGHTED_ROUND_ROBIN, stale=stale)
        self.fault.set_text(shares.fault)
        self.fault.setVisible(bool(shares.fault))
        self.hash_key.setVisible(strategy == Strategy.CONSISTENT_HASH)
        self.hash_key.set_key(shares.hash_key)
        if asked is not None:
            self.caption.setText(tr("switching to {strategy}…", strategy=strategies()[asked]))
        else:
            self.caption.setText(shares.caption)
            self.caption.setToolTip(shares.caption_tip)
        self.caption.set_tone(shares.caption_tone if asked is None else "accent")

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        row = self.bars.row_at(self.bars.mapFromGlobal(event.globalPos()))
        subject = (
            BreakSubject("instance", row.id) if row is not None else BreakSubject("service", self.service)
        )
        menu = QMenu(self)
        add_break(menu, subject, QRect(event.globalPos(), QSize(1, 1)), self.break_requested.emit)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(event.globalPos())

    def _on_break_key(self) -> None:
        """The instance that the keyboard is on, else the service."""
        current = self.bars.current
        if current is not None and self.bars.hasFocus():
            subject, place = BreakSubject("instance", current.id), self.bars.current_place()
        else:
            subject = BreakSubject("service", self.service)
            place = QRect(self.mapToGlobal(self.strategy.pos()), self.strategy.size())
        self.break_requested.emit(subject, place)

    def show_error(self, message: UserMessage) -> None:
        self.notice.show_message(message)

    def clear_error(self) -> None:
        self.notice.clear()
