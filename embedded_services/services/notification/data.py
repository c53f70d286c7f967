"""What a sender may give a template: JSON of modest size, checked before it is rendered."""

from typing import Any, Final

from embedded_services.contracts.validation import invalid

DEPTH_LIMIT: Final = 5
TEXT_LIMIT: Final = 2_000
LIST_LIMIT: Final = 200
VALUE_LIMIT: Final = 2_000
_WHOLE_LIMIT: Final = 2**53


def check_data(data: dict[str, Any]) -> None:
    """Raises ApiError VALIDATION_FAILED naming the field, `data.items[3].name` for example."""
    seen = 0

    def visit(value: object, field: str, depth: int) -> None:
        nonlocal seen
        seen += 1
        if seen > VALUE_LIMIT:
            raise invalid("data", f"must have at most {VALUE_LIMIT} values", bound=VALUE_LIMIT, unit="values")
        if depth > DEPTH_LIMIT:
            raise invalid(field, f"is nested more than {DEPTH_LIMIT} deep", bound=DEPTH_LIMIT, unit="levels")
        match value:
            case str():
                _at_most(len(value), TEXT_LIMIT, field, "characters")
            case int() if abs(value) > _WHOLE_LIMIT:
                raise invalid(field, f"must be within ±{_WHOLE_LIMIT}", bound=_WHOLE_LIMIT)
            case list():
                _at_most(len(value), LIST_LIMIT, field, "items")
                for index, item in enumerate(value):
                    visit(item, f"{field}[{index}]", depth + 1)
            case dict():
                _at_most(len(value), LIST_LIMIT, field, "fields")
                for name, item in value.items():
                    _at_most(len(name), 64, field, "characters of a field's name")
                    visit(item, f"{field}.{name}", depth + 1)
            case _:
                pass

    visit(data, "data", 0)


def _at_most(count: int, bound: int, field: str, unit: str) -> None:
    if count > bound:
        raise invalid(field, f"must have at most {bound} {unit}", bound=bound, unit=unit)
