"""The timeline as the window has it: the last version of each entry, and the chains that they form. Pure but for memory.

A chain is a cause with all that came of it, in an order in which no effect stands before its cause.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest
from typing import Final

from embedded_services.contracts.timeline import TimelineEntry

KEPT: Final = 5_000
SHOWN: Final = 100
"""Chains."""


@dataclass(frozen=True)
class Chain:
    """`entries` by order; the first one is its cause, or what is still known of it."""

    id: str
    entries: tuple[TimelineEntry, ...]

    @property
    def root(self) -> TimelineEntry:
        return self.entries[0]


class TimelineEntries:
    """`total` counts entries that there were."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, TimelineEntry] = OrderedDict()
        """By id, the one that was told last at the end."""
        self._members: dict[str, dict[str, TimelineEntry]] = {}
        """By chain, and id."""
        self._chains: dict[str, Chain] = {}
        """Those whose entries have not changed since they were put together."""
        self.total = 0

    def __len__(self) -> int:
        return len(self._entries)

    def take(self, entries: Iterable[TimelineEntry]) -> None:
        """New ones, and later versions of those that are known."""
        for entry in entries:
            before = self._entries.get(entry.id)
            if before is not None:
                if before.seq >= entry.seq:
                    continue
                self._leave_chain(before)
                self._entries.move_to_end(entry.id)
            self._entries[entry.id] = entry
            self._members.setdefault(entry.chain, {})[entry.id] = entry
            self._chains.pop(entry.chain, None)
            self.total += before is None
            if len(self._entries) > KEPT:
                _, oldest = self._entries.popitem(last=False)
                self._leave_chain(oldest)

    def _leave_chain(self, entry: TimelineEntry) -> None:
        members = self._members[entry.chain]
        del members[entry.id]
        self._chains.pop(entry.chain, None)
        if not members:
            del self._members[entry.chain]

    def clear(self) -> None:
        self._entries.clear()
        self._members.clear()
        self._chains.clear()
        self.total = 0

    def get(self, id_: str) -> TimelineEntry | None:
        return self._entries.get(id_)

    def causes(self, entry: TimelineEntry) -> list[TimelineEntry]:
        """Those that are still known, by order."""
        found = [cause for id_ in entry.causes if (cause := self._entries.get(id_)) is not None]
        return sorted(found, key=_order)

    def direct_effects(self, entry: TimelineEntry) -> list[TimelineEntry]:
        return sorted((one for one in self._entries.values() if entry.id in one.causes), key=_order)

    def effects(self, entry: TimelineEntry) -> list[TimelineEntry]:
        """All that came of it, also by way of others, by order."""
        came = {entry.id}
        found = []
        later = (one for one in self._entries.values() if one.order > entry.order)
        for one in sorted(later, key=_order):
            if not came.isdisjoint(one.causes):
                came.add(one.id)
                found.append(one)
        return found

    def chains(self, most: int = SHOWN) -> list[Chain]:
        """The newest last: the one whose cause stands last in the timeline."""
        for id_ in self._members.keys() - self._chains.keys():
            self._chains[id_] = Chain(id_, tuple(sorted(self._members[id_].values(), key=_order)))
        return sorted(nlargest(most, self._chains.values(), key=_root_order), key=_root_order)


def _root_order(chain: Chain) -> int:
    return chain.root.order


def _order(entry: TimelineEntry) -> int:
    return entry.order
