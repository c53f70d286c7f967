"""Facts of one thing: names at the left, values at the right, in a fixed order."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from app.qt.tokens import Face, Tone
from app.widgets.label import ElidedLabel, Label


@dataclass(frozen=True)
class Fact:
    """`value` is `–` where there is none, never `0` for unknown. That of a path is cut in its middle: it ends in a name."""

    name: str
    value: str
    tone: Tone = "text"
    face: Face = "small"
    tooltip: str = ""
    is_path: bool = False


class FactList(QWidget):
    """`set_facts` may be called at any rate: it changes texts, and makes widgets only when there are more facts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(1, 1)
        self._lines: list[tuple[Label, ElidedLabel]] = []
        self._facts: tuple[Fact, ...] = ()

    @property
    def facts(self) -> Sequence[Fact]:
        return self._facts

    def set_facts(self, facts: Sequence[Fact]) -> None:
        before, self._facts = self._facts, tuple(facts)
        while len(self._lines) < len(facts):
            self._add_line()
        for at, (name, value) in enumerate(self._lines):
            name.setVisible(at < len(facts))
            value.setVisible(at < len(facts))
            if at < len(facts) and (at >= len(before) or before[at] != facts[at]):
                _fill(name, value, facts[at])

    def _add_line(self) -> None:
        name, value = Label("", "small", "text_muted"), ElidedLabel()
        name.setFixedHeight(20)
        value.setFixedHeight(20)
        value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._grid.addWidget(name, len(self._lines), 0)
        self._grid.addWidget(value, len(self._lines), 1)
        self._lines.append((name, value))


def _fill(name: Label, value: ElidedLabel, fact: Fact) -> None:
    name.setText(fact.name)
    value.set_face(fact.face)
    value.set_tone(fact.tone)
    value.set_cut(Qt.TextElideMode.ElideMiddle if fact.is_path else Qt.TextElideMode.ElideRight)
    value.setText(fact.value)
    if fact.tooltip:
        value.setToolTip(fact.tooltip)
    value.setAccessibleName(f"{fact.name}: {fact.value}")
