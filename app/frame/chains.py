"""Groups status changes into chains: what happened to one instance until it was well again. Pure.

`payment-2: frozen by you → out of rotation: no reply to 3 checks → healthy` is one story; the same changes listed one by
one, mixed with those of seven other instances, are none. A start of everything at once is one story too, and so are the
ends that make a crash loop.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from embedded_services.contracts.instances import Change, Status
from embedded_services.contracts.wire import Timestamp

START_WITHIN_S: Final = 2.0
LOOP_WITHIN_S: Final = 30.0
"""The ends of a crash loop come within so many seconds, as the control plane counts them."""
LONGEST: Final = 6


@dataclass(frozen=True)
class Step:
    """`times` it happened, the first time as `change` says. `is_more` when the status is that of the step before: then
    it tells what came of that.
    """

    change: Change
    times: int = 1
    is_more: bool = False


@dataclass
class Chain:
    """`steps` of one instance, oldest first; where there are too many the first one stays, as it is the cause. A chain
    of a start of many has several `instances`, and of the steps only what they have in common.
    """

    instances: list[str]
    steps: list[Step]
    at: Timestamp
    until: Timestamp
    is_start: bool = False
    ended: set[str] = field(default_factory=set)


def chains(changes: Iterable[Change], newest: int) -> list[Chain]:
    """The `newest` chains in which something happened last, in the order in which they began; `changes` come oldest
    first.
    """
    found: list[Chain] = []
    open_chains: dict[str, Chain] = {}
    for change in changes:
        chain = open_chains.get(change.instance)
        if chain is None:
            chain = _start_under_way(found, change) or _begin(found, change)
            open_chains[change.instance] = chain
        if change.after is Status.CRASH_LOOPING:
            _take_in_ends(found, chain, change)
        _add(chain, change)
        if change.after in (Status.HEALTHY, None):
            chain.ended.add(change.instance)
            del open_chains[change.instance]
    latest = sorted(found, key=lambda chain: chain.until)[-newest:]
    return sorted(latest, key=lambda chain: chain.at)


def _start_under_way(found: list[Chain], change: Change) -> Chain | None:
    if change.before is not None or change.after is not Status.STARTING:
        return None
    for chain in reversed(found):
        if chain.is_start and change.at - chain.at < START_WITHIN_S:
            chain.instances.append(change.instance)
            return chain
    return None


def _begin(found: list[Chain], change: Change) -> Chain:
    is_start = change.before is None and change.after is Status.STARTING
    chain = Chain([change.instance], [], change.at, change.at, is_start)
    found.append(chain)
    return chain


def _take_in_ends(found: list[Chain], chain: Chain, loop: Change) -> None:
    """The ends before, of which each began a chain and was over with the next start, are what this crash loop is."""
    ends = [
        other
        for other in found
        if other is not chain
        and not other.is_start
        and other.instances == [loop.instance]
        and other.steps[0].change.after is Status.STOPPED
        and other.steps[0].change.cause != "action"
        and loop.at - other.at <= LOOP_WITHIN_S
    ]
    stops = [step for one in (*ends, chain) for step in one.steps if step.change.after is Status.STOPPED]
    if not stops or chain.is_start:
        return
    chain.at = min(chain.at, stops[0].change.at)
    chain.steps = [replace(stops[0], times=sum(step.times for step in stops))]
    for one in ends:
        found.remove(one)


def _add(chain: Chain, change: Change) -> None:
    """A change that keeps the status says more of it: beside what somebody did, in place of what was only observed. In
    a start of many each status is told once.
    """
    chain.until = change.at
    same = [at for at, step in enumerate(chain.steps) if step.change.after is change.after]
    last = chain.steps[-1] if chain.steps else None
    if chain.is_start and same:
        chain.steps[same[-1]] = Step(change)
    elif last is None or last.change.after is not change.after:
        chain.steps.append(Step(change))
    elif last.change.cause == "action":
        chain.steps.append(Step(change, is_more=True))
    else:
        chain.steps[-1] = replace(last, change=change)
    del chain.steps[1 : 1 + max(0, len(chain.steps) - LONGEST)]
