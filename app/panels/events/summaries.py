"""What an event is about, in a few words from its data. Pure; data comes from anywhere and may have any shape."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.core.language import tr

Data = Mapping[str, Any]

_IDS: Final = ("id", "orderId", "paymentId", "sagaId", "userId", "productId")
_WORDS: Final = ("status", "template", "reason", "to", "name", "message")
_CUT: Final = 120


def summary(event_type: str, data: Data) -> str:
    family = event_type.partition(".")[0]
    match family:
        case "order":
            parts = [_id(data), _pieces(data), _money(data, "total"), _text(data, "status")]
        case "payment":
            parts = [_id(data), _text(data, "orderId"), _money(data, "amount"), _text(data, "failureReason")]
        case "inventory":
            parts = [_text(data, "productId"), _change(data), _stock(data)]
        case "user":
            parts = [_id(data), _text(data, "email")]
        case "email" | "notification":
            parts = [_text(data, "template"), _text(data, "to") or _text(data, "userId")]
        case "saga":
            parts = [_text(data, "step"), _text(data, "name"), _text(data, "sagaId") or _id(data)]
        case _:
            parts = []
    told = [part for part in parts if part] or _anything(data)
    return " · ".join(told)[:_CUT]


def _id(data: Data) -> str:
    return next((found for name in _IDS if (found := _text(data, name))), "")


def _text(data: Data, name: str) -> str:
    value = data.get(name)
    return " ".join(value[:_CUT].split()) if isinstance(value, str) else ""


def _number(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:,}" if is_number else ""


def _money(data: Data, name: str) -> str:
    value = data.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ""
    return f"{value:,.2f} {_text(data, 'currency')}".strip()


def _pieces(data: Data) -> str:
    lines = data.get("items")
    if not isinstance(lines, list):
        return ""
    count = sum(
        line["quantity"] for line in lines if isinstance(line, dict) and isinstance(line.get("quantity"), int)
    )
    if not count:
        return ""
    return tr("1 piece") if count == 1 else tr("{n} pieces", n=f"{count:,}")


def _change(data: Data) -> str:
    change = data.get("change")
    if not isinstance(change, int) or isinstance(change, bool):
        return ""
    return f"{change:+,}".replace("-", "−")


def _stock(data: Data) -> str:
    stock = _number(data.get("stock"))
    return tr("{n} left", n=stock) if stock else ""


def _anything(data: Data) -> Sequence[str]:
    """Of an event that is not known: an id and a word, or else its first plain values."""
    told = [found for name in (*_IDS, *_WORDS) if (found := _text(data, name))]
    if told:
        return told[:3]
    plain = ((name, value) for name, value in data.items() if isinstance(value, str | int | float))
    return [f"{name} {value}"[:40] for name, value in plain][:3]
