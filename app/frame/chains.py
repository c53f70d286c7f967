"""Groups status changes into chains: what happened to one instance until it was well again. Pure.

`payment-2: stopped (killed by you) → starting → healthy` is one story; the same changes listed one by one, mixed with
those of seven other instances, are none. A start of everything at once is one story too.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from embedded_services.contracts.instances import Change, Status
from embedded_services.contracts.wire import Timestamp

START_WITHIN_S: Final = 2.0
LONGEST: Final = 6


@dataclass
class Chain:
    """`changes` of one instance, oldest first, one for each status it had. A chain of a start of many has several
    `instances`, and of the changes only what they have in common.
    """

    instances: list[str]
    changes: list[Change]
    at: Timestamp
    until: Timestamp
    is_start: bool = False
    ended: set[str] = field(default_factory=set)


def chains(changes: Iterable[Change], newest: int) -> list[Chain]:
    """The `newest` chains in which something happened last, the latest last; `changes` come oldest first."""
    found: list[Chain] = []
    open_chains: dict[str, Chain] = {}
    for change in changes:
        chain = open_chains.get(change.instance)
        if chain is None:
            chain = _start_under_way(found, change) or _begin(found, change)
            open_chains[change.instance] = chain
        _add(chain, change)
        if change.after in (Status.HEALTHY, None):
            chain.ended.add(change.instance)
            del open_chains[change.instance]
    return sorted(found, key=lambda chain: chain.until)[-newest:]


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


def _add(chain: Chain, change: Change) -> None:
    """A change that keeps the status says more of it; in a start of many, each status is told once."""
    chain.until = change.at
    same = [at for at, other in enumerate(chain.changes) if other.after is change.after]
    if chain.is_start and same:
        chain.changes[same[-1]] = change
    elif chain.changes and chain.changes[-1].after is change.after:
        chain.changes[-1] = change
    else:
        chain.changes.append(change)
        del chain.changes[:-LONGEST]
