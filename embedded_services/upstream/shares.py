"""What part of a service's picks each instance got in the last ten seconds, against what it should have got. Pure.

Counting a pick is only adding one to the instance's total; whoever reads, and whoever changes what is expected, takes
note of what came since. So nothing here is on the way of a call, and each pick is held against what was expected when it
was made, whatever has changed since.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

SPAN_S: Final = 10.0
_STEP_S: Final = 0.25


class Share(NamedTuple):
    """`rate` is picks per second; `share` and `expected` sum up to 1 over the service, and are None where unknown."""

    rate: float
    share: float | None
    expected: float | None


@dataclass(slots=True)
class _Sample:
    """Picks between two looks, and how they should have been spread; None if nothing is expected."""

    at: float
    got: dict[str, int]
    due: dict[str, float] | None = field(default=None)


class Shares:
    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._samples: deque[_Sample] = deque()
        self._since: float | None = None

    def restart(self) -> None:
        """Forget what was got under another strategy; go on counting."""
        self._samples.clear()
        self._since = None

    def note(self, now: float, picks: Mapping[str, int], expected: Mapping[str, float] | None) -> None:
        """`picks` are totals, `expected` shares that have held since the last note; an instance not in it should have got
        none. An instance that was not there at the note before counts from now on."""
        if self._since is None:
            self._since = now
        seen = self._seen
        got = {name: more for name, total in picks.items() if (more := total - seen.get(name, total)) > 0}
        self._seen = dict(picks)
        while self._samples and self._samples[0].at <= now - SPAN_S:
            self._since = self._samples.popleft().at
        if not got:
            return
        count = sum(got.values())
        due = {name: count * share for name, share in expected.items()} if expected is not None else None
        last = self._samples[-1] if self._samples else None
        if last is not None and now - last.at < _STEP_S and (last.due is None) == (due is None):
            _add(last.got, got)
            if last.due is not None and due is not None:
                _add(last.due, due)
        else:
            self._samples.append(_Sample(now, got, due))

    def read(
        self, now: float, names: Iterable[str], expected: Mapping[str, float] | None
    ) -> dict[str, Share]:
        """By instance. `expected` is what holds now, told while there are no picks to tell."""
        got: dict[str, float] = {}
        due: dict[str, float] | None = {}
        for sample in self._samples:
            if sample.at > now - SPAN_S:
                _add(got, sample.got)
                if due is not None and sample.due is not None:
                    _add(due, sample.due)
                else:
                    due = None
        count = sum(got.values())
        span = min(SPAN_S, max(1.0, now - self._since)) if self._since is not None else SPAN_S
        shares = {}
        for name in names:
            if count:
                wanted = due.get(name, 0.0) / count if due is not None else None
                shares[name] = Share(got.get(name, 0) / span, got.get(name, 0) / count, wanted)
            else:
                wanted = expected.get(name, 0.0) if expected is not None else None
                shares[name] = Share(0.0, None, wanted)
        return shares


def fairness(shares: Iterable[Share]) -> float | None:
    """Jain's index of shares over what each was expected to get: 1 is perfectly fair, 1/n is one gets all."""
    ratios = [share.share / share.expected for share in shares if share.share is not None and share.expected]
    squares = sum(ratio * ratio for ratio in ratios)
    return sum(ratios) ** 2 / (len(ratios) * squares) if squares else None


def _add(into: dict[str, float] | dict[str, int], more: Mapping[str, float]) -> None:
    for name, value in more.items():
        into[name] = into.get(name, 0) + value  # type: ignore[assignment]  # ints are only added to ints
