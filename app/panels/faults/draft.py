"""A fault that is being composed: what stands in the form, and the fault it would be. Pure.

Fields are named as the control plane names them in its answers (`target.service`, `params.ms`, `probability`, `ttl`,
`seed`), so that what it says of one finds its place.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from app.core.language import tr
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.faults import (
    MAX_SEED,
    MAX_TTL_S,
    Fault,
    FaultKindInfo,
    FaultParam,
    FaultScope,
    FaultTarget,
    NewFault,
    ParamType,
)
from embedded_services.contracts.validation import convert_builtins

Written = str | bool
TTLS: Final = (15, 60, 300)


@dataclass(frozen=True)
class Draft:
    """`percent` is the probability as it is written; what is empty is left to the control plane."""

    target: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Written] = field(default_factory=dict)
    percent: str = "100"
    ttl: str = "60"
    scope: FaultScope = FaultScope.REQUEST
    seed: str = ""


def first_draft(info: FaultKindInfo) -> Draft:
    return Draft(
        params={param.name: written(param, param.default) for param in info.params},
        scope=info.scopes[0] if info.scopes else FaultScope.REQUEST,
    )


def draft_of(fault: Fault | NewFault, info: FaultKindInfo) -> Draft:
    """As it was armed."""
    target: dict[str, str] = msgspec.to_builtins(fault.target)
    first = first_draft(info)
    known = {param.name: param for param in info.params}
    return Draft(
        target={name: value for name, value in target.items() if value},
        params={
            **first.params,
            **{name: written(known[name], value) for name, value in fault.params.items() if name in known},
        },
        percent=f"{fault.probability * 100:g}",
        ttl=f"{fault.ttl:g}",
        scope=fault.scope or first.scope,
        seed="" if fault.seed is None else str(fault.seed),
    )


def written(param: FaultParam, value: Any) -> Written:
    if param.type is ParamType.BOOLEAN:
        return bool(value)
    return f"{value:.10g}" if isinstance(value, int | float) else str(value)


def is_used(param: FaultParam, params: Mapping[str, Written]) -> bool:
    """Whether another parameter's value makes this one count."""
    return all(params.get(name) in values for name, values in param.only_with.items())


def parse(info: FaultKindInfo, draft: Draft) -> NewFault | dict[str, str]:
    """The fault, or what is wrong with each field that is wrong."""
    problems: dict[str, str] = {}
    target = {name: value.strip() for name, value in draft.target.items() if value.strip()}
    if info.needs and not any(name in target for name in info.needs):
        problems["target"] = tr("Choose what it acts on.")
    params = _params(info, draft.params, problems)
    probability = _number(draft.percent, 0, 100, tr("A share from 0 to 100 %"), "probability", problems)
    ttl = _number(draft.ttl, 1, MAX_TTL_S, tr("From 1 s to an hour (3600)"), "ttl", problems)
    seed = _seed(draft.seed, problems)
    if problems:
        return problems
    try:
        aim = convert_builtins(target, FaultTarget)
    except ApiError as error:
        return {f"target.{detail.field}": detail.message for detail in error.details or ()}
    if not info.draws:
        return NewFault(kind=info.kind, target=aim, params=params, ttl=ttl)
    return NewFault(
        kind=info.kind,
        target=aim,
        params=params,
        probability=probability / 100,
        scope=draft.scope,
        seed=seed,
        ttl=ttl,
    )


def guess_params(info: FaultKindInfo, draft: Draft) -> dict[str, Any]:
    """The parameters as far as they can be read, defaults elsewhere: for a look at what would come of it."""
    ignored: dict[str, str] = {}
    known = {param.name: param.default for param in info.params}
    return {**known, **_params(info, draft.params, ignored)}


def guess_share(draft: Draft) -> float:
    return _number(draft.percent, 0, 100, "", "probability", {}, otherwise=100.0) / 100


def _params(info: FaultKindInfo, given: Mapping[str, Written], problems: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for param in info.params:
        value = given.get(param.name)
        if value is None or not is_used(param, given):
            continue
        if isinstance(value, bool) or param.type in (ParamType.CHOICE, ParamType.TEXT):
            found[param.name] = value
            continue
        before = len(problems)
        low, high = _bounds(param)
        number = _number(value, low, high, bounds_words(param), f"params.{param.name}", problems)
        if param.type is ParamType.INTEGER and not number.is_integer():
            problems[f"params.{param.name}"] = bounds_words(param)
        if len(problems) == before:
            found[param.name] = int(number) if param.type is ParamType.INTEGER else number
    return found


def bounds_words(param: FaultParam) -> str:
    """`1 – 60,000 ms`; a whole number where it must be."""
    low, high = _bounds(param)
    unit = param.unit or ""
    most = "" if math.isinf(high) else f"{high:,.10g}"
    span = f"{low:,.10g} – {most} {unit}".strip()
    return tr("{bounds}, whole", bounds=span) if param.type is ParamType.INTEGER else span


def _bounds(param: FaultParam) -> tuple[float, float]:
    low = -math.inf if param.minimum is None else param.minimum
    return low, math.inf if param.maximum is None else param.maximum


def _number(
    text: Written,
    low: float,
    high: float,
    says: str,
    name: str,
    problems: dict[str, str],
    otherwise: float = 0.0,
) -> float:
    try:
        value = float(str(text).strip().replace(",", "."))
    except ValueError:
        value = math.nan
    if not low <= value <= high:  # false for a NaN too
        problems[name] = says
        return otherwise
    return value


def _seed(text: str, problems: dict[str, str]) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isdecimal() or int(text) > MAX_SEED:
        problems["seed"] = tr("A whole number from 0 to {high}, or nothing", high=f"{MAX_SEED:,}")
        return None
    return int(text)
