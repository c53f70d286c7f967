"""The Balancing page: who gets how much at the left; why, breakers and retry budgets at the right."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSplitter, QVBoxLayout, QWidget

from app.core.focus import Focus
from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.gateway.breakers_list import BreakersList
from app.panels.gateway.breakers_model import BreakersModel
from app.panels.gateway.budget_bars import LINE as BUDGET_LINE
from app.panels.gateway.budget_bars import BudgetBars, BudgetRow
from app.panels.gateway.picks_list import PicksList
from app.panels.gateway.picks_model import PicksModel
from app.panels.gateway.service_block import ServiceBlock
from app.panels.gateway.shares import ServiceShares
from app.widgets.label import Label

_LEFT: Final = 601
_RIGHT: Final = 455


class BalancingPage(QSplitter):
    """`strategy_requested(service, strategy)`, `weight_requested(service, instance, weight)`,
    `hash_key_requested(service, key)`.
    """

    strategy_requested = Signal(str, str)
    weight_requested = Signal(str, str, int)
    hash_key_requested = Signal(str, str)
    break_requested = Signal(object, object)

    def __init__(self, picks: PicksModel, breakers: BreakersModel, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._blocks: dict[str, ServiceBlock] = {}
        self._services: frozenset[str] = frozenset()
        """Those that are shown; empty for all."""
        self._column = QVBoxLayout()
        self.picks = PicksList(picks)
        self.breakers = BreakersList(breakers)
        self.budgets = BudgetBars()
        self.picks.break_requested.connect(self.break_requested)
        self.breakers.break_requested.connect(self.break_requested)
        self.setChildrenCollapsible(False)
        self.setHandleWidth(1)
        self.addWidget(self._build_left())
        self.addWidget(self._build_right())
        self.setStretchFactor(0, 4)
        self.setStretchFactor(1, 3)
        self.setSizes([_LEFT, _RIGHT])

    def _build_left(self) -> QWidget:
        inner = QWidget()
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addStretch(1)
        inner.setLayout(self._column)
        return _scrolling(inner, "services", 320)

    def _build_right(self) -> QWidget:
        budgets = QFrame()
        line = QHBoxLayout(budgets)
        line.setContentsMargins(16, 8, 16, 8)
        line.setSpacing(12)
        title = Label(tr("Retry budget"), "small", "text_secondary", strong=True)
        title.setFixedHeight(BUDGET_LINE)
        title.setToolTip(tr("Repetitions of the last ten seconds, of those that are allowed"))
        line.addWidget(title, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self.budgets, 1)
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.picks, 5)
        column.addWidget(_rule())
        column.addWidget(self.breakers, 4)
        column.addWidget(_rule())
        column.addWidget(budgets)
        return _scrolling(holder, "reasons", 280)

    def focus_on(self, focus: Focus | None) -> None:
        """The services that belong, and what was picked and broken among their instances."""
        self._services = focus.services if focus is not None else frozenset()
        for name, block in self._blocks.items():
            block.setVisible(self._shows(name))
        self.picks.focus_on(focus if self._services else None)
        self.breakers.focus_on(focus if self._services else None)

    def _shows(self, service: str) -> bool:
        return not self._services or service in self._services

    # --- what it is told ------------------------------------------------------------------------------------------

    def show_services(self, services: Sequence[ServiceShares], asked: dict[str, str], *, stale: bool) -> None:
        """`asked` names the strategies that are on their way."""
        wanted = [service.name for service in services]
        for name in self._blocks.keys() - set(wanted):
            self._blocks.pop(name).deleteLater()
        for at, service in enumerate(services):
            block = self._blocks.get(service.name) or self._make_block(service.name)
            if self._column.indexOf(block) != at:
                self._column.insertWidget(at, block)
            block.show_shares(service, asked.get(service.name), stale=stale)

    def _make_block(self, service: str) -> ServiceBlock:
        self._blocks[service] = block = ServiceBlock(service)
        block.setVisible(self._shows(service))
        block.strategy_requested.connect(self.strategy_requested)
        block.weight_requested.connect(self.weight_requested)
        block.hash_key_requested.connect(self.hash_key_requested)
        block.break_requested.connect(self.break_requested)
        return block

    def show_budgets(self, rows: Sequence[BudgetRow], *, stale: bool) -> None:
        self.budgets.set_rows(rows, stale=stale)

    def show_service_error(self, service: str, message: UserMessage) -> None:
        if service in self._blocks:
            self._blocks[service].show_error(message)

    def clear_service_error(self, service: str) -> None:
        if service in self._blocks:
            self._blocks[service].clear_error()

    def block(self, service: str) -> ServiceBlock:
        """Raises KeyError for a service that is not shown."""
        return self._blocks[service]


def _scrolling(inner: QWidget, name: str, least: int) -> QScrollArea:
    scroll = QScrollArea()
    scroll.setObjectName(name)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setWidgetResizable(True)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    scroll.setMinimumWidth(least)
    scroll.setWidget(inner)
    return scroll


def _rule() -> QFrame:
    rule = QFrame()
    rule.setProperty("region", "rule")
    rule.setFixedHeight(1)
    return rule
