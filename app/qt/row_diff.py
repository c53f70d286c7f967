"""From one list of keys to another in few steps: removals, then moves, then insertions, each of a run of rows. Pure.

Only rows that must move do: the longest subsequence that is in order already stays where it is.
"""

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Remove:
    """Rows `first` to `last`, both gone."""

    first: int
    last: int


@dataclass(frozen=True)
class Move:
    """The row at `source` goes to where it is row `target` afterwards."""

    source: int
    target: int


@dataclass(frozen=True)
class Insert:
    """Rows `first` to `last` of the new list come to stand at those very places."""

    first: int
    last: int


Step: TypeAlias = Remove | Move | Insert


def steps(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Step]:
    """The steps, to be taken in order. Keys must be unique in each list; raises ValueError where `new`'s are not."""
    wanted = set(new)
    if len(wanted) != len(new):
        raise ValueError("two rows have the same key")
    known = set(old)
    staying = [key for key in old if key in wanted]
    return [
        *(Remove(first, last) for first, last in reversed(_runs([key not in wanted for key in old]))),
        *_moves(staying, [key for key in new if key in known]),
        *(Insert(first, last) for first, last in _runs([key not in known for key in new])),
    ]


def _runs(flags: Sequence[bool]) -> list[tuple[int, int]]:
    """The runs of true flags, each as its first and last index."""
    found: list[tuple[int, int]] = []
    for index, flag in enumerate(flags):
        if not flag:
            continue
        if found and found[-1][1] == index - 1:
            found[-1] = (found[-1][0], index)
        else:
            found.append((index, index))
    return found


def _moves(now: list[Hashable], wanted: Sequence[Hashable]) -> list[Move]:
    if now == list(wanted):
        return []
    places = {key: place for place, key in enumerate(now)}
    still = _in_order([places[key] for key in wanted])
    work = list(now)
    moves = []
    for at, key in enumerate(wanted):
        if places[key] in still:
            continue
        source = work.index(key)
        del work[source]
        target = work.index(wanted[at - 1]) + 1 if at else 0
        work.insert(target, key)
        if source != target:
            moves.append(Move(source, target))
    return moves


def _in_order(places: Sequence[int]) -> set[int]:
    """The members of a longest increasing subsequence."""
    ends: list[int] = []  # the smallest end of a subsequence of each length, and where in places it is
    tails: list[int] = []
    before: list[int] = []
    for index, place in enumerate(places):
        length = bisect_left(ends, place)
        before.append(tails[length - 1] if length else -1)
        ends[length : length + 1] = [place]
        tails[length : length + 1] = [index]
    found = set()
    index = tails[-1] if tails else -1
    while index >= 0:
        found.add(places[index])
        index = before[index]
    return found
