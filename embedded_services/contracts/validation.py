"""From what the decoder says to what a caller is told: `VALIDATION_FAILED` with the field, the bound and its unit.

msgspec checks types and bounds while it decodes and stops at the first fault, so `details` holds one entry. Paths
are given as a caller writes them: `items[0].quantity`, without msgspec's leading `$`, and with the names of an object's
entries, which msgspec leaves out.
"""

import copy
import json
import math
import re
import sys
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from embedded_services.contracts.errors import ApiError, ErrorDetail

T = TypeVar("T")

_AT = re.compile(r"^(?P<what>.*) - at (?:`key` in )?`\$(?P<path>.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>.+)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
_TYPE = re.compile(r"^Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)`$")
_LENGTH = re.compile(r"^Expected `(?P<kind>[^`]+)` of length (?P<sign><=|>=|==) (?P<bound>\d+)$")
_RANGE = re.compile(r"^Expected `[^`]+` (?P<sign><=|>=|<|>) (?P<bound>[-+.\deE]+)$")
_PATTERN = re.compile(r"^Expected `str` matching regex '(?P<bound>.*)'$", re.DOTALL)
_TOO_LARGE = "Number out of range"
_STEP = re.compile(r"\.([^.\[]+)|(\[[^\]]*\])")
_ENTRY = "[...]"
_MOST_ENTRIES = 1000
"""Of an object, among which the one at fault is looked for."""

_NOUNS = {
    "int": "a whole number", "float": "a number", "decimal": "a number", "str": "a text", "bool": "true or false",
    "array": "a list", "object": "an object", "null": "null",
}  # fmt: skip
_COUNTED = {"str": "characters", "array": "items", "object": "fields", "bytes": "bytes"}
_SIGNS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than", "==": "exactly"}


def invalid(
    field: str, message: str, *, bound: str | float | None = None, unit: str | None = None
) -> ApiError:
    """The error for a field that broke a rule which its type cannot express."""
    return refusal(ErrorDetail(field=field, message=message, bound=bound, unit=unit))


def refusal(detail: ErrorDetail) -> ApiError:
    return ApiError("VALIDATION_FAILED", f"{detail.field} {detail.message}", details=[detail])


def decode_json(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    """Decode what came over the wire. Raises ApiError VALIDATION_FAILED."""
    try:
        return _decode(decoder, raw)
    except msgspec.ValidationError as error:
        raise refusal(explain(error, decoder.type, _untyped(raw))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError("VALIDATION_FAILED", f"The body is not valid JSON: {error}") from error
    except RecursionError as error:
        raise ApiError("VALIDATION_FAILED", "The body is nested too deeply") from error


def convert_query(values: dict[str, str], into: type[T]) -> T:
    """Read a query string's fields, which all arrive as text. Raises ApiError VALIDATION_FAILED."""
    try:
        return msgspec.convert(values, into, strict=False)
    except msgspec.ValidationError as error:
        raise refusal(explain(error, into)) from error


def convert_builtins(value: Any, into: type[T]) -> T:
    """Check a value that was put together from decoded parts. Raises ApiError VALIDATION_FAILED."""
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        raise refusal(explain(error, into, value)) from error


def _decode(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    """A number that is too large for any is taken as the largest, so that it breaks its bound like others. It must break one,
    unless the type has `LARGE_NUMBERS_PASS`, because what it leaves untyped is checked by whoever reads it."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        if not str(error).startswith(_TOO_LARGE) or (value := _untyped(raw)) is None:
            raise
        decoded: T = msgspec.convert(value, decoder.type, str_keys=True)
        if getattr(decoder.type, "LARGE_NUMBERS_PASS", False):
            return decoded
        raise


def _finite(literal: str) -> float:
    number = float(literal)
    return math.copysign(sys.float_info.max, number) if math.isinf(number) else number


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _untyped(raw: bytes) -> Any:
    """None for what is not JSON behind its first fault."""
    try:
        return json.loads(raw.decode(), parse_float=_finite, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None


def explain(error: msgspec.ValidationError, into: Any, value: Any = None) -> ErrorDetail:
    """What `error` says of a message of type `into`, in a caller's words; `value` is the message, where it is at hand."""
    text = str(error)
    path = ""
    if found := _AT.match(text):
        text, path = found["what"], found["path"]
    named = _named(path, into, value) if _ENTRY in path else path
    if found := _MISSING.match(text):
        return ErrorDetail(field=_field(f"{named}.{found['name']}"), message="is required")
    if found := _UNKNOWN.match(text):
        return ErrorDetail(field=_field(f"{named}.{found['name']}"), message="is not a known field")
    return _broken_bound(text, _field(named), _type_at(into, path))


def _named(path: str, into: Any, value: Any) -> str:
    """`path` with the names of entries: in each object the entry that is at fault."""
    try:
        whole = node = copy.deepcopy(value)
    except RecursionError:
        return path
    named = ""
    for name, index in _STEP.findall(path):
        key: Any = name
        if index == _ENTRY:
            if not isinstance(node, dict) or not (key := _entry_at_fault(node, path, whole, into)):
                return path
        elif index:
            key = int(index[1:-1])
        try:
            node = node[key]
        except (LookupError, TypeError):
            return path
        named += index if index and index != _ENTRY else f".{key}"
    return named


def _entry_at_fault(node: dict[str, Any], path: str, whole: Any, into: Any) -> str | None:
    """The entry of `node`, a part of `whole`, that is alone enough for the fault at `path`; the others are gone then."""
    entries = dict(node)
    for key, entry in entries.items() if len(entries) <= _MOST_ENTRIES else ():
        node.clear()
        node[key] = entry
        try:
            msgspec.convert(whole, into)
        except msgspec.ValidationError as error:
            if (found := _AT.match(str(error))) and found["path"] == path:
                return key
    return None


def _broken_bound(text: str, field: str, kind: inspect.Type | None) -> ErrorDetail:
    if found := _TYPE.match(text):
        message = f"must be {_nouns(found['wanted'])}, not {_nouns(found['got'])}"
        return ErrorDetail(field=field, message=message)
    if found := _LENGTH.match(text):
        unit = _COUNTED.get(found["kind"], "items")
        counted = unit.removesuffix("s") if found["bound"] == "1" else unit
        message = f"must have {_SIGNS[found['sign']]} {found['bound']} {counted}"
        return ErrorDetail(field=field, message=message, bound=int(found["bound"]), unit=unit)
    if found := _RANGE.match(text):
        bound = float(found["bound"])
        plain = int(bound) if bound.is_integer() else bound
        message = f"must be {_SIGNS[found['sign']]} {plain}"
        return ErrorDetail(field=field, message=message, bound=plain, unit=_said_of(kind, "x-unit"))
    if found := _PATTERN.match(text):
        form = _said_of(kind, "x-form")
        message = f"must be {form}" if form else "does not have the form it must have"
        return ErrorDetail(field=field, message=message, bound=found["bound"].replace("\\\\", "\\"))
    if choices := _choices(kind):
        return ErrorDetail(field=field, message=f"must be one of {', '.join(choices)}")
    return ErrorDetail(field=field, message=text[:1].lower() + text[1:])


def _field(path: str) -> str:
    return path.removeprefix(".") or "body"


def _nouns(types: str) -> str:
    return " or ".join(_NOUNS.get(name, name) for name in types.split(" | "))


def _said_of(kind: inspect.Type | None, what: str) -> str | None:
    for part in _parts(kind):
        if isinstance(part, inspect.Metadata) and part.extra_json_schema:
            said = part.extra_json_schema.get(what)
            return str(said) if said is not None else None
    return None


def _choices(kind: inspect.Type | None) -> list[str]:
    for part in _parts(kind):
        if isinstance(part, inspect.EnumType):
            return [str(member.value) for member in part.cls]
        if isinstance(part, inspect.LiteralType):
            return [str(value) for value in part.values]
    return []


def _type_at(into: Any, path: str) -> inspect.Type | None:
    """The declared type at a path like `.items[0].quantity`, or None where the path leads into untyped data."""
    kind: inspect.Type | None = inspect.type_info(into)
    for name, index in _STEP.findall(path):
        kind = next((inner for part in _parts(kind) if (inner := _inside(part, name, index))), None)
    return kind


def _inside(part: inspect.Type, name: str, index: str) -> inspect.Type | None:
    match part:
        case inspect.StructType():
            return next((field.type for field in part.fields if field.encode_name == name), None)
        case inspect.ListType() if index:
            return part.item_type
        case inspect.DictType() if index:
            return part.value_type
        case _:
            return None


def _parts(kind: inspect.Type | None) -> Iterator[inspect.Type]:
    """`kind` and all that it wraps or is a choice between."""
    if kind is None:
        return
    yield kind
    if isinstance(kind, inspect.Metadata):
        yield from _parts(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for choice in kind.types:
            yield from _parts(choice)
