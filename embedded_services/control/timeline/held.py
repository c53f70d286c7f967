"""What the weaver of the timeline remembers: the entries that can still be causes, go on or move. Pure but for memory, and
bounded in every direction.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from embedded_services.contracts.timeline import TimelineEntry

T = TypeVar("T")

RECENT: Final = 600
MAX_NAMES: Final = 2_000
MAX_AWAITED: Final = 1_000
WAITING: Final = 5
"""Effects that wait for one cause."""
MAX_CHAIN: Final = 60
"""A chain that is full is gone on with by another one, whose causes say of which."""


@dataclass
class Held:
    """`first` and `last` are when it was told, by the control plane's clock. `base` is how often it had happened before the
    present `key`. `named`: its causes are those that were named, and not guessed."""

    entry: TimelineEntry
    source: str
    first: float
    last: float
    names: tuple[str, ...] = ()
    key: str = ""
    base: int = 0
    is_open: bool = False
    named: bool = False


class Memory:
    """`seq` counts all that was told. Entries are kept in their order, beside them those that are in force, however old."""

    def __init__(self) -> None:
        self.seq = 0
        self._recent: OrderedDict[str, Held] = OrderedDict()
        self._in_force: dict[str, Held] = {}
        self._going_on: OrderedDict[str, Held] = OrderedDict()
        self._names: OrderedDict[str, Held] = OrderedDict()
        self._awaited: OrderedDict[str, list[Held]] = OrderedDict()
        self._chain_sizes: OrderedDict[str, int] = OrderedDict()

    # --- reading ---

    def __contains__(self, id_: str) -> bool:
        """Whether it can still move."""
        return id_ in self._recent

    def in_order(self) -> Iterator[Held]:
        return iter(self._recent.values())

    def newest(self) -> Iterator[Held]:
        return reversed(self._recent.values())

    def candidates(self) -> Iterator[Held]:
        """What may have effects, the newest first, and then what is in force though it is old."""
        yield from reversed(self._recent.values())
        for held in reversed(self._in_force.values()):
            if held.entry.id not in self._recent:
                yield held

    def going_on(self, key: str) -> Held | None:
        return self._going_on.get(key) if key else None

    def named(self, name: str) -> Held | None:
        """The newest of that name."""
        return self._names.get(name)

    # --- changing ---

    def add(self, held: Held) -> None:
        """A new entry, the last in order."""
        self._recent[held.entry.id] = held
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        if held.is_open:
            self._in_force[held.entry.id] = held

    def tell_again(self, held: Held, **changes: Any) -> None:
        """A later version of its entry."""
        self.seq += 1
        held.entry = msgspec.structs.replace(held.entry, seq=self.seq, **changes)

    def move_to_end(self, held: Held) -> None:
        self.tell_again(held, order=self.seq + 1)
        self._recent.move_to_end(held.entry.id)

    def go_on(self, held: Held, key: str, base: int) -> None:
        """Facts of this key are `held` from now on, which had happened `base` times before."""
        self._going_on.pop(held.key, None)
        held.key, held.base = key, base
        if key:
            _put(self._going_on, key, held, MAX_NAMES)

    def call(self, held: Held, names: tuple[str, ...]) -> None:
        held.names = tuple(dict.fromkeys([*held.names, *names]))[-WAITING:]
        for name in names:
            _put(self._names, name, held, MAX_NAMES)

    def close(self, name: str, now: float) -> None:
        """What is called that is in force no more."""
        for held in [one for one in self._in_force.values() if name in one.names]:
            held.is_open = False
            held.last = now
            del self._in_force[held.entry.id]

    def expect(self, name: str, effect: Held) -> None:
        """It named a cause that nobody has told of yet."""
        waiting = [*self._awaited.get(name, [])[1 - WAITING :], effect]
        _put(self._awaited, name, waiting, MAX_AWAITED)

    def expected(self, name: str) -> list[Held]:
        """What waits for a cause of that name, once."""
        return self._awaited.pop(name, [])

    def room_in(self, chain: str) -> bool:
        """Takes a place in it, if there is one."""
        size = self._chain_sizes.get(chain, 0)
        if size >= MAX_CHAIN:
            return False
        _put(self._chain_sizes, chain, size + 1, MAX_NAMES)
        return True


def _put(memory: OrderedDict[str, T], key: str, value: T, most: int) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > most:
        memory.popitem(last=False)
