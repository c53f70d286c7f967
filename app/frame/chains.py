"""Groups status changes into chains, each of one instance and what followed within seconds. Pure.

`payment-2: killed → starting → healthy` is one story; the same changes listed one by one, mixed with those of seven
other instances, are none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from embedded_services.contracts.instances import Change

TOGETHER_S: Final = 10.0


@dataclass(frozen=True)
class Chain:
    """Changes of one instance, oldest first; never empty."""

    changes: tuple[Change, ...]

    @property
    def first(self) -> Change:
        return self.changes[0]

    @property
    def last(self) -> Change:
        return self.changes[-1]


def chains(changes: Iterable[Change], newest: int) -> list[Chain]:
    """The `newest` last-begun chains, oldest first; `changes` come oldest first."""
    found: list[list[Change]] = []
    open_chain: dict[str, list[Change]] = {}
    for change in changes:
        chain = open_chain.get(change.instance)
        if chain is None or change.at - chain[-1].at > TOGETHER_S:
            chain = []
            found.append(chain)
            open_chain[change.instance] = chain
        chain.append(change)
    return [Chain(tuple(chain)) for chain in found[-newest:]]
