"""What a client will see of a fault, computed from the present system before it is armed. Pure.

`outlook` gives one sentence, how bad that is, and for faults that take time how long calls will take. It goes by how many
instances would be left, and by the timeouts and tries in force; where it knows too little, it says what the catalogue says.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from app.core.fault_targets import Scene
from app.core.language import tr
from embedded_services.contracts.faults import FaultTarget
from embedded_services.contracts.settings import CallPolicy

How = Literal["calm", "slower", "failing"]
BINS: Final = 32
_USUAL_MS: Final = 5.0
_TENTH: Final = 0.0995
_NEVER: Final = 0.0005
_FEW: Final = 20
_CAUSES_DOWN: Final = ("kill", "terminate", "freeze", "restart", "crash-loop")


@dataclass(frozen=True)
class Times:
    """How long calls take: the share of them in each of `BINS` equal parts of 0 … `top_ms`, without the fault and with it."""

    usual: Sequence[float]
    added: Sequence[float]
    middle_ms: float
    top_ms: float
    timeout_ms: float | None


@dataclass(frozen=True)
class Outlook:
    says: str
    how: How = "calm"
    times: Times | None = None


@dataclass(frozen=True)
class Aim:
    """A fault as far as it is known while it is composed. `sees` is what the catalogue says a client will see."""

    kind: str
    target: FaultTarget
    params: Mapping[str, Any]
    probability: float
    ttl: float
    sees: str


def outlook(aim: Aim, scene: Scene) -> Outlook:
    if aim.kind in _CAUSES_DOWN:
        return _down(aim, scene)
    if aim.kind in ("latency", "slow-database"):
        return _slow(aim, scene)
    if aim.kind in ("abort", "drop-connection"):
        return _refused(aim, scene)
    if aim.kind == "false-alarm":
        return _alarm(aim, scene)
    return Outlook(aim.sees)


def in_short(aim: Aim, scene: Scene) -> str:
    """For a menu's second line."""
    return outlook(aim, scene).says


# --- processes --------------------------------------------------------------------------------------------------------


def _down(aim: Aim, scene: Scene) -> Outlook:
    """An instance is away: the others of its service take over, if there are any."""
    name = aim.target.instance or aim.target.process or ""
    found = scene.instances.get(name)
    if found is None:
        return Outlook(_of_process(name, aim), "failing" if name == "gateway" else "slower")
    others = [
        row.id
        for row in scene.instances.values()
        if row.service == found.service
        and row.in_rotation
        and row.id != name
        and row.status.value == "healthy"
    ]
    if not others:
        last = tr("It is the last one of {service}: 503 until it is back.", service=found.service)
        return Outlook(last, "failing")
    who = others[0] if len(others) == 1 else tr("{n} others", n=len(others))
    if aim.kind == "freeze":
        policy = _policy(found.service, scene)
        return Outlook(
            tr(
                "Calls in flight wait up to {s} s and go elsewhere; once two checks fail, {who} serves alone.",
                s=f"{policy.try_timeout_s:g}",
                who=who,
            ),
            "slower",
        )
    if aim.kind in ("terminate", "restart"):
        return Outlook(tr("Nothing fails: {who} takes over while it finishes.", who=who))
    if aim.kind == "crash-loop":
        return Outlook(tr("Retries each time it dies; {who} serves in between.", who=who), "slower")
    return Outlook(tr("Calls under way are tried on {who}; POSTs without a key may fail.", who=who))


def _of_process(name: str, aim: Aim) -> str:
    words = {
        "gateway": tr("Nobody is served while it is away."),
        "broker": tr("Nothing at first: events wait in the outboxes until it is back."),
        "orchestrator": tr("New orders get 503, sagas under way go on once it is back."),
    }
    return words.get(name, aim.sees)


def _alarm(aim: Aim, scene: Scene) -> Outlook:
    name = aim.target.instance
    service = scene.services.get(aim.target.service or "")
    found = scene.instances.get(name or "")
    left = 0
    if found is not None:
        left = sum(
            row.service == found.service and row.in_rotation and row.id != name
            for row in scene.instances.values()
        )
    if (found is None and service is None) or left:
        return Outlook(aim.sees)
    return Outlook(tr("All leave the rotation after two checks: 503 until it ends."), "failing")


# --- calls ------------------------------------------------------------------------------------------------------------


def _refused(aim: Aim, scene: Scene) -> Outlook:
    service = _service_of(aim.target, scene)
    if service is None:
        return Outlook(aim.sees, "failing")
    policy, share = _policy(service, scene), aim.probability
    status = int(aim.params.get("status", 502)) if aim.kind == "abort" else 502
    repeats = policy.retries.enabled and (aim.kind != "abort" or status in policy.retries.statuses)
    members = [row for row in scene.instances.values() if row.service == service and row.in_rotation]
    hit = 1 if aim.target.instance else len(members)
    tries = min(policy.tries, max(1, len(members))) if repeats else 1
    failing = _failing(share, tries, hit, len(members))
    what = {"status": status, "share": _percent(share * hit / max(1, len(members)))}
    if not repeats or tries < 2:
        return Outlook(
            tr("{share} of the calls end with {status}: it is not tried again.", **what), "failing"
        )
    if failing < _NEVER:
        return Outlook(
            tr(
                "{share} of the tries fail; another instance answers. POSTs without a key get {status}.",
                **what,
            ),
            "slower",
        )
    return Outlook(
        tr(
            "{share} of the tries fail. After {n} tries {left} of the calls still end with {status}.",
            **what, n=tries, left=_percent(failing),
        ),
        "failing",
    )  # fmt: skip


def _failing(share: float, tries: int, hit: int, members: int) -> float:
    """The share of calls of which every try is hit, tries going to different instances."""
    if not members or hit >= members:
        return share**tries
    return share / members if tries < 2 else 0.0


def _slow(aim: Aim, scene: Scene) -> Outlook:
    service = _service_of(aim.target, scene)
    policy = _policy(service, scene)
    low, middle, high = spread(aim.params)
    may_repeat = policy.retries.enabled and policy.tries > 1
    timeout_ms = (policy.try_timeout_s if may_repeat else policy.timeout_s) * 1000
    usual = _usual_ms(service, aim.target.instance, scene)
    top = max(high * 1.15, middle * 1.3, usual * 4, min(timeout_ms * 1.05, high * 2))
    times = Times(
        usual=_bell(usual, usual / 3, top, 1 - aim.probability),
        added=_bell(middle + usual, max((high - low) / 4, top / BINS / 2), top, aim.probability),
        middle_ms=middle,
        top_ms=top,
        timeout_ms=timeout_ms if timeout_ms <= top else None,
    )
    took = {"low": f"{low:,.0f}", "high": f"{high:,.0f}", "share": _one_in(aim.probability)}
    limit = f"{timeout_ms / 1000:g}"
    span = tr("{share} takes {low} ms longer.", **took) if high - low < 1 else tr(
        "{share} takes {low} – {high} ms longer.", **took
    )  # fmt: skip
    if aim.probability <= 0:
        return Outlook(tr("Nothing: it is never injected."), "calm", times)
    if low + usual > timeout_ms:
        more = tr("That is above the timeout of {s} s: tries fail and go elsewhere.", s=limit)
        return Outlook(f"{span} {more}", "failing", times)
    if high + usual > timeout_ms:
        return Outlook(f"{span} {tr('Some run into the timeout of {s} s.', s=limit)}", "failing", times)
    return Outlook(f"{span} {tr('None fails: the timeout is {s} s.', s=limit)}", "slower", times)


def spread(params: Mapping[str, Any]) -> tuple[float, float, float]:
    """Of a drawn time in ms: what nearly all exceed, the middle, what nearly none exceeds (1 % and 99 %)."""
    shape = params.get("distribution", "fixed")
    ms, jitter = float(params.get("ms", 0)), float(params.get("jitterMs", 0))
    if shape == "fixed":
        return ms, ms, ms
    if shape == "uniform":
        return max(0.0, ms - jitter), ms, ms + jitter
    if shape == "normal":
        return max(0.0, ms - 2.33 * jitter), ms, ms + 2.33 * jitter
    median, sigma = float(params.get("medianMs", 0)), float(params.get("sigma", 0))
    return median * math.exp(-2.33 * sigma), median, median * math.exp(2.33 * sigma)


# --- what is known ----------------------------------------------------------------------------------------------------


def _service_of(target: FaultTarget, scene: Scene) -> str | None:
    if target.service:
        return target.service
    if (found := scene.instances.get(target.instance or "")) is not None:
        return found.service
    if target.route and scene.settings is not None:
        for route in scene.settings.routes:
            if target.route.startswith(route.prefix):
                return route.service
    return None


def _policy(service: str | None, scene: Scene) -> CallPolicy:
    if service is None or scene.settings is None or service not in scene.settings.services:
        return CallPolicy()
    return scene.settings.services[service].policy


def _usual_ms(service: str | None, instance: str | None, scene: Scene) -> float:
    seen = [
        row.latency_ms.p50
        for row in scene.instances.values()
        if row.latency_ms.p50 is not None and (row.id == instance if instance else row.service == service)
    ]
    return max(1.0, sum(seen) / len(seen)) if seen else _USUAL_MS


# --- figures ----------------------------------------------------------------------------------------------------------


def _bell(middle: float, deviation: float, top: float, share: float) -> list[float]:
    width = top / BINS
    weights = [
        math.exp(-((((at + 0.5) * width - middle) / max(deviation, width / 2)) ** 2) / 2)
        for at in range(BINS)
    ]
    total = sum(weights) or 1.0
    return [share * weight / total for weight in weights]


def _percent(share: float) -> str:
    percent = round(share * 100, 6)
    if percent >= 10 or percent == round(percent):
        return f"{percent:.0f} %"
    return f"{percent:.1f} %" if share >= _TENTH / 100 else tr("< 0.1 %")


def _one_in(share: float) -> str:
    """`1 in 4 calls`, where that is what it is; `12 % of the calls`."""
    if share >= 1:
        return tr("Every call")
    if share >= 1 / _FEW and abs(1 / share - round(1 / share)) < 0.01:
        return tr("1 in {n} calls", n=round(1 / share))
    return tr("{n} of the calls", n=_percent(share))
