"""What a run is started with: the fields of an order, or JSON for any saga, checked while it is typed."""

from collections.abc import Mapping
from typing import Any, Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QPlainTextEdit, QStackedWidget, QVBoxLayout, QWidget

from app.core.language import tr
from app.panels.sagas.order_data import (
    CUSTOMER,
    ORDER_PROCESSING,
    TEST_ORDER,
    data_of,
    items_of,
    pretty,
    template_of,
)
from app.panels.sagas.order_editor import OrderEditor
from app.qt.theme import theme
from app.widgets.label import Label

_CHECK_MS: Final = 150


class DataEditor(QStackedWidget):
    """`changed` after an edit of the order; `form_changed` when it is fields now, or JSON."""

    changed = Signal()
    form_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.saga = ORDER_PROCESSING
        self.newest_order = ""
        """What a refund begins with."""
        self._written: dict[str, str] = {}
        self.order = OrderEditor()
        self._text = QPlainTextEdit()
        self._says = Label("", "small", "ok", wrap=True)
        self._text.setObjectName("sagaData")
        self._says.setObjectName("dataSays")
        self._text.setFont(theme().font("mono"))
        self._text.setAccessibleName(tr("Data, as JSON"))
        self._text.setTabChangesFocus(True)
        self._text.setMinimumHeight(96)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._text, 1)
        column.addWidget(self._says)
        self.addWidget(self.order)
        self.addWidget(page)
        self._check = QTimer(self)
        self._check.setSingleShot(True)
        self._check.setInterval(_CHECK_MS)
        self._check.timeout.connect(self._check_text)
        self._text.textChanged.connect(self._check.start)
        self.order.changed.connect(self.changed)

    @property
    def is_json(self) -> bool:
        return self.currentIndex() == 1

    @property
    def has_form(self) -> bool:
        return self.saga == ORDER_PROCESSING

    # --- what it is told ------------------------------------------------------------------------------------------

    def choose(self, saga: str) -> None:
        """Another saga: what was written for the one before is kept."""
        if saga != self.saga:
            self._written[self.saga] = self._text.toPlainText()
            self.saga = saga
            if not self.has_form:
                self._text.setPlainText(self._written.get(saga) or template_of(saga, self.newest_order))
        self._show(is_json=not self.has_form)

    def fill_test_order(self) -> None:
        self.choose(ORDER_PROCESSING)
        self.order.show_order(CUSTOMER, TEST_ORDER)

    def fill(self, saga: str, data: Mapping[str, Any]) -> None:
        """What another run was started with."""
        self.choose(saga)
        found = items_of(data) if self.has_form else None
        if found is not None:
            self.order.show_order(*found)
        else:
            self._text.setPlainText(pretty(data))
            self._show(is_json=True)

    def toggle(self) -> None:
        """From the fields to JSON, or back where it fits into them."""
        if not self.is_json:
            self._text.setPlainText(pretty(self.order.data))
            self._show(is_json=True)
            return
        data, problem = data_of(self._text.toPlainText())
        found = None if problem else items_of(data)
        if found is None:
            self._say(problem or tr("It has more than the form has fields for."))
        else:
            self.order.show_order(*found)
            self._show(is_json=False)

    def take(self) -> dict[str, Any] | None:
        """What stands there; None where it is no JSON, which is then said."""
        if not self.is_json:
            self.order.clear_errors()
            return self.order.data
        data, problem = data_of(self._text.toPlainText())
        self._say(problem)
        if problem:
            self._text.setFocus()
            return None
        return data

    def show_errors(self, errors: Mapping[str, str]) -> Mapping[str, str]:
        """What was said of each field; gives what has no place here."""
        if not self.is_json:
            return self.order.show_errors(errors)
        if errors:
            self._say("; ".join(f"{path} {text}" for path, text in errors.items()))
        return {}

    def clear_errors(self) -> None:
        self.order.clear_errors()
        self._check_text()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _show(self, *, is_json: bool) -> None:
        self.setCurrentIndex(1 if is_json else 0)
        self._check_text()
        self.form_changed.emit()

    def _check_text(self) -> None:
        if self.is_json:
            self._say(data_of(self._text.toPlainText())[1])

    def _say(self, problem: str) -> None:
        self._says.setText(problem or tr("valid JSON"))
        self._says.set_tone("bad" if problem else "ok")
        invalid = "true" if problem else None
        if self._text.property("invalid") != invalid:
            self._text.setProperty("invalid", invalid)
            self._text.style().polish(self._text)
