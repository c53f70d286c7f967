"""The filters of the template language. Each is bounded: what it makes is no longer than what it is given, and a bit."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from jinja2 import Undefined

_SEPARATOR_LIMIT: Final = 20


def upper(value: object) -> str:
    return str(value).upper()


def lower(value: object) -> str:
    return str(value).lower()


def capitalize(value: object) -> str:
    return str(value).capitalize()


def trim(value: object) -> str:
    return str(value).strip()


def truncate(value: object, length: int = 80) -> str:
    """At most `length` characters, the last of them `…` when something was cut off."""
    text = str(value)
    return text if len(text) <= length else text[: max(length - 1, 0)] + "…"


def default(value: Any, instead: object = "") -> Any:
    """`instead` where the variable is missing or null."""
    return instead if isinstance(value, Undefined) or value is None else value


def length(value: object) -> int:
    if isinstance(value, list | dict | str):
        return len(value)
    raise ValueError("length needs a list, an object or a text")


def join(value: object, separator: str = ", ") -> str:
    """Lists only: a text that is joined could be joined again, and double each time."""
    if not isinstance(value, list):
        raise ValueError("join needs a list")
    return str(separator)[:_SEPARATOR_LIMIT].join(str(item) for item in value)


def money(value: object) -> str:
    """Two decimals."""
    return f"{_number(value):.2f}"


def number(value: object, decimals: int = 0) -> str:
    return f"{_number(value):.{min(max(int(decimals), 0), 10)}f}"


def date(value: object) -> str:
    """Seconds since the epoch → `2026-01-31 12:00 UTC`."""
    return datetime.fromtimestamp(_number(value), UTC).strftime("%Y-%m-%d %H:%M UTC")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{str(value)[:40]!r} is not a number")
    return float(value)


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "upper": upper,
    "lower": lower,
    "capitalize": capitalize,
    "trim": trim,
    "truncate": truncate,
    "default": default,
    "length": length,
    "join": join,
    "money": money,
    "number": number,
    "date": date,
}
