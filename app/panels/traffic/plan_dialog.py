"""The dialog for what is seldom changed of a plan: arrivals, duration, steps and ramps, a list of one's own, bounds."""

from dataclasses import replace
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.core.language import tr
from app.panels.traffic.plan_form import (
    EXAMPLE_REQUESTS,
    EXAMPLE_STEPS,
    FieldName,
    FormError,
    PlanDraft,
    wish_of,
)
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.label import Label
from app.widgets.segmented_toggle import SegmentedToggle

_WIDTH: Final = 720


class PlanDialog(QDialog):
    """`submitted(TrafficWish)`; then `accept`. It deletes itself when it is closed."""

    submitted = Signal(object)

    def __init__(self, draft: PlanDraft, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("planDialog")
        self.setWindowTitle(tr("Plan of the traffic"))
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFixedWidth(_WIDTH)
        self._arrivals = SegmentedToggle(
            tr("Arrivals"),
            {"constant": tr("Even"), "poisson": tr("Random (Poisson)")},
            tips={
                "constant": tr("Evenly spaced: at 10 a second, one each 100 ms."),
                "poisson": tr("Independent of each other, as of many people: sometimes several at once."),
            },
        )
        self._arrivals.set_choice(draft.arrivals)
        self._fields: dict[FieldName, QLineEdit] = {
            "duration": self._field("duration", draft.duration, tr("until stopped")),
            "timeout": self._field("timeout", draft.timeout),
            "in_flight": self._field("inFlight", draft.in_flight),
            "seed": self._field("seed", draft.seed),
        }
        self._texts: dict[FieldName, QPlainTextEdit] = {
            "steps": self._text("steps", draft.steps, EXAMPLE_STEPS, 92),
            "requests": self._text("requests", draft.requests, EXAMPLE_REQUESTS, 136),
        }
        self._error = Label("", "small", "bad", wrap=True)
        self._error.setObjectName("planError")
        self._submit = Button(tr("Apply"), kind="primary", large=True)
        self._submit.setObjectName("applyPlan")
        self._cancel = Button(tr("Cancel"), large=True)
        self._build_ui()
        self._submit.clicked.connect(self.submit)
        self._cancel.clicked.connect(self.reject)

    def _field(self, name: str, text: str, placeholder: str = "") -> QLineEdit:
        field = QLineEdit(text)
        field.setObjectName(name)
        field.setFont(theme().font("body"))
        field.setPlaceholderText(placeholder)
        field.setMaxLength(20)
        field.setFixedWidth(120)
        return field

    def _text(self, name: str, text: str, example: str, height: int) -> QPlainTextEdit:
        field = QPlainTextEdit(text)
        field.setObjectName(name)
        field.setFont(theme().font("mono"))
        field.setPlaceholderText(tr("For example:") + "\n" + example)
        field.setTabChangesFocus(True)
        field.setFixedHeight(height)
        return field

    def _build_ui(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(10)
        grid.setColumnStretch(2, 1)
        rows: tuple[tuple[str, QWidget, str], ...] = (
            (tr("Arrivals"), self._arrivals, ""),
            (tr("Duration"), self._fields["duration"], tr("seconds")),
            (tr("A request is given up after"), self._fields["timeout"], tr("seconds")),
            (
                tr("In flight at most"),
                self._fields["in_flight"],
                tr("requests; beyond it one is not sent, and said so"),
            ),
            (tr("Seed"), self._fields["seed"], tr("the same one repeats arrivals and choices")),
        )
        for at, (title, control, note) in enumerate(rows):
            control.setAccessibleName(title)
            grid.addWidget(Label(title, "body", "text_secondary"), at, 0)
            grid.addWidget(control, at, 1, Qt.AlignmentFlag.AlignLeft)
            grid.addWidget(Label(note, "small", "text_muted"), at, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(8)
        column.addWidget(Label(tr("Plan of the traffic"), "section"))
        column.addLayout(grid)
        column.addSpacing(4)
        texts: tuple[tuple[FieldName, str, str], ...] = (
            (
                "steps",
                tr("Steps and ramps"),
                tr(
                    "A line each: seconds after the start, rate a second, and the seconds that the ramp takes."
                ),
            ),
            (
                "requests",
                tr("Requests of your own, instead of the mix"),
                tr("A JSON list: method, path, and if wanted weight, headers, body, anonymous."),
            ),
        )
        for name, title, note in texts:
            self._texts[name].setAccessibleName(title)
            self._texts[name].setAccessibleDescription(note)
            column.addWidget(Label(title, "strong"))
            column.addWidget(Label(note, "small", "text_muted", wrap=True))
            column.addWidget(self._texts[name])
        column.addWidget(self._error)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self._cancel)
        buttons.addWidget(self._submit)
        column.addLayout(buttons)

    @property
    def draft(self) -> PlanDraft:
        return replace(
            PlanDraft(),
            arrivals=self._arrivals.choice,
            duration=self._fields["duration"].text(),
            timeout=self._fields["timeout"].text(),
            in_flight=self._fields["in_flight"].text(),
            seed=self._fields["seed"].text(),
            steps=self._texts["steps"].toPlainText(),
            requests=self._texts["requests"].toPlainText(),
        )

    def submit(self) -> None:
        """Ask for it if it makes sense; else say what does not, and go there."""
        try:
            wish = wish_of(self.draft)
        except FormError as error:
            self._error.setText(str(error))
            place = self._fields.get(error.field) or self._texts.get(error.field)
            if place is not None:
                place.setFocus()
            return
        self.submitted.emit(wish)
        self.accept()
