"""How long a client may stay in each stage of a connection. Pure.

Everybody is looked at once in a while, by one timer for all, and whoever was seen in the same stage for too long is
overdue. So nothing needs to be noted while a request is served, and a limit is kept to within one round.
"""

from collections.abc import Iterable
from enum import Enum, auto
from typing import Final, Generic, TypeVar

from embedded_services.contracts.settings import GatewaySettings

T = TypeVar("T")

ROUND_S: Final = 1.0
_SHORTEST_ROUND_S: Final = 0.02
_BODY_S: Final = 1.0


class Stage(Enum):
    IDLE = auto()
    """Nothing of a request has come."""
    HEAD = auto()
    """A head has begun."""
    BODY = auto()
    """The head is there, and a small body is yet to come."""
    SERVED = auto()
    """It is the gateway's turn."""
    SENDING = auto()
    """The client does not take what is sent to it."""


Seen = tuple[Stage, int]
"""A stage, and a number that changes when there is progress in it."""


class Patience(Generic[T]):
    def __init__(self) -> None:
        self._since: dict[T, tuple[Seen, float]] = {}

    def overdue(
        self, seen: Iterable[tuple[T, Seen]], settings: GatewaySettings, now: float
    ) -> list[tuple[T, Stage]]:
        """Who has been in its stage for too long, of all that there are now."""
        allowed = {
            Stage.IDLE: settings.keep_alive_s,
            Stage.HEAD: settings.header_timeout_s,
            Stage.BODY: min(_BODY_S, settings.body_idle_s),
            Stage.SERVED: float("inf"),
            Stage.SENDING: settings.send_idle_s,
        }
        before, since = self._since, {}
        overdue = []
        for one, state in seen:
            known = before.get(one)
            if known is None or known[0] != state:
                since[one] = (state, now)
            elif now - known[1] < allowed[state[0]]:
                since[one] = known
            else:
                overdue.append((one, state[0]))
        self._since = since
        return overdue


def round_s(settings: GatewaySettings) -> float:
    """How often to look, so that the shortest limit is kept within a quarter."""
    shortest = min(
        settings.keep_alive_s, settings.header_timeout_s, settings.body_idle_s, settings.send_idle_s
    )
    return max(_SHORTEST_ROUND_S, min(ROUND_S, shortest / 4))
