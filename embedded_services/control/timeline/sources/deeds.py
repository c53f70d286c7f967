"""What people did: to processes, to the settings, to the traffic; and the faults that they armed. Pure but for memory."""

from collections.abc import Iterator
from typing import Final

import msgspec

from embedded_services.contracts.faults import Fault, FaultState
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.contracts.settings import ServiceSettings, Settings
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.contracts.timeline import TimelineSubject, TimelineTone
from embedded_services.contracts.traffic import TRAFFIC, Traffic, TrafficPlan
from embedded_services.control.timeline.facts import Fact, asked_name, condition_name, crash_name, fault_name

_BREAKS: Final = frozenset({"kill", "terminate", "freeze"})
_ENDS: Final = frozenset({"kill", "terminate", "restart", "drain"})
_DEEDS: Final = frozenset({"kill", "terminate", "restart", "freeze"})
"""Kinds of faults that are carried out as actions, which tell of themselves."""
_CRASHES: Final = {"crash-orchestrator": (crash_name(ORCHESTRATOR),)}
"""What ends of them: its end may be told before it is told that it was injected."""
_REMEMBERED: Final = 1_000
_FAULT_SUBJECT: Final = ("service", "instance", "process", "route", "queue", "event", "step")


def action(name: str, subject: TimelineSubject, incarnation: int, at: float, fault: str = "") -> Fact:
    """`name` was done to a process of that incarnation, by a person or as part of `fault`."""
    place = subject.instance or subject.process or ""
    names = (asked_name(place, incarnation),) if name in _ENDS else ()
    return Fact(
        kind=Kind.ACTION,
        at=at,
        text=f"{name} {place}",
        subject=subject,
        word=name,
        tone=TimelineTone.FAULT if name in _BREAKS or fault else TimelineTone.YOU,
        names=(*names, condition_name(place)) if name in ("freeze", "drain") else names,
        because=(fault_name(fault),) if fault else (),
        opens=name == "freeze",
        closes=(condition_name(place),) if name in ("thaw", "restart") else (),
    )


class FaultFacts:
    """Told whenever something of a fault changed; finds out what."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[FaultState | None, int, str]] = {}

    def told(self, fault: Fault, service: str | None, at: float) -> Iterator[Fact]:
        """`service` is that of the target's instance, if it has one."""
        state, injected, detail = self._told.pop(fault.id, (None, 0, ""))
        while len(self._told) >= _REMEMBERED:
            del self._told[next(iter(self._told))]
        self._told[fault.id] = (fault.state, max(injected, fault.proof.injected), fault.detail)
        subject = _target(fault, service)
        name = fault_name(fault.id)
        if state is None:
            yield Fact(
                kind=Kind.FAULT_ARMED,
                at=fault.armed_at,
                text=f"fault {fault.kind} on {_aim(fault)}",
                subject=subject,
                word=fault.kind,
                names=(name, *_CRASHES.get(fault.kind, ())),
                opens=True,
            )
        if fault.proof.injected > injected and fault.kind not in _DEEDS:
            yield Fact(
                kind=Kind.FAULT_INJECTED,
                at=fault.proof.last[0].at if fault.proof.last else at,
                text=f"{fault.kind} injected {{n}} time{{s}}",
                subject=subject,
                source=name,
                word=fault.kind,
                key=f"injected:{fault.id}",
                count=fault.proof.injected,
                names=_CRASHES.get(fault.kind, ()),
                traces=tuple(one.trace_id for one in reversed(fault.proof.last) if one.trace_id),
                because=(name,),
            )
        ended = fault.state in (FaultState.EXPIRED, FaultState.REMOVED)
        if ended and state is not fault.state:
            is_over = fault.state is FaultState.EXPIRED
            why = f": {fault.detail}" if fault.detail and fault.detail != detail else ""
            yield Fact(
                kind=Kind.FAULT_EXPIRED if is_over else Kind.FAULT_REMOVED,
                at=fault.ended_at or at,
                text=f"fault {fault.kind} {'expired' if is_over else 'removed'}{why}",
                subject=subject,
                word=fault.kind,
                because=(name,),
                closes=(name,),
            )


def _target(fault: Fault, service: str | None) -> TimelineSubject:
    given = {name: value for name in _FAULT_SUBJECT if (value := getattr(fault.target, name))}
    if service and "service" not in given:
        given["service"] = service
    if "instance" in given or "service" in given:
        given.pop("process", None)  # who calls, not what is hit
    return TimelineSubject(**given, fault=fault.id)


def _aim(fault: Fault) -> str:
    given = msgspec.to_builtins(fault.target)
    return " ".join(str(value) for value in given.values()) or "everything"


# --- settings ---------------------------------------------------------------------------------------------------------


def settings_changed(before: Settings, after: Settings, at: float) -> Iterator[Fact]:
    """One fact for each thing that a person would call a change."""
    for name, service in after.services.items():
        was = before.services.get(name)
        if was is None:
            yield _setting(at, f"service {name} was added", "services", service=name)
        elif was != service:
            yield from _service_changed(name, was, service, at)
    for name in before.services.keys() - after.services.keys():
        yield _setting(at, f"service {name} was removed", "services", service=name)
    if before.limits != after.limits:
        limits = after.limits
        window = f"{limits.window_s:g} s"
        yield Fact(
            kind=Kind.LIMITS,
            at=at,
            text=f"limits: {limits.limit} in {window} by {limits.key} ({limits.algorithm.value})",
            subject=TimelineSubject(process="gateway"),
            word=f"{limits.limit} / {window}",
        )
    for name in Settings.__struct_fields__:
        if name not in ("services", "limits") and getattr(before, name) != getattr(after, name):
            yield _setting(at, f"setting {name} was changed", name)


def _service_changed(name: str, was: ServiceSettings, now: ServiceSettings, at: float) -> Iterator[Fact]:
    changed = [
        field for field in ServiceSettings.__struct_fields__ if getattr(was, field) != getattr(now, field)
    ]
    if "strategy" in changed:
        changed.remove("strategy")
        yield Fact(
            kind=Kind.STRATEGY,
            at=at,
            text=f"{name}: picks by {now.strategy.value} (was {was.strategy.value})",
            subject=TimelineSubject(service=name),
            word=now.strategy.value,
        )
    if "replicas" in changed:
        changed.remove("replicas")
        yield _setting(at, f"{name}: replicas {was.replicas} → {now.replicas}", "replicas", service=name)
    if changed:
        yield _setting(at, f"{name}: {', '.join(changed)} changed", ", ".join(changed), service=name)


def _setting(at: float, text: str, word: str, service: str | None = None) -> Fact:
    return Fact(kind=Kind.SETTINGS, at=at, text=text, subject=TimelineSubject(service=service), word=word)


# --- traffic ----------------------------------------------------------------------------------------------------------


class TrafficFacts:
    """Told whenever something of the traffic changed; finds out what. Another plan is a start of its own."""

    def __init__(self) -> None:
        self._running: tuple[int, TrafficPlan] | None = None

    def told(self, traffic: Traffic, at: float) -> Iterator[Fact]:
        now = (traffic.run, traffic.plan) if traffic.is_on else None
        if now == self._running:
            return
        was, self._running = self._running, now
        subject = TimelineSubject(process=TRAFFIC)
        if now is not None:
            rate = traffic.plan.highest_rate
            yield Fact(
                kind=Kind.TRAFFIC_STARTED,
                at=at,
                text=f"traffic: {rate:g} requests/s of {traffic.plan.clients:,} clients",
                subject=subject,
                word=f"{rate:g}",
                names=(TRAFFIC,),
                opens=True,
                closes=(TRAFFIC,) if was else (),
            )
        elif was is not None:
            yield Fact(
                kind=Kind.TRAFFIC_STOPPED,
                at=at,
                text=f"traffic stopped: {traffic.reason}" if traffic.reason else "traffic stopped",
                subject=subject,
                because=(TRAFFIC,),
                closes=(TRAFFIC,),
            )
