"""What the gateway tells of its rate limit: the beat's totals and newest clients, and the answers to the commands.

Rows are reckoned when they are told, never while a request is decided. Nothing is told while nothing changes: no request,
no edit, no reset, and no count that ran out with time.
"""

import math
from collections import deque
from typing import Any, Final, NamedTuple

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.contracts.agent import Beat
from embedded_services.contracts.gateway import LimitClient, LimitTotals
from embedded_services.contracts.limits import LimitClientsQuery
from embedded_services.contracts.wire import Page
from embedded_services.gateway.limiting import RateLimit
from embedded_services.limits.clients import CAPACITY, Client

CLIENTS_A_BEAT: Final = 200
RATE_S: Final = 10.0
_STEP: Final = 250
"""Clients looked at in one go; requests are served in between."""
_DRIFT_S: Final = 0.01


class _Count(NamedTuple):
    at: float
    requests: int
    limited: int


class LimitReport:
    def __init__(self, rate_limit: RateLimit, clock: Clock) -> None:
        self._rule = rate_limit
        self._clock = clock
        self._counts = deque([_Count(clock.monotonic(), 0, 0)])
        self._epoch = clock.now() - clock.monotonic()
        self._told: LimitTotals | None = None
        self._seen: tuple[int, int] | None = None
        self._due = math.inf

    def tell_again(self) -> None:
        """What was told may not have arrived: the next beat tells all of it."""
        self._told = self._seen = None

    # --- the beat -------------------------------------------------------------------------------------------------

    def beat(self) -> Beat | None:
        """What changed since the last one; None if nothing did. To be called a few times a second."""
        now = self._now()
        totals, clients = self._totals(now), None
        seen = (self._rule.clients.requests, self._rule.changes)
        if seen != self._seen or now >= self._due:
            self._seen = seen
            clients = self._newest(now)
        if clients is None and totals == self._told:
            return None
        self._told = totals
        return Beat(limits=totals, limit_clients=clients)

    def _totals(self, now: float) -> LimitTotals:
        clients, limiter, counts = self._rule.clients, self._rule.limiter, self._counts
        counts.append(_Count(now, clients.requests, clients.limited))
        while len(counts) > 2 and counts[1].at <= now - RATE_S:
            counts.popleft()
        since = counts[0]
        elapsed = max(1.0, now - since.at)
        limited = clients.limited - since.limited
        allowed = clients.requests - since.requests - limited
        return LimitTotals(
            allowed=clients.allowed,
            limited=clients.limited,
            allowed_rate=round(allowed / elapsed, 1),
            limited_rate=round(limited / elapsed, 1),
            clients=len(limiter),
            forgotten=limiter.forgotten,
        )

    def _newest(self, now: float) -> list[LimitClient]:
        rows = [self._row(key, client, now) for key, client in self._rule.clients.newest(CLIENTS_A_BEAT)]
        resets = [row.reset_at for row in rows if row.reset_at is not None]
        self._due = min(resets, default=math.inf) - self._epoch
        return rows

    # --- the commands ---------------------------------------------------------------------------------------------

    async def page(self, argument: Any) -> Page[LimitClient]:
        """Clients seen last first. A cursor is the number of a request: who was seen before that comes next, so that no
        client is told of twice, however many come meanwhile."""
        query = msgspec.convert(argument, LimitClientsQuery)
        before = int(query.cursor) if query.cursor else math.inf
        text = query.q.casefold()
        everybody = [
            (client.serial, key, client)
            for key, client in self._rule.clients.newest(CAPACITY)
            if client.serial < before and text in key.casefold()
        ]
        found: list[tuple[int, LimitClient]] = []
        for at, (serial, key, client) in enumerate(everybody, 1):
            row = self._row(key, client, self._now())
            if row.remaining == 0 or not query.limited:
                found.append((serial, row))
                if len(found) > query.limit:
                    break
            if at % _STEP == 0:
                await self._clock.sleep(0)
        shown = found[: query.limit]
        more = len(found) > query.limit
        return Page(items=[row for _, row in shown], next_cursor=str(shown[-1][0]) if more else None)

    async def reset(self, argument: Any) -> bool:
        """One client by its key, or all of them. False for a client that is not known."""
        key = msgspec.convert(argument, str | None)
        if key is None:
            self._rule.reset_all()
            return True
        return self._rule.reset(key)

    # --- one row --------------------------------------------------------------------------------------------------

    def _row(self, key: str, client: Client, now: float) -> LimitClient:
        count, reset_s = self._rule.limiter.standing(key, now)
        limit = self._rule.settings.limit
        return LimitClient(
            key=key,
            count=count,
            limit=limit,
            remaining=max(0, limit - count),
            reset_at=self._wall(now + reset_s) if count else None,
            last_at=self._wall(client.seen_at),
            last429_at=None if client.limited_at is None else self._wall(client.limited_at),
            allowed=client.allowed,
            limited=client.limited,
        )

    def _now(self) -> float:
        """The monotonic clock's. What separates it from the wall clock is kept while it hardly moves: a row that did not
        change is told with the same times."""
        now = self._clock.monotonic()
        epoch = self._clock.now() - now
        if abs(epoch - self._epoch) > _DRIFT_S:
            self._epoch = epoch
        return now

    def _wall(self, at: float) -> float:
        return round(self._epoch + at, 3)
