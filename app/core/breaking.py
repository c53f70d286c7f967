"""*Break it…*: which faults suit what was pointed at, each ready to be armed, and what a client will see of it. Pure.

The items are for one click: usual strengths, a minute, no form. Everything else is in the catalogue.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from app.core.fault_outlook import Aim, How, outlook
from app.core.fault_targets import Scene
from app.core.fault_words import ICONS, kind_words
from app.core.language import tr
from embedded_services.contracts.faults import FaultKindInfo, FaultLayer, FaultTarget, NewFault
from embedded_services.contracts.queues import is_handled
from embedded_services.contracts.timeline import TimelineSubject

SubjectKind = Literal["service", "instance", "process", "route", "queue", "step"]
TTL_S: Final = 60.0
_NOT_OURS: Final = frozenset({"", "control", "app", "window"})
_INSTANCE: Final = re.compile(r".+-[0-9]+")
_BESIDE: Final = re.compile(r"\.(dead|retry(\.\d+)?)$")


@dataclass(frozen=True)
class BreakSubject:
    """What was pointed at. `saga` is the name of the saga that a step belongs to; a route is named by its path."""

    kind: SubjectKind
    name: str
    saga: str = ""


@dataclass(frozen=True)
class BreakItem:
    """`letter` injects it from the keyboard. `sees` is what a client will see, `how` bad that is."""

    fault: NewFault
    title: str
    letter: str
    icon: str
    sees: str
    how: How


@dataclass(frozen=True)
class BreakChoices:
    """`warning` is what one should know of the subject before breaking it; empty mostly. `groups` of items, apart."""

    title: str
    warning: str
    groups: Sequence[Sequence[BreakItem]]

    @property
    def items(self) -> list[BreakItem]:
        return [item for group in self.groups for item in group]


@dataclass(frozen=True)
class _Wish:
    kind: str
    letter: str
    title: str
    params: Mapping[str, Any]
    probability: float = 1.0


def subject_of_process(name: str) -> BreakSubject | None:
    """By the name of a process alone; None for the one that would do the breaking, and for what is none of the system's."""
    if name in _NOT_OURS:
        return None
    kind: SubjectKind = "instance" if _INSTANCE.fullmatch(name) else "process"
    return BreakSubject(kind, name)


def subject_of_queue(name: str) -> BreakSubject | None:
    """The queue that is handled, also for its waiting rooms and its dead letters; None for the control plane's own."""
    queue = _BESIDE.sub("", name)
    return BreakSubject("queue", queue) if is_handled(queue) else None


def subject_of_entry(named: TimelineSubject) -> BreakSubject | None:
    """The narrowest that an entry of the timeline names; None where it names nothing that can be broken."""
    if named.instance:
        return BreakSubject("instance", named.instance)
    if named.queue and (queue := subject_of_queue(named.queue)) is not None:
        return queue
    if named.step:
        return BreakSubject("step", named.step)
    if named.process and (process := subject_of_process(named.process)) is not None:
        return process
    if named.service:
        return BreakSubject("service", named.service)
    return BreakSubject("route", named.route) if named.route else None


def choices(subject: BreakSubject, kinds: Mapping[str, FaultKindInfo], scene: Scene) -> BreakChoices:
    """What can be done to it; kinds that the control plane does not know, or would refuse, are left out."""
    target = _target(subject)
    found = scene.instances.get(subject.name) if subject.kind == "instance" else None
    is_foreign = found is not None and found.external
    groups = [
        [
            _item(wish, target, kinds[wish.kind], scene)
            for wish in group
            if wish.kind in kinds and not (is_foreign and kinds[wish.kind].layer is not FaultLayer.EDGE)
        ]
        for group in _wishes(subject)
    ]
    return BreakChoices(
        title=tr("Break {name}…", name=subject.name),
        warning=_warning(subject, scene),
        groups=[group for group in groups if group],
    )


def _target(subject: BreakSubject) -> FaultTarget:
    match subject.kind:
        case "service":
            return FaultTarget(service=subject.name)
        case "instance":
            return FaultTarget(instance=subject.name)
        case "process":
            return FaultTarget(process=subject.name)
        case "route":
            return FaultTarget(route=subject.name)
        case "queue":
            return FaultTarget(queue=subject.name)
        case "step":
            return FaultTarget(saga=subject.saga or None, step=subject.name)


def _item(wish: _Wish, target: FaultTarget, info: FaultKindInfo, scene: Scene) -> BreakItem:
    words = kind_words(info)
    params = {param.name: param.default for param in info.params} | dict(wish.params)
    seen = outlook(Aim(info.kind, target, params, wish.probability, TTL_S, words.sees), scene)
    fault = NewFault(
        kind=info.kind, target=target, params=dict(wish.params), probability=wish.probability, ttl=TTL_S
    )
    return BreakItem(fault, wish.title, wish.letter, ICONS.get(info.kind, "bolt"), seen.says, seen.how)


def _warning(subject: BreakSubject, scene: Scene) -> str:
    found = scene.instances.get(subject.name) if subject.kind == "instance" else None
    if found is None or not found.in_rotation:
        return ""
    serving = [row for row in scene.instances.values() if row.service == found.service and row.in_rotation]
    return tr("The only {service} instance in rotation", service=found.service) if len(serving) == 1 else ""


# --- what suits what --------------------------------------------------------------------------------------------------


def _wishes(subject: BreakSubject) -> list[list[_Wish]]:
    match subject.kind:
        case "instance":
            return [
                _signals(),
                [*_calls(), _Wish("lying-health", "H", tr("Lie about health, half fail"), {}, 0.5)],
            ]
        case "service":
            return [
                [*_calls(), _Wish("lying-health", "H", tr("Lie about health, half fail"), {}, 0.5)],
                [
                    _Wish(
                        "slow-database",
                        "S",
                        tr("Slow database, 300 ms"),
                        {"distribution": "fixed", "ms": 300},
                    ),
                    _Wish("locked-database", "K", tr("Lock the database"), {}),
                ],
                [_Wish("handler-failure", "P", tr("Poison one message in five"), {"sticky": True}, 0.2)],
            ]
        case "process":
            return [_signals()]
        case "route":
            return [_calls()]
        case "queue":
            return [
                [
                    _Wish("handler-failure", "P", tr("Poison one message in five"), {"sticky": True}, 0.2),
                    _Wish("delay", "L", tr("Delay messages 2 s"), {"distribution": "fixed", "ms": 2_000}),
                    _Wish("duplicate", "D", tr("Duplicate half of them"), {}, 0.5),
                    _Wish("reorder", "O", tr("Reorder messages"), {}),
                ]
            ]
        case "step":
            return [
                [
                    _Wish("fail-step", "F", tr("Fail it in every run"), {}),
                    _Wish("reply-lost", "R", tr("Lose its reply"), {}),
                    _Wish("fail-compensation", "U", tr("Fail its undoing for good"), {"final": True}),
                    _Wish("crash-orchestrator", "C", tr("Crash the orchestrator after it"), {"times": 1}),
                ]
            ]


def _signals() -> list[_Wish]:
    return [
        _Wish("kill", "K", tr("Kill"), {}),
        _Wish("terminate", "T", tr("Terminate"), {}),
        _Wish("freeze", "F", tr("Freeze for 60 s"), {}),
        _Wish("crash-loop", "C", tr("Crash-loop"), {}),
        _Wish("cpu-burn", "B", tr("Burn CPU"), {}),
    ]


def _calls() -> list[_Wish]:
    return [
        _Wish("latency", "L", tr("Latency 300 ms"), {"distribution": "fixed", "ms": 300}),
        _Wish("abort", "A", tr("Abort 10 % with 503"), {"status": 503}, 0.1),
        _Wish("drop-connection", "D", tr("Drop 10 % of connections"), {}, 0.1),
        _Wish("bandwidth", "W", tr("10 kB/s"), {"kbPerS": 10}),
    ]
