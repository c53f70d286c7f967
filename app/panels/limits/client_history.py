"""What was seen of each client while the window is open: how full it was each second, and the turns it took. Pure."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from embedded_services.contracts.gateway import LimitClient

SECONDS: Final = 60
TURNS: Final = 6
EARLY_S: Final = 1.0
"""News of a count that ran out comes so late at most."""

TurnKind = Literal["seen", "full", "free", "empty", "reset"]


@dataclass(frozen=True, slots=True)
class Turn:
    """`full`: it reached its limit. `free`: it may ask again. `empty`: nothing counts against it any more; `reset`: so
    before its time, because somebody wanted it so."""

    at: float
    kind: TurnKind
    count: int


class ClientHistory:
    def __init__(self) -> None:
        self._counts: dict[str, deque[float]] = {}
        self._turns: dict[str, deque[Turn]] = {}
        self._before: Mapping[str, LimitClient] = {}

    def take(self, rows: Mapping[str, LimitClient], now: float) -> None:
        """These are the clients now. Whoever is no longer among them is forgotten."""
        for key in self._turns.keys() - rows.keys():
            del self._turns[key]
            self._counts.pop(key, None)
        for key, row in rows.items():
            before = self._before.get(key)
            if key not in self._turns:
                self._turns[key] = deque([Turn(row.last_at, "seen", row.count)], maxlen=TURNS)
                before = None
            if (kind := _turn(before, row, now)) is not None:
                self._turns[key].append(Turn(_when(kind, row, now), kind, row.count))
        self._before = dict(rows)

    def sample(self, rows: Iterable[LimitClient]) -> None:
        """To be called once a second."""
        for row in rows:
            counts = self._counts.setdefault(row.key, deque(maxlen=SECONDS))
            counts.append(float(row.count))

    def counts(self, key: str) -> tuple[float, ...]:
        """One a second, oldest first."""
        return tuple(self._counts.get(key, ()))

    def turns(self, key: str) -> tuple[Turn, ...]:
        """Newest first."""
        return tuple(reversed(self._turns.get(key, ())))


def _turn(before: LimitClient | None, row: LimitClient, now: float) -> TurnKind | None:
    was_full = before is not None and before.remaining == 0
    if row.remaining == 0:
        return None if was_full else "full"
    if before is not None and row.count == 0 < before.count:
        early = before.reset_at is not None and now < before.reset_at - EARLY_S
        return "reset" if early else "empty"
    return "free" if was_full else None


def _when(kind: TurnKind, row: LimitClient, now: float) -> float:
    return row.last_at if kind == "full" else now
