"""What services said of their work on each event, by message id, and where events of a type usually go. Pure."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from embedded_services.contracts.events import Handled

CAPACITY: Final = 20_000
TRIES_KEPT: Final = 12
Verdict = Literal["done", "retry", "dead", "unknown"]


@dataclass(frozen=True)
class Handling:
    """`queues` are those it went to, `took_ms` the longest of the last tries, `tries` the most that one service made;
    the verdict is the worst of them. `unknown`: nobody said anything of it.
    """

    verdict: Verdict
    queues: tuple[str, ...] = ()
    took_ms: float | None = None
    tries: int = 0


UNKNOWN: Final = Handling("unknown")
_RANK: Final[Mapping[str, int]] = {"dead": 3, "retry": 2}


class HandledBook:
    """The last `capacity` events that services worked on."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._tries: OrderedDict[str, tuple[Handled, ...]] = OrderedDict()
        self._known: dict[str, Handling] = {}
        self._routes: dict[str, set[str]] = {}
        self.since: float | None = None
        """From when on all that services said is here; None for not yet."""

    def take(self, told: Iterable[Handled]) -> set[str]:
        """Gives the message ids that it is about."""
        changed = set()
        for handled in told:
            key = handled.message_id
            tries = (*self._tries.pop(key, ()), handled)
            self._tries[key] = tries[-TRIES_KEPT:]
            self._known.pop(key, None)
            if handled.outcome != "ignored":
                self._routes.setdefault(handled.type, set()).add(handled.queue)
            changed.add(key)
        while len(self._tries) > self._capacity:
            gone, _ = self._tries.popitem(last=False)
            self._known.pop(gone, None)
        return changed

    def clear(self) -> None:
        self._tries.clear()
        self._known.clear()
        self.since = None

    def tries(self, message_id: str) -> Sequence[Handled]:
        """Oldest first."""
        return self._tries.get(message_id, ())

    def usual(self, event_type: str) -> tuple[str, ...]:
        """The queues that events of this type have gone to, as far as services told."""
        return tuple(sorted(self._routes.get(event_type, ())))

    def of(self, message_id: str) -> Handling:
        found = self._known.get(message_id)
        if found is None:
            tries = self._tries.get(message_id)
            if tries is None:
                return UNKNOWN
            found = self._known[message_id] = _handling(tries)
        return found


def _handling(tries: Sequence[Handled]) -> Handling:
    last: dict[str, Handled] = {}
    for handled in tries:
        if handled.outcome == "duplicate" and handled.queue in last:
            continue  # a repetition that had no effect says nothing of the first
        last[handled.queue] = handled
    worst = max(last.values(), key=lambda handled: _RANK.get(handled.outcome, 0))
    verdict: Verdict = "dead" if worst.outcome == "dead" else "retry" if worst.outcome == "retry" else "done"
    return Handling(
        verdict=verdict,
        queues=tuple(sorted(last)),
        took_ms=max(handled.took_ms for handled in last.values()),
        tries=max(handled.attempt for handled in last.values()),
    )
