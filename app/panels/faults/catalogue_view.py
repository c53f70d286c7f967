"""The catalogue: every kind of fault as a card, by family; a family or a text narrows it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.core.fault_words import FAMILIES, family_words, kind_words
from app.core.language import tr
from app.panels.faults.kind_card import LEAST_WIDTH, KindCard
from app.widgets.filter_field import FilterField
from app.widgets.label import Label
from app.widgets.segmented_toggle import SegmentedToggle
from embedded_services.contracts.faults import FaultKindInfo

ALL: Final = "all"
_AIR: Final = 8
_SIDE: Final = 16
_MOST: Final = 3


class CatalogueView(QWidget):
    """`kind_chosen(kind)` when a card is clicked. What is shown scrolls with the panel."""

    kind_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards: dict[str, KindCard] = {}
        self._groups: dict[str, _Group] = {}
        self._counts: Mapping[str, int] = {}
        self._family = ALL
        self._toggle: SegmentedToggle | None = None
        self.filter = FilterField(tr("Filter"))
        self.filter.setObjectName("kindFilter")
        self._nothing = Label(tr("No kind of fault is called that."), "body", "text_muted")
        self._nothing.setVisible(False)
        self._head = QHBoxLayout()
        self._head.setContentsMargins(_SIDE, 10, _SIDE, 10)
        self._head.setSpacing(12)
        self._head.addWidget(Label(tr("Catalogue"), "section"))
        self._head.addStretch(1)
        self._head.addWidget(self.filter)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 16)
        self._column.setSpacing(0)
        self._column.addLayout(self._head)
        self._column.addWidget(self._nothing)
        self._nothing.setContentsMargins(_SIDE, 8, _SIDE, 8)
        self._column.addStretch(1)
        self.filter.filter_changed.connect(lambda _: self._show())

    def show_kinds(self, kinds: Sequence[FaultKindInfo]) -> None:
        """Once: the catalogue does not change while a system runs."""
        for group in self._groups.values():
            group.deleteLater()
        self._cards.clear()
        self._groups.clear()
        words = family_words()
        for family in FAMILIES:
            members = [info for info in kinds if info.family.value == family]
            if not members:
                continue
            cards = [self._card(info) for info in members]
            self._groups[family] = group = _Group(*words[family], cards)
            self._column.insertWidget(self._column.count() - 1, group)
        self._build_toggle(kinds)
        self._show()

    def _card(self, info: FaultKindInfo) -> KindCard:
        card = KindCard(kind_words(info))
        card.clicked.connect(partial(self._on_clicked, info.kind))
        self._cards[info.kind] = card
        return card

    def _build_toggle(self, kinds: Sequence[FaultKindInfo]) -> None:
        if self._toggle is not None:
            self._toggle.deleteLater()
        counts = Counter(info.family.value for info in kinds)
        choices = {ALL: tr("All {n}", n=len(kinds))}
        for family, (word, _) in family_words().items():
            if counts[family]:
                choices[family] = f"{word} {counts[family]}"
        self._toggle = SegmentedToggle(tr("Family"), choices, compact=True)
        self._toggle.setObjectName("family")
        self._toggle.choice_requested.connect(self._on_family)
        self._head.insertWidget(1, self._toggle)

    def show_active(self, counts: Mapping[str, int]) -> None:
        """How many faults of each kind are in force."""
        for kind, card in self._cards.items():
            card.set_active(counts.get(kind, 0))

    def show_chosen(self, kind: str | None) -> None:
        for name, card in self._cards.items():
            card.setChecked(name == kind)

    def card(self, kind: str) -> KindCard:
        """Raises KeyError."""
        return self._cards[kind]

    def _on_clicked(self, kind: str) -> None:
        self.show_chosen(kind)
        self.kind_chosen.emit(kind)

    def _on_family(self, family: str) -> None:
        self._family = family
        self._show()

    def _show(self) -> None:
        text = self.filter.text().strip().casefold()
        found = 0
        for family, group in self._groups.items():
            fits = self._family in (ALL, family)
            shown = group.show_fitting(text) if fits else 0
            group.setVisible(bool(shown))
            found += shown
        self._nothing.setVisible(bool(self._groups) and not found)


class _Group(QFrame):
    """A family: its heading and its cards, as many in a row as there is room for."""

    def __init__(self, title: str, says: str, cards: Sequence[KindCard]) -> None:
        super().__init__()
        self._cards = list(cards)
        self._shown = list(cards)
        self._columns = 0
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(Label(title, "strong"))
        head.addWidget(Label(says, "body", "text_muted"), 1)
        self._grid = QGridLayout()
        self._grid.setSpacing(_AIR)
        column = QVBoxLayout(self)
        column.setContentsMargins(_SIDE, 4, _SIDE, 8)
        column.setSpacing(6)
        column.addLayout(head)
        column.addLayout(self._grid)
        self.setMinimumWidth(1)  # cards follow the width, and do not hold it
        self._arrange(3)

    def show_fitting(self, text: str) -> int:
        """Only cards with `text` in them; gives how many those are."""
        self._shown = [
            card
            for card in self._cards
            if text in f"{card.words.name} {card.words.sees} {card.words.help}".casefold()
        ]
        self._fill()
        return len(self._shown)

    def resizeEvent(self, event: QResizeEvent) -> None:
        room = event.size().width() - 2 * _SIDE + _AIR
        self._arrange(max(1, min(_MOST, room // (LEAST_WIDTH + _AIR))))
        width = room // self._columns - _AIR
        for card in self._cards:
            card.setFixedWidth(width)

    def _arrange(self, columns: int) -> None:
        if columns != self._columns:
            self._columns = columns
            self._fill()

    def _fill(self) -> None:
        for card in self._cards:
            self._grid.removeWidget(card)
            card.setVisible(card in self._shown)
        for at, card in enumerate(self._shown):
            self._grid.addWidget(card, at // self._columns, at % self._columns)
        self._grid.setColumnStretch(_MOST, 1)
