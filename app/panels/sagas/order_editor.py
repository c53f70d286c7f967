"""The order of a run: for whom, and which products. It sends what is typed; what is wrong is shown at the field."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.sagas.order_data import CUSTOMER, PRODUCTS, TEST_ORDER, ItemText, order_of, subtotal
from app.qt.theme import theme
from app.widgets.button import Button, IconButton
from app.widgets.label import Label

MAX_ITEMS: Final = 50
_FIELD: Final = re.compile(r"items\[(\d+)\](?:\.(\w+))?")


class OrderEditor(QWidget):
    """`changed` after each edit."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._customer = _field("customer", tr("Customer"))
        self._customer_says = _says()
        self._items_say = _says()
        self._rows: list[_ItemRow] = []
        self._grid = QVBoxLayout()
        self._grid.setSpacing(4)
        self._add = Button(tr("Add item"), kind="link")
        self._add.setObjectName("addItem")
        self._total = Label("", "strong")
        foot = QHBoxLayout()
        foot.addWidget(self._add)
        foot.addStretch(1)
        foot.addWidget(Label(tr("Total"), "small", "text_secondary"))
        foot.addWidget(self._total)
        who = QHBoxLayout()
        who.setSpacing(8)
        label = Label(tr("Customer"), "small", "text_secondary")
        label.setBuddy(self._customer)
        who.addWidget(label)
        who.addWidget(self._customer, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(who)
        column.addWidget(self._customer_says)
        column.addLayout(self._grid)
        column.addWidget(self._items_say)
        column.addLayout(foot)
        column.addStretch(1)
        self._customer.textEdited.connect(self._on_customer)
        self._add.clicked.connect(lambda: self._add_row(ItemText(PRODUCTS[0], "1", "")))
        self.show_order(CUSTOMER, TEST_ORDER)

    def show_order(self, user: str, items: Sequence[ItemText]) -> None:
        self._customer.setText(user)
        for row in list(self._rows):
            self._remove_row(row)
        for item in items:
            self._add_row(item)

    @property
    def data(self) -> dict[str, Any]:
        return order_of(self._customer.text(), [row.item for row in self._rows])

    def show_errors(self, errors: Mapping[str, str]) -> Mapping[str, str]:
        """What was said of each field; gives what is about none of them."""
        rest: dict[str, str] = {}
        self.clear_errors()
        for path, text in errors.items():
            found = _FIELD.fullmatch(path)
            if path == "userId":
                _show(self._customer, self._customer_says, text)
            elif path == "items":
                _show(None, self._items_say, tr("The items: {what}", what=text))
            elif found is not None and int(found[1]) < len(self._rows):
                self._rows[int(found[1])].show_error(found[2] or "", text)
            else:
                rest[path] = text
        return rest

    def clear_errors(self) -> None:
        _show(self._customer, self._customer_says, "")
        _show(None, self._items_say, "")
        for row in self._rows:
            row.clear_errors()

    def _on_customer(self) -> None:
        _show(self._customer, self._customer_says, "")
        self.changed.emit()

    def _add_row(self, item: ItemText) -> None:
        if len(self._rows) >= MAX_ITEMS:
            return
        row = _ItemRow(item, len(self._rows))
        row.changed.connect(self._on_changed)
        row.removal_requested.connect(lambda: self._remove_row(row))
        self._rows.append(row)
        self._grid.addWidget(row)
        self._on_changed()

    def _remove_row(self, row: "_ItemRow") -> None:
        self._rows.remove(row)
        row.setParent(None)  # gone at once, and with it its name
        row.deleteLater()
        for at, left in enumerate(self._rows):
            left.name(at)
        self._on_changed()

    def _on_changed(self) -> None:
        _show(None, self._items_say, "")
        parts = [subtotal(row.item) for row in self._rows]
        known = [part for part in parts if part is not None]
        self._total.setText(figures.decimal(sum(known) if len(known) == len(parts) else None, 2))
        self.changed.emit()


class _ItemRow(QWidget):
    changed = Signal()
    removal_requested = Signal()

    def __init__(self, item: ItemText, at: int) -> None:
        super().__init__()
        self._product = _field(f"product-{at}", tr("Product"), 66)
        self._quantity = _Amount(f"quantity-{at}", tr("Quantity"), self._step)
        self._price = _field(f"price-{at}", tr("Price"), 60)
        self._sum = Label("", "strong")
        self._remove = IconButton("close", tr("Take it away"))
        self._less, self._more = IconButton("minus", tr("One less")), IconButton("plus", tr("One more"))
        self._error = _says()
        self._fields: dict[str, QLineEdit] = {
            "productId": self._product, "quantity": self._quantity, "price": self._price,
        }  # fmt: skip
        for field, text in zip(self._fields.values(), (item.product, item.quantity, item.price), strict=True):
            field.setText(text)
            field.textChanged.connect(self._on_changed)
        self._price.setToolTip(tr("The catalogue's price; left empty it is looked up"))
        self._build_ui()
        self._less.clicked.connect(lambda: self._step(-1))
        self._more.clicked.connect(lambda: self._step(1))
        self._remove.clicked.connect(self.removal_requested)
        self.name(at)
        self._on_changed()

    def _build_ui(self) -> None:
        for button in (self._less, self._more):
            button.setProperty("measure", "step")
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setFixedSize(20, 22)
            button.setIconSize(button.iconSize() * 0.75)
        self._remove.setProperty("measure", "step")
        for field in (self._quantity, self._price):
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._sum.setMinimumWidth(46)
        self._sum.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        line = QHBoxLayout()
        line.setSpacing(2)
        line.addWidget(self._product, 1)
        rest: tuple[QWidget, ...] = (
            self._less, self._quantity, self._more, Label("×", "small", "text_muted"), self._price, self._sum, self._remove,
        )  # fmt: skip
        for widget in rest:
            line.addWidget(widget)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(0)
        grid.addLayout(line, 0, 0)
        grid.addWidget(self._error, 1, 0)

    def name(self, at: int) -> None:
        """Which line of the order it is."""
        for kind, field in zip(("product", "quantity", "price"), self._fields.values(), strict=True):
            field.setObjectName(f"{kind}-{at}")
        self._remove.setObjectName(f"remove-{at}")

    @property
    def item(self) -> ItemText:
        return ItemText(self._product.text(), self._quantity.text(), self._price.text())

    def show_error(self, field: str, text: str) -> None:
        known = self._fields.get(field)
        _show(known, self._error, f"{known.accessibleName()}: {text}" if known is not None else text)

    def clear_errors(self) -> None:
        for field in self._fields.values():
            _show(field, self._error, "")

    def _step(self, by: int) -> None:
        text = self._quantity.text().strip()
        number = int(text) if text.lstrip("-").isdecimal() else 0
        self._quantity.setText(str(number + by))

    def _on_changed(self) -> None:
        self.clear_errors()
        self._sum.setText(figures.decimal(subtotal(self.item), 2))
        self.changed.emit()


class _Amount(QLineEdit):
    """Up and down count."""

    def __init__(self, name: str, says: str, step: Callable[[int], None]) -> None:
        super().__init__()
        self._by = step
        _prepare(self, name, says, 36)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()))
        if by is None:
            super().keyPressEvent(event)
        else:
            self._by(by)


def _field(name: str, says: str, width: int = 0) -> QLineEdit:
    field = QLineEdit()
    _prepare(field, name, says, width)
    return field


def _prepare(field: QLineEdit, name: str, says: str, width: int) -> None:
    field.setObjectName(name)
    field.setAccessibleName(says)
    field.setFont(theme().font("mono"))
    field.setMaxLength(200)
    if width:
        field.setMinimumWidth(width)
        field.setMaximumWidth(width * 2 if name.startswith("product") else width)


def _says() -> Label:
    label = Label("", "small", "bad", wrap=True)
    label.setVisible(False)
    return label


def _show(field: QLineEdit | None, label: Label, text: str) -> None:
    label.setText(text)
    label.setVisible(bool(text))
    if field is not None and field.property("invalid") != ("true" if text else None):
        field.setProperty("invalid", "true" if text else None)
        field.setAccessibleDescription(text)
        field.style().polish(field)
