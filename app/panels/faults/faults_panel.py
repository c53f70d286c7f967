"""The Faults panel: what is active and its proof above, the catalogue below; the composer is the inspector of a card.

It shows what it is told and says what the user wants; the presenter does it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QScrollArea, QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.faults.catalogue_view import CatalogueView
from app.panels.faults.composer import Composer
from app.panels.faults.draft import Draft, draft_of
from app.panels.faults.fault_card import FaultCard
from app.panels.faults.fault_page import FaultPage
from app.panels.faults.presets import Preset
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.label import ElidedLabel, Label
from app.widgets.panel import Panel
from embedded_services.contracts.faults import Fault, FaultKindInfo, FaultState

ACTIVE: Final = frozenset({FaultState.PENDING, FaultState.ACTIVE})


class FaultsPanel(Panel):
    """`extend_requested(id)`, `remove_requested(id)`, `restore_requested`, `preset_requested(Preset)`; what is composed is
    asked for by the composer."""

    extend_requested = Signal(str)
    remove_requested = Signal(str)
    restore_requested = Signal()
    preset_requested = Signal(object)
    preset_forgotten = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("faults", tr("Faults"), parent)
        self._kinds: Mapping[str, FaultKindInfo] = {}
        self._faults: dict[str, Fault] = {}
        self._cards: dict[str, FaultCard] = {}
        self._chosen: str | None = None
        self._is_stale = False
        self._now = 0.0
        self._to_open: object = None
        self._to_choose: str | None = None
        self._shown_presets: list[Preset] = []
        self.composer = Composer(self)
        self.page = FaultPage(self)
        self.catalogue = CatalogueView()
        self._summary = ElidedLabel("", "body", "text_muted")
        self._legend = ElidedLabel(
            tr(
                "asked = what you set · injected = what really happened · seen = what clients noticed after retries"
            ),
            "small",
            "text_muted",
        )
        self._nothing = Label("", "body", "text_muted", wrap=True)
        self._presets = Button(tr("Presets"), "chevron-down")
        self._preset_menu = QMenu(self)
        self._list = QVBoxLayout()
        self._build_ui()
        self._build_actions()
        self._connect()

    def _build_ui(self) -> None:
        self.set_subtitle(tr("every fault ends by itself and never outlives this window"))
        self._presets.setObjectName("presets")
        self._nothing.setObjectName("noFaults")
        self.add_header_widget(self._presets)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(Label(tr("Active"), "section"))
        head.addWidget(self._summary, 1)
        self._legend.setAlignment(Qt.AlignmentFlag.AlignRight)
        head.addWidget(self._legend, 3)
        active = QFrame()
        active.setProperty("region", "bar")
        column = QVBoxLayout(active)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(10)
        column.addLayout(head)
        self._list.setSpacing(8)
        column.addLayout(self._list)
        column.addWidget(self._nothing)
        inner = QWidget()
        whole = QVBoxLayout(inner)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(active)
        whole.addWidget(self.catalogue, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        self.content.addWidget(scroll)
        self._show_summary()

    def _build_actions(self) -> None:
        self._action(tr("Inject the fault that is composed"), "Ctrl+Return", self.composer.inject)
        self._action(tr("Search among the kinds of fault"), "Ctrl+F", self.catalogue.filter.setFocus)
        self._action(tr("Remove the selected fault"), "", self._on_remove_chosen)

    def _action(self, text: str, keys: str, call: Callable[[], object]) -> QAction:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda: call())
        self.addAction(action)
        return action

    def _connect(self) -> None:
        self.catalogue.kind_chosen.connect(self.compose)
        self.composer.console_requested.connect(lambda kind: self.navigation_requested.emit("requests", kind))
        self.page.remove_requested.connect(self.remove_requested)
        self.page.extend_requested.connect(self.extend_requested)
        self.page.again_requested.connect(self._on_again)
        self.page.trace_requested.connect(lambda trace: self.navigation_requested.emit("gateway", trace))
        self._presets.clicked.connect(
            lambda: self._preset_menu.popup(self._presets.mapToGlobal(self._presets.rect().bottomLeft()))
        )

    # --- what the presenter tells ---------------------------------------------------------------------------------

    def show_kinds(self, kinds: Sequence[FaultKindInfo]) -> None:
        self._kinds = {info.kind: info for info in kinds}
        self.catalogue.show_kinds(kinds)
        self.show_faults(self._faults.values())
        if self._to_open is not None:
            self.open_at(self._to_open)

    def show_faults(self, faults: Iterable[Fault]) -> None:
        """All that are known, those that ended included."""
        self._faults = {fault.id: fault for fault in faults}
        active = self.active
        wanted = [fault.id for fault in active]
        for gone in [name for name in self._cards if name not in wanted]:
            card = self._cards.pop(gone)
            self._list.removeWidget(card)
            card.hide()
            card.deleteLater()
        for at, fault in enumerate(active):
            info = self._kinds.get(fault.kind)
            made = self._cards.get(fault.id)
            if made is None:
                self._cards[fault.id] = made = self._card(fault, info)
            if self._list.indexOf(made) != at:
                self._list.insertWidget(at, made)
            made.show_fault(fault, info, stale=self._is_stale)
            made.set_chosen(chosen=fault.id == self._chosen)
        self.catalogue.show_active(Counter(fault.kind for fault in active))
        self.show_time(self._now)
        self._show_chosen()
        self._choose_awaited()

    def show_time(self, now: float) -> None:
        """The clock moved: what counts down is painted again."""
        self._now = now
        for card in self._cards.values():
            card.show_time(now, stale=self._is_stale)
        self._show_summary()

    def show_presets(self, presets: Sequence[Preset]) -> None:
        """Those that can be armed now; the others are there with the reason why not."""
        if list(presets) == self._shown_presets:
            return
        self._shown_presets = list(presets)
        self._preset_menu.clear()
        self._preset_menu.setToolTipsVisible(True)
        for preset in presets:
            action = self._preset_menu.addAction(theme().icon("bolt", "fault"), preset.title)
            action.setToolTip(preset.why_not or preset.says)
            action.setEnabled(not preset.why_not)
            action.triggered.connect(partial(self.preset_requested.emit, preset))
        own = [preset for preset in presets if preset.is_own]
        if own:
            self._preset_menu.addSeparator()
            forget = self._preset_menu.addMenu(tr("Forget a preset"))
            for preset in own:
                forget.addAction(preset.title, partial(self.preset_forgotten.emit, preset.key))

    def set_busy(self, fault: str, which: str, *, busy: bool) -> None:
        if (card := self._cards.get(fault)) is not None:
            card.set_busy(which, busy=busy)

    def set_stale(self, stale: bool) -> None:
        self._is_stale = stale
        self.show_faults(list(self._faults.values()))

    @property
    def active(self) -> list[Fault]:
        """What is in force, the one that ends first at the top."""
        found = [fault for fault in self._faults.values() if fault.state in ACTIVE]
        return sorted(found, key=lambda fault: (fault.armed_at, fault.id))

    def open_at(self, argument: object) -> None:
        """A kind, a draft of one as `(kind, Draft)`, or the id of a fault."""
        self._to_open = None
        if isinstance(argument, tuple):
            kind, draft = argument
            if kind in self._kinds:
                self.compose(kind, draft)
                return
        elif argument in self._kinds:
            self.compose(str(argument))
            return
        elif argument in self._faults:
            self.choose(str(argument))
            return
        if not self._kinds:
            self._to_open = argument

    # --- what is shown --------------------------------------------------------------------------------------------

    def compose(self, kind: str, draft: Draft | None = None) -> None:
        self._chosen = None
        self.composer.compose(self._kinds[kind], draft)
        self.catalogue.show_chosen(kind)
        self._mark_chosen()
        self.inspector_requested.emit(self.composer)

    def choose(self, fault: str) -> None:
        """Put an armed fault into the inspector."""
        self._chosen = fault
        self.catalogue.show_chosen(None)
        self._mark_chosen()
        self._show_chosen()
        self.inspector_requested.emit(self.page)

    def choose_when_there(self, fault: str) -> None:
        """The stream may tell of it only after its arming was answered."""
        self._to_choose = fault
        self._choose_awaited()

    def _choose_awaited(self) -> None:
        if self._to_choose in self._faults:
            fault, self._to_choose = self._to_choose, None
            self.choose(fault)

    def _mark_chosen(self) -> None:
        for name, card in self._cards.items():
            card.set_chosen(chosen=name == self._chosen)

    def _show_chosen(self) -> None:
        fault = self._faults.get(self._chosen or "")
        if fault is not None:
            self.page.show_fault(fault, self._kinds.get(fault.kind), stale=self._is_stale)

    def _show_summary(self) -> None:
        active = self.active
        self._nothing.setVisible(not active)
        self._legend.setVisible(bool(active))
        if not active:
            self._nothing.setText(
                tr("Nothing is broken by you. Choose a card below, or “Break it…” on anything in the window.")
            )
            self._summary.setText(tr("none"))
            return
        last = max(fault.expires_at for fault in active) - self._now
        self._summary.setText(
            tr("{n}, the last one ends in {time}", n=len(active), time=figures.lasting(max(0.0, last)))
        )

    def _card(self, fault: Fault, info: FaultKindInfo | None) -> FaultCard:
        card = FaultCard(fault, info)
        card.chosen.connect(self.choose)
        card.extend_requested.connect(self.extend_requested)
        card.remove_requested.connect(self.remove_requested)
        return card

    def _on_remove_chosen(self) -> None:
        if self._chosen in self._cards:
            self.remove_requested.emit(self._chosen)

    def _on_again(self, fault: str) -> None:
        found = self._faults.get(fault)
        if found is not None and found.kind in self._kinds:
            self.compose(found.kind, draft_of(found, self._kinds[found.kind]))
