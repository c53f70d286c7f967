"""What the user typed into the registration dialog, and what is wrong with it: `(texts) → wish | errors`. Pure.

The bounds are the contract's own: each text is converted to its field's type there, and what does not pass is told in
words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from app.core.language import tr
from embedded_services.contracts.system import Registration

FieldName = Literal["service", "id", "host", "port", "ttl", "health_path", "weight"]
FIELDS: Final[tuple[FieldName, ...]] = get_args(FieldName)

_Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,60}(?!\n)$")]
_OPTIONAL: Final = "health_path"
_TYPES: Final[Mapping[str, Any]] = {
    "service": _Name,
    "id": _Name,
    **get_type_hints(Registration, include_extras=True),
}


@dataclass(frozen=True)
class Wish:
    """A registration that is well formed. `keep` asks the window to renew it for as long as it is open."""

    service: str
    id: str
    registration: Registration
    keep: bool


def parse(texts: Mapping[FieldName, str], *, keep: bool) -> Wish | dict[FieldName, str]:
    """The wish, or for each field that is wrong what it must be."""
    values: dict[FieldName, Any] = {}
    errors: dict[FieldName, str] = {}
    for name in FIELDS:
        try:
            values[name] = _value(name, texts[name].strip())
        except msgspec.ValidationError:
            errors[name] = _rules()[name]
    if errors:
        return errors
    service, identity = values.pop("service"), values.pop("id")
    return Wish(service, identity, Registration(**values), keep)


def _value(name: FieldName, text: str) -> Any:
    """Raises ValidationError."""
    if name == _OPTIONAL and not text:
        return None
    return msgspec.convert(text, _TYPES[name], strict=False)


def _rules() -> dict[FieldName, str]:
    name = tr("Letters, digits, - _ and . only, at most 60 of them.")
    return {
        "service": name,
        "id": name,
        "host": tr("A host name or an address, such as 127.0.0.1."),
        "port": tr("A number from 1 to 65535."),
        "ttl": tr("A number of seconds from 1 to 3600."),
        "health_path": tr("A path such as /health, or nothing."),
        "weight": tr("A number from 1 to 1000."),
    }
