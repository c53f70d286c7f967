"""The bar in which the rule is edited: the algorithm acts at once, the figures and the key when they are applied.

What is typed stays the user's until it is applied or discarded, whatever comes into force meanwhile; what is in force, and
what was before, stands below the fields. What is wrong is said there too, and its field has a red edge.
"""

from collections.abc import Mapping
from typing import Final, cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core.language import tr
from app.panels.limits.limits_words import KeyKind, algorithms, amount, behaviours, kinds, whole_rule
from app.panels.limits.rule_form import FieldName, RuleDraft, draft_of
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.label import ElidedLabel, Label
from app.widgets.segmented_toggle import SegmentedToggle
from embedded_services.contracts.limits import LimitSettings

_LIMIT_WIDTH: Final = 88
_WINDOW_WIDTH: Final = 64
_HEADER_WIDTH: Final = 112
_START: Final = LimitSettings()


class RuleBar(QFrame):
    """`apply_requested(before, after)`: the rule the user saw, and the one that is wanted instead."""

    apply_requested = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("region", "bar")
        self._rule = _START
        self._before: LimitSettings | None = None
        self._seen = _START
        """What was in force when the user began to type."""
        self._draft = draft_of(_START)
        self._is_live = False
        self._algorithm = SegmentedToggle(tr("Algorithm"), algorithms(), tips=behaviours())
        self._limit = self._field("limit", tr("Limit"), _LIMIT_WIDTH)
        self._window = self._field("window", tr("Window, seconds"), _WINDOW_WIDTH)
        self._kind = QComboBox()
        self._header = self._field("header", tr("Name of the header"), _HEADER_WIDTH)
        self._discard = Button(tr("Discard"))
        self._apply = Button(tr("Apply"), kind="primary")
        self._undo = Button(tr("Undo"), kind="link")
        self._in_force = ElidedLabel("", "small", "text_muted")
        self._says = ElidedLabel("", "small", "bad")
        self._build_ui()
        self._connect()
        self._fill(_START)
        self._refresh()

    def _field(self, name: str, title: str, width: int) -> QLineEdit:
        field = QLineEdit()
        field.setObjectName(name)
        field.setAccessibleName(title)
        field.setFont(theme().font("body"))
        field.setMaxLength(80)
        field.setFixedWidth(width)
        return field

    def _build_ui(self) -> None:
        for widget, name in (
            (self._algorithm, "algorithm"), (self._kind, "keyKind"), (self._apply, "applyRule"),
            (self._discard, "discardRule"), (self._undo, "undoRule"), (self._in_force, "inForce"),
            (self._says, "ruleError"),
        ):  # fmt: skip
            widget.setObjectName(name)
        self._kind.setAccessibleName(tr("What clients are told apart by"))
        for kind, word in kinds().items():
            self._kind.addItem(word, kind)
        self._limit.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._window.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._header.setPlaceholderText("X-API-Key")
        self._undo.setFont(theme().font("small"))
        above, fields = QHBoxLayout(), QHBoxLayout()
        above.setSpacing(12)
        above.addWidget(self._algorithm)
        above.addWidget(self._in_force)
        above.addWidget(self._undo)
        above.addStretch(1)
        fields.setSpacing(8)
        for piece in (
            self._limit, _word(tr("requests in")), self._window, _word(tr("s for each")), self._kind, self._header,
            self._apply, self._discard,
        ):  # fmt: skip
            fields.addWidget(piece)
        fields.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 16, 10)
        column.setSpacing(8)
        column.addLayout(above)
        column.addLayout(fields)
        column.addWidget(self._says)

    def _connect(self) -> None:
        self._algorithm.choice_requested.connect(self._on_algorithm)
        for field in (self._limit, self._window, self._header):
            field.textEdited.connect(self._on_edited)
            field.returnPressed.connect(self.apply)
        self._kind.activated.connect(self._on_edited)
        self._apply.clicked.connect(self.apply)
        self._discard.clicked.connect(self.discard)
        self._undo.clicked.connect(self._on_undo)

    # --- what the presenter tells ---------------------------------------------------------------------------------

    def show_rule(self, rule: LimitSettings, *, live: bool) -> None:
        """This is in force. Fields that nobody edits follow it."""
        if (rule, live) == (self._rule, self._is_live) and self._in_force.text():
            return
        was_edited = self.is_edited
        if self._is_live and rule != self._rule:
            self._before = self._rule
        self._rule, self._is_live = rule, live
        if not was_edited:
            self._fill(rule)
        if not self._algorithm.is_busy or rule.algorithm.value == self._algorithm.choice:
            self._algorithm.set_choice(rule.algorithm.value)
            self._algorithm.set_busy(busy=False)
        self._refresh()

    def show_done(self) -> None:
        """What was asked for is done, and what was typed no longer a wish: it follows what is in force."""
        self._apply.set_busy(busy=False)
        self._algorithm.set_busy(busy=False)
        self._fill(self._rule)
        self._refresh()

    def show_failure(self, text: str, fields: Mapping[FieldName, str]) -> None:
        """It was refused. What was typed stays."""
        self._apply.set_busy(busy=False)
        self._algorithm.set_busy(busy=False)
        self._algorithm.set_choice(self._rule.algorithm.value)
        self._refresh()
        self._show_errors(fields, text)

    def show_conflict(self) -> None:
        """Somebody else changed the rule meanwhile: applying again means the one that is in force now."""
        self._seen = self._rule
        self.show_failure(
            tr("It was changed by somebody else meanwhile. Apply again to put yours in force."), {}
        )

    # --- what is typed --------------------------------------------------------------------------------------------

    @property
    def draft(self) -> RuleDraft:
        return RuleDraft(
            self._rule.algorithm.value,
            self._limit.text(),
            self._window.text(),
            cast("KeyKind", self._kind.currentData()),
            self._header.text(),
        )

    @property
    def is_edited(self) -> bool:
        draft, filled = self.draft, self._draft
        return (draft.limit, draft.window, draft.kind, draft.header) != (
            filled.limit, filled.window, filled.kind, filled.header,
        )  # fmt: skip

    def apply(self) -> None:
        """Ask for what stands in the fields, or say what is wrong with it."""
        wanted = self.draft.parse()
        self._show_errors(wanted if isinstance(wanted, dict) else {})
        if isinstance(wanted, dict) or not self._is_live:
            return
        if wanted == self._rule:
            self.discard()
            return
        self._apply.set_busy(busy=True)
        self.apply_requested.emit(self._seen, wanted)

    def discard(self) -> None:
        self._fill(self._rule)
        self._refresh()

    def _fill(self, rule: LimitSettings) -> None:
        self._seen, self._draft = rule, draft_of(rule)
        self._limit.setText(self._draft.limit)
        self._window.setText(self._draft.window)
        self._kind.setCurrentIndex(self._kind.findData(self._draft.kind))
        self._header.setText(self._draft.header)
        self._show_errors({})

    def _on_edited(self, *_: object) -> None:
        self._show_errors({})
        self._refresh()

    def _on_algorithm(self, _: str) -> None:
        chosen = next(one for one in type(self._rule.algorithm) if one.value == self._algorithm.choice)
        self._algorithm.set_busy(busy=True)
        self.apply_requested.emit(self._rule, _with(self._rule, algorithm=chosen))

    def _on_undo(self) -> None:
        if self._before is not None:
            self._undo.setEnabled(False)
            self.apply_requested.emit(self._rule, self._before)

    # --- what is shown --------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        edited = self.is_edited
        is_header = self._kind.currentData() == "header"
        self._header.setVisible(is_header)
        self._discard.setVisible(edited)
        if not self._apply.is_busy:
            self._apply.setEnabled(edited and self._is_live)
        self._algorithm.setEnabled(self._is_live)
        self._in_force.setText(tr("In force: {rule}", rule=whole_rule(self._rule)) if self._is_live else "")
        self._undo.setVisible(self._before is not None and self._is_live)
        self._undo.setEnabled(True)
        if self._before is not None:
            self._undo.setText(tr("Undo: back to {rule}", rule=_short(self._before, self._rule)))
        if edited and self.draft.kind != draft_of(self._rule).kind and not self._says.text():
            self._say(tr("Told apart in another way, all counts start afresh."), is_wrong=False)

    def _show_errors(self, errors: Mapping[FieldName, str], text: str = "") -> None:
        for name, field in (("limit", self._limit), ("window", self._window), ("header", self._header)):
            says = errors.get(cast("FieldName", name), "")
            field.setAccessibleDescription(says)
            field.setProperty("invalid", "true" if says else None)
            field.style().polish(field)
        titles = {"limit": tr("Limit"), "window": tr("Window"), "header": tr("Header")}
        said = [f"{titles[name]}: {says}" for name, says in errors.items()]
        self._say(" ".join(said) or text, is_wrong=True)

    def _say(self, text: str, *, is_wrong: bool) -> None:
        self._says.set_tone("bad" if is_wrong else "warn")
        self._says.setText(text)
        self._says.setVisible(bool(text))


def _word(text: str) -> Label:
    return Label(text, "body", "text_secondary")


def _with(rule: LimitSettings, **changes: object) -> LimitSettings:
    fields = {name: getattr(rule, name) for name in rule.__struct_fields__}
    return LimitSettings(**{**fields, **changes})


def _short(before: LimitSettings, now: LimitSettings) -> str:
    """Only what would change."""
    if (before.limit, before.window_s) != (now.limit, now.window_s):
        return amount(before)
    if before.algorithm is not now.algorithm:
        return algorithms()[before.algorithm.value]
    return before.key
