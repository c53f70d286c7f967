"""What the window is told of a kind's parameters, read off their type."""

from typing import Any, Final

import msgspec
from msgspec import inspect

from embedded_services.contracts.faults import FaultParam, ParamType
from embedded_services.faults.params import Params, Timed

_TIMING: Final = frozenset(Timed.__struct_fields__)


def forms_of(params: type[Params]) -> list[FaultParam]:
    """In the order of a form: what the fault does first, when it does it last."""
    described = inspect.type_info(params)
    if not isinstance(described, inspect.StructType):
        raise TypeError(f"{params.__name__} is no struct")
    forms = [_form(field) for field in described.fields]
    return sorted(forms, key=lambda form: form.timing)


def _form(field: inspect.Field) -> FaultParam:
    kind, said, more = _unwrapped(field.type)
    bounded = kind if isinstance(kind, inspect.IntType | inspect.FloatType) else None
    return FaultParam(
        name=field.encode_name,
        type=_type_of(kind),
        title=str(said.get("title", field.encode_name)),
        help=str(said.get("description", "")),
        default=msgspec.to_builtins(field.default),
        unit=more.get("x-unit"),
        minimum=bounded.ge if bounded is not None else None,
        maximum=bounded.le if bounded is not None else None,
        choices=[str(value) for value in kind.values] if isinstance(kind, inspect.LiteralType) else [],
        only_with=more.get("x-only-with", {}),
        timing=field.name in _TIMING,
    )


def _unwrapped(kind: inspect.Type) -> tuple[inspect.Type, dict[str, Any], dict[str, Any]]:
    """The type itself, and what its `Meta` says."""
    said: dict[str, Any] = {}
    more: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata):
        for name, value in (kind.extra_json_schema or {}).items():
            (more if name.startswith("x-") else said)[name] = value
        kind = kind.type
    return kind, said, more


def _type_of(kind: inspect.Type) -> ParamType:
    match kind:
        case inspect.BoolType():
            return ParamType.BOOLEAN
        case inspect.IntType():
            return ParamType.INTEGER
        case inspect.FloatType():
            return ParamType.NUMBER
        case inspect.LiteralType():
            return ParamType.CHOICE
        case _:
            return ParamType.TEXT
