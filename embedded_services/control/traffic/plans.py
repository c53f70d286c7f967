"""From what is wished for to a plan with nothing left open. Pure."""

from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.traffic import TrafficPlan, TrafficWish, clients_for
from embedded_services.contracts.validation import invalid

T = TypeVar("T")


def planned(wish: TrafficWish, running: TrafficPlan | None, limits: LimitSettings) -> TrafficPlan:
    """`running` is the plan that the wish changes, None to begin with. Raises VALIDATION_FAILED."""
    if wish.requests is not UNSET and wish.requests and wish.mix is not UNSET:
        raise invalid("requests", "cannot be sent together with a mix: leave one of the two out")
    before = running or TrafficPlan()
    steps = _or(wish.steps, [] if wish.rate is not UNSET else before.steps)
    requests = _or(wish.requests, [] if wish.mix is not UNSET else before.requests)
    plan = TrafficPlan(
        rate=_or(wish.rate, before.rate),
        arrivals=_or(wish.arrivals, before.arrivals),
        seed=_or(wish.seed, before.seed),
        steps=sorted(steps, key=lambda step: step.at_s),
        mix=_or(wish.mix, before.mix),
        requests=requests,
        duration_s=_or(wish.duration_s, before.duration_s),
        timeout_s=_or(wish.timeout_s, before.timeout_s),
        max_in_flight=_or(wish.max_in_flight, before.max_in_flight),
    )
    wished = wish.clients
    if wished is UNSET and not before.auto_clients:
        wished = before.clients
    automatic = wished is UNSET or wished is None
    clients = clients_for(plan.highest_rate, limits) if wished is UNSET or wished is None else wished
    return msgspec.structs.replace(plan, clients=clients, auto_clients=automatic)


def limit_note(plan: TrafficPlan, told_apart: int, limits: LimitSettings) -> str | None:
    """What the limits make of the plan, if it asks more than they allow `told_apart` clients."""
    allowed = told_apart * limits.limit / limits.window_s
    if plan.highest_rate <= allowed:
        return None
    whose = f"{told_apart:,} clients" if told_apart > 1 else "one client"
    return (
        f"The limits in force let {whose} send {allowed:,.4g} requests a second: "
        "the gateway refuses the rest with 429."
    )


def _or(wished: T | UnsetType, otherwise: T) -> T:
    return otherwise if isinstance(wished, UnsetType) else wished
