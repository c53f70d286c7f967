"""What an order saga is started with, as it is typed: the guide's test order, and what is made of the fields. Pure.

Nothing is judged here: what is wrong with an order the orchestrator says, field by field.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from app.core.language import tr

ORDER_PROCESSING: Final = "order-processing"
REFUND_ORDER: Final = "refund-order"
CUSTOMER: Final = "usr_demo"
MAX_DATA: Final = 256 * 1024


@dataclass(frozen=True)
class ItemText:
    """One line of the order, as it stands in its fields."""

    product: str
    quantity: str
    price: str


TEST_ORDER: Final = (ItemText("prod1", "2", "29.99"), ItemText("prod2", "1", "59.99"))
PRODUCTS: Final = ("prod1", "prod2", "prod3")


def order_of(user: str, items: Sequence[ItemText]) -> dict[str, Any]:
    return {"userId": user.strip(), "items": [_item(item) for item in items]}


def _item(item: ItemText) -> dict[str, Any]:
    found: dict[str, Any] = {"productId": item.product.strip(), "quantity": _number(item.quantity)}
    if item.price.strip():
        found["price"] = _number(item.price)
    return found


def _number(text: str) -> int | float | str:
    """What is no number is sent as it is, and refused as it should be."""
    text = text.strip()
    for kind in (int, float):
        try:
            value: int | float = kind(text)
        except ValueError:
            continue
        return value if abs(value) < 1e15 else text
    return text


def subtotal(item: ItemText) -> float | None:
    """None where a field is no number."""
    quantity, price = _number(item.quantity), _number(item.price)
    if isinstance(quantity, str) or isinstance(price, str):
        return None
    return quantity * price


def items_of(data: Mapping[str, Any]) -> tuple[str, Sequence[ItemText]] | None:
    """The fields for this data; None where it does not have the shape of an order."""
    user, items = data.get("userId"), data.get("items")
    if not isinstance(user, str) or not isinstance(items, list) or data.keys() - {"userId", "items"}:
        return None
    found = []
    for item in items:
        if not isinstance(item, dict) or item.keys() - {"productId", "quantity", "price"}:
            return None
        texts = [_text(item.get(name)) for name in ("productId", "quantity", "price")]
        found.append(ItemText(*texts))
    return user, found


def start_data(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a saga was started with, of what its steps have made of it since."""
    if name == ORDER_PROCESSING:
        items = data.get("items")
        kept = [
            {key: item[key] for key in ("productId", "quantity", "price") if key in item}
            for item in (items if isinstance(items, list) else [])
            if isinstance(item, dict)
        ]
        return {"userId": data.get("userId", ""), "items": kept}
    if name == REFUND_ORDER:
        return {key: data[key] for key in ("orderId", "reason") if key in data}
    return dict(data)


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


# --- as JSON ----------------------------------------------------------------------------------------------------------


def pretty(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)


def template_of(saga: str, order: str) -> str:
    """What the editor begins with. `order` is the newest one that was completed, empty if there is none."""
    if saga == ORDER_PROCESSING:
        return pretty(order_of(CUSTOMER, TEST_ORDER))
    if saga == REFUND_ORDER:
        return pretty({"orderId": order, "reason": tr("returned")})
    return "{\n  \n}"


def data_of(text: str) -> tuple[dict[str, Any], str]:
    """The object that is written there, and what keeps it from being one; empty when it is one."""
    if len(text.encode()) > MAX_DATA:
        return {}, tr("Too large: at most {n} KB.", n=MAX_DATA // 1024)
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return {}, tr("No JSON: {why}", why=str(error))
    if not isinstance(found, dict):
        return {}, tr("It must be an object: { … }")
    return found, ""
