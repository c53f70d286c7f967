"""What a person wrote as an event, and what is wrong with it: `(type, source, data) → NewEvent | errors`. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, NoReturn

import msgspec

from app.core.language import tr
from embedded_services.contracts.events import NewEvent
from embedded_services.contracts.queues import MAX_EDITED

FieldName = Literal["type", "source", "data"]
FIELDS: Final[tuple[FieldName, ...]] = ("type", "source", "data")


def parse(event_type: str, source: str, text: str) -> NewEvent | dict[FieldName, str]:
    """The event, or for each field that is wrong what is wrong with it."""
    data, problem = data_of(text)
    errors: dict[FieldName, str] = {"data": problem} if problem else {}
    for name, given in (("type", event_type.strip()), ("source", source.strip())):
        try:
            msgspec.convert({"type": "a.b", "source": "x", name: given}, NewEvent)
        except msgspec.ValidationError:
            errors["type" if name == "type" else "source"] = _rules()[name]
    if errors:
        return errors
    return NewEvent(type=event_type.strip(), data=data, source=source.strip())


def data_of(text: str) -> tuple[dict[str, Any], str]:
    """The object that is written there, and what keeps it from being one; empty when it is one."""
    if len(text.encode()) > MAX_EDITED:
        return {}, tr("Too large: at most {n} KB.", n=MAX_EDITED // 1024)
    if not text.strip():
        return {}, ""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return {}, tr(
            "Line {line}, column {column}: {what}", line=error.lineno, column=error.colno, what=error.msg
        )
    except RecursionError:
        return {}, tr("Nested too deep.")
    except ValueError as error:
        return {}, str(error)
    if not isinstance(value, dict):
        return {}, tr('It must be an object: {"name": value, …}')
    return value, ""


def pretty(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)


def edited(body: str, event: NewEvent) -> str:
    """The whole event `body` with another type, source and data; everything else in it stays."""
    envelope = json.loads(body)
    return json.dumps(
        {**envelope, "type": event.type, "source": event.source, "data": event.data}, ensure_ascii=False
    )


def _refuse(name: str) -> NoReturn:
    raise ValueError(tr("{name} is no JSON.", name=name))


def _rules() -> dict[str, str]:
    return {
        "type": tr("Words of a-z, 0-9 and - with dots between them, such as order.created."),
        "source": tr("A name of 1 to 60 characters."),
    }
