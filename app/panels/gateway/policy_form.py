"""The form of one service's call policy: a card for each group, each field checked while it is typed.

It holds what the user wrote and does not lose it: what is in force may change beneath (`show_policy`), and only fields
that were not touched follow.
"""

from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core.language import tr
from app.panels.gateway.policy_fields import (
    SWITCH,
    FieldSpec,
    GroupSpec,
    Path,
    Value,
    explained,
    groups,
    parsed,
    unit_word,
    values_of,
    written,
)
from app.panels.gateway.policy_words import field_word, group_title, group_words
from app.widgets.label import ElidedLabel, Label
from app.widgets.switch import Switch
from embedded_services.contracts.settings import CallPolicy

_FIELD_WIDTH: Final = 96
_LIST_WIDTH: Final = 132
_UNIT_WIDTH: Final = 28
_CARD_LEAST: Final = 300


class PolicyForm(QWidget):
    """`edited` after each change of what is written."""

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._in_force: dict[Path, Value] = values_of(CallPolicy())
        self._fields: dict[Path, _Field] = {}
        self._switches: dict[Path, Switch] = {}
        self._cards = [self._make_card(group) for group in groups()]
        self._columns = 0
        self._grid = QHBoxLayout(self)
        self._grid.setContentsMargins(16, 16, 16, 16)
        self._grid.setSpacing(16)
        self._fill()
        self._arrange(3)

    def _make_card(self, group: GroupSpec) -> QFrame:
        card = QFrame(self)
        card.setProperty("region", "card")
        title, hint = group_words().get(group.name, (group.name, ""))
        head = QHBoxLayout()
        head.addWidget(Label(title, "strong"), 1)
        if group.switch is not None:
            switch = Switch(title)
            switch.setObjectName(f"{group.name}.{SWITCH}")
            switch.toggled.connect(self._on_edited)
            self._switches[group.name, SWITCH] = switch
            head.addWidget(switch)
        column = QVBoxLayout(card)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(Label(hint, "small", "text_muted", wrap=True))
        column.addSpacing(4)
        for spec in group.fields:
            field = _Field(spec)
            field.edited.connect(self._on_edited)
            self._fields[spec.path] = field
            column.addWidget(field)
        return card

    # --- what is in force, and what is written --------------------------------------------------------------------

    def show_policy(self, policy: CallPolicy) -> None:
        """What is in force now; edits stay, but for those that it agrees with."""
        before, self._in_force = self._in_force, values_of(policy)
        for path, field in self._fields.items():
            if field.text == written(before[path]):
                field.set_text(written(self._in_force[path]))
        for path, switch in self._switches.items():
            if switch.isChecked() == before[path]:
                switch.setChecked(bool(self._in_force[path]))
        self._on_edited()

    def revert(self) -> None:
        self._fill()

    def reset(self) -> None:
        """Write the defaults; nothing is applied by that."""
        self._write(values_of(CallPolicy()))

    def set_texts(self, texts: Mapping[Path, Value | str]) -> None:
        """Write what was written before."""
        for path, text in texts.items():
            if path in self._fields:
                self._fields[path].set_text(str(text))
            elif path in self._switches:
                self._switches[path].setChecked(bool(text))

    def texts(self) -> dict[Path, Value | str]:
        """What is written and is not in force."""
        found: dict[Path, Value | str] = {
            path: field.text
            for path, field in self._fields.items()
            if field.text != written(self._in_force[path])
        }
        return found | {
            path: switch.isChecked()
            for path, switch in self._switches.items()
            if switch.isChecked() != self._in_force[path]
        }

    def changes(self) -> dict[Path, Value]:
        """What would be applied: good values that differ from those in force."""
        found: dict[Path, Value] = {
            path: field.value
            for path, field in self._fields.items()
            if field.value is not None and field.value != self._in_force[path]
        }
        return found | {
            path: switch.isChecked()
            for path, switch in self._switches.items()
            if switch.isChecked() != self._in_force[path]
        }

    @property
    def problems(self) -> int:
        """How many fields hold what cannot be."""
        return sum(field.value is None for field in self._fields.values())

    def show_problem(self, path: Path, text: str) -> None:
        """What the system says of a field."""
        if path in self._fields:
            self._fields[path].show_problem(text)

    def _fill(self) -> None:
        self._write(self._in_force)

    def _write(self, values: Mapping[Path, Value]) -> None:
        for path, field in self._fields.items():
            field.set_text(written(values[path]))
        for path, switch in self._switches.items():
            switch.setChecked(bool(values[path]))
        self._on_edited()

    def _on_edited(self) -> None:
        for path, field in self._fields.items():
            switch = self._switches.get((path[0], SWITCH))
            field.set_used(used=switch is None or switch.isChecked())
            field.set_changed(changed=field.value != self._in_force[path])
        self.edited.emit()

    # --- columns --------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange(max(1, min(3, event.size().width() // _CARD_LEAST)))

    def _arrange(self, columns: int) -> None:
        """Each card goes to the column that is shortest so far."""
        if columns == self._columns:
            return
        self._columns = columns
        while (item := self._grid.takeAt(0)) is not None:
            if (layout := item.layout()) is not None:
                layout.deleteLater()
        stacks = [QVBoxLayout() for _ in range(columns)]
        heights = [0] * columns
        for card in self._cards:
            at = heights.index(min(heights))
            stacks[at].addWidget(card)
            heights[at] += card.sizeHint().height() + 16
        for stack in stacks:
            stack.setSpacing(16)
            stack.addStretch(1)
            self._grid.addLayout(stack, 1)


class _Field(QWidget):
    """A label, what is written, its unit; and below, what is wrong with it."""

    edited = Signal()

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__()
        self._spec = spec
        self.value: Value | None = spec.default
        name = field_word(spec.path[1])
        self._label = ElidedLabel(name, "body", "text_secondary")
        self._edit = QLineEdit()
        self._edit.setObjectName(".".join(part for part in spec.path if part))
        self._edit.setAccessibleName(f"{group_title(spec.path[0])}: {name}")
        self._edit.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._edit.setFixedWidth(_LIST_WIDTH if spec.kind == "list" else _FIELD_WIDTH)
        self._edit.setMaxLength(200)
        self._edit.setToolTip(explained(spec))
        self._problem = Label("", "caption", "bad", wrap=True)
        self._problem.setVisible(False)
        unit = Label(unit_word(spec.unit), "small", "text_muted")
        unit.setFixedWidth(0 if spec.kind == "list" else _UNIT_WIDTH)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(0, 1)
        grid.addWidget(self._label, 0, 0)
        grid.addWidget(self._edit, 0, 1)
        grid.addWidget(unit, 0, 2)
        grid.addWidget(self._problem, 1, 0, 1, 3)
        self._edit.textChanged.connect(self._on_text)

    @property
    def text(self) -> str:
        return self._edit.text()

    def set_text(self, text: str) -> None:
        if text != self._edit.text():
            self._edit.setText(text)

    def set_changed(self, *, changed: bool) -> None:
        self._label.set_tone("accent" if changed else "text_secondary")
        self._label.setAccessibleDescription(tr("not applied yet") if changed else "")

    def set_used(self, *, used: bool) -> None:
        self._edit.setEnabled(used)

    def show_problem(self, text: str) -> None:
        self._problem.setText(text)
        self._problem.setVisible(bool(text))
        self._edit.setProperty("invalid", "true" if text else None)
        self._edit.style().polish(self._edit)
        self._edit.setAccessibleDescription(text)

    def _on_text(self, text: str) -> None:
        try:
            self.value = parsed(self._spec, text)
            problem = ""
        except ValueError as error:
            self.value, problem = None, str(error)
        if problem != self._problem.text():
            self.show_problem(problem)
        self.edited.emit()
