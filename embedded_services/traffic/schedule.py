"""When requests are due: from a plan to intended send times. Pure.

The rate over time is a line of straight pieces; the number of arrivals that it asks for until t is the area below it, and
arrival n is due where that area reaches n. Poisson arrivals are the same with random areas between them: exponential ones,
whose mean is 1.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from embedded_services.contracts.traffic import Arrivals, Step

NEVER = math.inf


class Piece(NamedTuple):
    """From `start` on the rate is `rate`, and changes by `slope` a second; `before` arrivals were asked for until then."""

    start: float
    rate: float
    slope: float
    before: float


class Curve:
    """The rate that is asked for, as a function of the seconds since the start."""

    def __init__(self, rate: float, steps: Sequence[Step] = ()) -> None:
        """Steps hold in the order of their times. One that begins while another is still moving takes over from there."""
        pieces = [Piece(0.0, rate, 0.0, 0.0)]
        for step in sorted(steps, key=lambda step: step.at_s):
            while len(pieces) > 1 and pieces[-1].start >= step.at_s:
                pieces.pop()
            now = _rate(pieces[-1], step.at_s)
            if step.ramp_s > 0:
                _append(pieces, step.at_s, now, (step.rate - now) / step.ramp_s)
                _append(pieces, step.at_s + step.ramp_s, step.rate, 0.0)
            else:
                _append(pieces, step.at_s, step.rate, 0.0)
        self._pieces = pieces
        self._starts = [piece.start for piece in pieces]
        self._counts = [piece.before for piece in pieces]

    def rate(self, t: float) -> float:
        """Arrivals a second that are asked for at `t`."""
        return _rate(self._piece(t), t)

    def area(self, t: float) -> float:
        """Arrivals that were asked for until `t`, fractions included."""
        return _area(self._piece(t), t)

    def reaches(self, area: float) -> float:
        """When so many arrivals will have been asked for; never for more than there will be."""
        index = max(0, bisect_right(self._counts, area) - 1)
        while True:
            t = _reaches(self._pieces[index], area)
            if index + 1 == len(self._pieces) or t < self._starts[index + 1]:
                return t
            index += 1

    def _piece(self, t: float) -> Piece:
        return self._pieces[max(0, bisect_right(self._starts, t) - 1)]


def due_times(curve: Curve, arrivals: Arrivals, seed: int, progress: float = 1.0) -> Iterator[float]:
    """The intended send times, rising, in seconds since the start; it ends when no more will be due.

    `progress` is how much of the first constant arrival is already past: 1 sends at once. The rest of the one before goes on
    counting so when a plan changes, however often it does.
    """
    area = 1.0 - min(max(progress, 0.0), 1.0)
    chance = Random(seed)  # noqa: S311 - arrivals, no secrets
    if arrivals is Arrivals.POISSON:
        area = chance.expovariate(1.0)
    while (t := curve.reaches(area)) < NEVER:
        yield t
        area += 1.0 if arrivals is Arrivals.CONSTANT else chance.expovariate(1.0)


def _append(pieces: list[Piece], start: float, rate: float, slope: float) -> None:
    pieces.append(Piece(start, rate, slope, _area(pieces[-1], start)))
    if len(pieces) > 1 and pieces[-2].start == start:
        del pieces[-2]


def _rate(piece: Piece, t: float) -> float:
    return max(0.0, piece.rate + piece.slope * max(0.0, t - piece.start))


def _area(piece: Piece, t: float) -> float:
    span = max(0.0, t - piece.start)
    return piece.before + piece.rate * span + piece.slope * span * span / 2


def _reaches(piece: Piece, area: float) -> float:
    """Where a piece that went on for ever would reach `area`."""
    wanted = area - piece.before
    if wanted <= 0 and (piece.rate > 0 or piece.slope > 0):
        return piece.start
    if piece.slope == 0:
        return piece.start + wanted / piece.rate if piece.rate > 0 else NEVER
    under = piece.rate * piece.rate + 2 * piece.slope * wanted
    if under < 0:
        return NEVER  # it falls to nothing before
    return piece.start + 2 * wanted / (piece.rate + math.sqrt(under))
