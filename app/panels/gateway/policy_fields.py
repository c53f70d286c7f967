"""The fields of a call policy as a form needs them, read from the settings' types: bounds, unit, default. Pure.

Nothing is copied by hand: a field that is added to `CallPolicy` or to one of its groups appears in the form.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from msgspec import inspect

from app.core.language import tr
from embedded_services.contracts.settings import CallPolicy

SWITCH: Final = "enabled"
FieldKind = Literal["number", "integer", "list"]
Value = float | int | tuple[int, ...] | bool
Path = tuple[str, str]
"""A group (empty for the call itself) and a field, by their names in Python."""


@dataclass(frozen=True)
class FieldSpec:
    """`low` and `high` are what may be, both included; of a list, of each of its members."""

    path: Path
    wire: str
    kind: FieldKind
    low: float
    high: float
    unit: str
    default: Value
    most: int = 0
    """Of a list: how many members it may have."""


@dataclass(frozen=True)
class GroupSpec:
    """`switch` is the default of its `enabled`, None for a group that is always on."""

    name: str
    wire: str
    fields: tuple[FieldSpec, ...]
    switch: bool | None


@cache
def groups() -> tuple[GroupSpec, ...]:
    """The call itself first, then its groups in the types' order."""
    info = inspect.type_info(CallPolicy)
    if not isinstance(info, inspect.StructType):
        raise TypeError("the policy is no struct")
    own = tuple(_field("", field) for field in info.fields if not isinstance(field.type, inspect.StructType))
    nested = [
        _group(field.name, field.encode_name, field.type)
        for field in info.fields
        if isinstance(field.type, inspect.StructType)
    ]
    return (GroupSpec("", "", own, None), *nested)


def _group(name: str, wire: str, kind: inspect.StructType) -> GroupSpec:
    switch = next((field.default for field in kind.fields if field.name == SWITCH), None)
    fields = tuple(_field(name, field) for field in kind.fields if field.name != SWITCH)
    return GroupSpec(name, wire, fields, switch)


def _field(group: str, field: inspect.Field) -> FieldSpec:
    kind, unit = _plain(field.type)
    path, default = (group, field.name), field.default
    if isinstance(kind, inspect.VarTupleType):
        member, _ = _plain(kind.item_type)
        if not isinstance(member, inspect.IntType):
            raise TypeError(f"there is no form for a list such as {field.name}")
        low, high = _bounds(member)
        return FieldSpec(path, field.encode_name, "list", low, high, unit, default, kind.max_length or 100)
    if not isinstance(kind, inspect.IntType | inspect.FloatType):
        raise TypeError(f"there is no form for {field.name}")
    low, high = _bounds(kind)
    number: FieldKind = "integer" if isinstance(kind, inspect.IntType) else "number"
    return FieldSpec(path, field.encode_name, number, low, high, unit, default)


def _plain(kind: inspect.Type) -> tuple[inspect.Type, str]:
    """The type below its notes, and its unit."""
    unit = ""
    while isinstance(kind, inspect.Metadata):
        unit = (kind.extra_json_schema or {}).get("x-unit", unit)
        kind = kind.type
    return kind, unit


def _bounds(kind: inspect.IntType | inspect.FloatType) -> tuple[float, float]:
    low = kind.ge if kind.ge is not None else 0
    return low, kind.le if kind.le is not None else float("inf")


# --- values -----------------------------------------------------------------------------------------------------------


def values_of(policy: CallPolicy) -> dict[Path, Value]:
    """Every field and every switch, by its path."""
    found: dict[Path, Value] = {}
    for group in groups():
        holder: Any = getattr(policy, group.name) if group.name else policy
        for field in group.fields:
            found[field.path] = getattr(holder, field.path[1])
        if group.switch is not None:
            found[group.name, SWITCH] = getattr(holder, SWITCH)
    return found


def written(value: Value) -> str:
    """As it stands in a field: `0.025`, `5`, `502, 503`."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:.10g}"


def parsed(spec: FieldSpec, text: str) -> Value:
    """Raises ValueError with a sentence for the user."""
    if spec.kind == "list":
        return _parsed_list(spec, text)
    try:
        value = int(text.strip()) if spec.kind == "integer" else float(text.strip().replace(",", "."))
    except ValueError:
        raise ValueError(_wanted(spec)) from None
    if not spec.low <= value <= spec.high:  # false for a NaN too
        raise ValueError(_wanted(spec))
    return value


def _parsed_list(spec: FieldSpec, text: str) -> tuple[int, ...]:
    words = text.replace(",", " ").split()
    if not all(word.isdecimal() and spec.low <= int(word) <= spec.high for word in words):
        low, high = written(spec.low), written(spec.high)
        raise ValueError(tr("Numbers from {low} to {high}, with commas.", low=low, high=high))
    if len(words) > spec.most:
        raise ValueError(tr("At most {n} numbers.", n=spec.most))
    return tuple(dict.fromkeys(map(int, words)))


def _wanted(spec: FieldSpec) -> str:
    values = {"low": written(spec.low), "high": f"{spec.high:,.10g}", "unit": unit_word(spec.unit)}
    if spec.kind == "integer":
        return tr("A whole number from {low} to {high} {unit}", **values).strip()
    return tr("A number from {low} to {high} {unit}", **values).strip()


def explained(spec: FieldSpec) -> str:
    """Its bounds and its default, for a tooltip."""
    unit = unit_word(spec.unit)
    bounds = f"{written(spec.low)} – {spec.high:,.10g} {unit}".strip()
    return tr("{bounds}; by default {value}", bounds=bounds, value=f"{written(spec.default)} {unit}".strip())


def unit_word(unit: str) -> str:
    return {"s": tr("s"), "1/s": tr("/s"), "bytes": tr("bytes")}.get(unit, unit)


# --- patches ----------------------------------------------------------------------------------------------------------


def patch_of(service: str, changes: Mapping[Path, Value]) -> dict[str, Any]:
    """A merge patch of the settings, in the wire's names."""
    policy: dict[str, Any] = {}
    for group in groups():
        place = policy.setdefault(group.wire, {}) if group.wire else policy
        if (group.name, SWITCH) in changes:
            place[SWITCH] = changes[group.name, SWITCH]
        for field in group.fields:
            if field.path in changes:
                value = changes[field.path]
                place[field.wire] = list(value) if isinstance(value, tuple) else value
    return {"services": {service: {"policy": {key: part for key, part in policy.items() if part != {}}}}}
