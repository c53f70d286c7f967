"""What can be typed about a plan, and what it means. No Qt; what is wrong is said with the line it is in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from app.core.language import tr
from app.core.traffic_words import rate_text
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.traffic import (
    Arrivals,
    CustomRequest,
    Step,
    TrafficPlan,
    TrafficWish,
)
from embedded_services.contracts.validation import convert_builtins, decode_json

FieldName = Literal["duration", "timeout", "in_flight", "seed", "steps", "requests"]
EXAMPLE_STEPS: Final = "30 100\n60 200 30\n120 20"
EXAMPLE_REQUESTS: Final = (
    '[\n  {"method": "GET", "path": "/api/products", "weight": 3},\n'
    '  {"method": "POST", "path": "/api/cart", "body": {"productId": "prod1", "quantity": 1}}\n]'
)


@dataclass(frozen=True)
class PlanDraft:
    """As it stands in the fields."""

    arrivals: str = Arrivals.CONSTANT.value
    duration: str = ""
    timeout: str = "30"
    in_flight: str = "10000"
    seed: str = "1"
    steps: str = ""
    requests: str = ""


class FormError(Exception):
    def __init__(self, field: FieldName, text: str) -> None:
        super().__init__(text)
        self.field: FieldName = field


def draft_of(plan: TrafficPlan) -> PlanDraft:
    requests = ""
    if plan.requests:
        told = [
            {
                name: value
                for name, value in msgspec.to_builtins(one).items()
                if value not in (None, {}, False)
            }
            for one in plan.requests
        ]
        requests = msgspec.json.format(msgspec.json.encode(told), indent=2).decode()
    return PlanDraft(
        arrivals=plan.arrivals.value,
        duration="" if plan.duration_s is None else f"{plan.duration_s:g}",
        timeout=f"{plan.timeout_s:g}",
        in_flight=str(plan.max_in_flight),
        seed=str(plan.seed),
        steps="\n".join(_step_line(step) for step in plan.steps),
        requests=requests,
    )


def wish_of(draft: PlanDraft) -> TrafficWish:
    """Raises FormError."""
    steps = _steps(draft.steps)
    fields: dict[str, Any] = {
        "arrivals": draft.arrivals,
        "durationS": _number("duration", draft.duration) if draft.duration.strip() else None,
        "timeoutS": _number("timeout", draft.timeout),
        "maxInFlight": _whole("in_flight", draft.in_flight),
        "seed": _whole("seed", draft.seed),
        "steps": steps,
    }
    names: dict[str, FieldName] = {
        "durationS": "duration", "timeoutS": "timeout", "maxInFlight": "in_flight", "seed": "seed", "steps": "steps",
    }  # fmt: skip
    try:
        wish = convert_builtins(fields, TrafficWish)
    except ApiError as error:
        detail = (error.details or [])[0]
        bare = detail.field.partition("[")[0]
        raise FormError(names.get(bare, "steps"), _said(detail.field, detail.message, detail.unit)) from error
    requests = _requests(draft.requests)
    return msgspec.structs.replace(wish, requests=requests)


def summary(plan: TrafficPlan) -> str:
    """What of a plan stands in no control of the bar: `even arrivals · until stopped · 2 steps`."""
    even = plan.arrivals is Arrivals.CONSTANT
    parts = [tr("even arrivals") if even else tr("random arrivals (Poisson)")]
    if plan.duration_s is None:
        parts.append(tr("until stopped"))
    else:
        parts.append(tr("for {n} s", n=f"{plan.duration_s:g}"))
    if plan.steps:
        parts.append(tr("1 step") if len(plan.steps) == 1 else tr("{n} steps", n=len(plan.steps)))
    return " · ".join(parts)


def _step_line(step: Step) -> str:
    ramp = f" {step.ramp_s:g}" if step.ramp_s else ""
    return f"{step.at_s:g} {rate_text(step.rate).replace(',', '')}{ramp}"


def _steps(text: str) -> list[dict[str, float]]:
    """A line each: when, to which rate, and in how long."""
    steps = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.replace(",", " ").split()
        if not words:
            continue
        try:
            values = [float(word) for word in words]
        except ValueError:
            values = []
        if len(values) not in (2, 3):
            raise FormError(
                "steps", tr("Line {n}: seconds, rate, and maybe the seconds that it takes", n=number)
            )
        steps.append(dict(zip(("atS", "rate", "rampS"), values, strict=False)))
    return steps


_decoder: Final = msgspec.json.Decoder(list[CustomRequest])


def _requests(text: str) -> Sequence[CustomRequest] | Any:
    if not text.strip():
        return []
    try:
        return decode_json(_decoder, text.encode())
    except ApiError as error:
        raise FormError("requests", error.message) from error


def _number(field: FieldName, text: str) -> float:
    try:
        return float(text.replace(",", "").strip())
    except ValueError:
        raise FormError(field, tr("must be a number")) from None


def _whole(field: FieldName, text: str) -> int:
    try:
        return int(text.replace(",", "").strip())
    except ValueError:
        raise FormError(field, tr("must be a whole number")) from None


def _said(field: str, message: str, unit: str | None) -> str:
    place = field.partition("[")[2].partition("]")[0]
    said = f"{message} {unit}" if unit else message
    return tr("Step {n}: {what}", n=int(place) + 1, what=said) if place.isdecimal() else said
