"""Faults of a service's database: transactions that take longer, and somebody else who holds its write lock.

All instances share the database, so one of them holds the lock in the name of all; the others stand by.
"""

import asyncio
import logging
import sqlite3
import threading
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from embedded_services.agent.hold_ups import HoldUps
from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.faults import touched
from embedded_services.faults.armed import LocalFaults
from embedded_services.faults.params import LockedDatabase
from embedded_services.services.kit.storage import Storage

SLOW: Final = "slow-database"
LOCKED: Final = "locked-database"
LOOK_S: Final = 0.25
NOTICED_S: Final = 0.02
"""A write that took longer while the database was locked was held up by that."""

log = logging.getLogger(__name__)


class DataFaults:
    """One for each process of a service. Leaving it lets the lock go."""

    def __init__(self, faults: LocalFaults, storage: Storage, clock: Clock) -> None:
        self._faults = faults
        self._storage = storage
        self._clock = clock
        self._holding = HoldUps(faults, clock.monotonic)
        self._tasks = Tasks("database faults")
        self._ended = threading.Event()
        self._locker: asyncio.Task[None] | None = None
        faults.on_change(self._heed)
        self._heed()

    async def close(self) -> None:
        self._ended.set()
        if self._locker is not None:
            await asyncio.wait({self._locker})
        await self._tasks.close()

    async def slow(self) -> None:
        """What comes before each transaction."""
        hit = self._faults.ask(SLOW)
        if hit is not None:
            hit.added(await self._holding.hold_up(hit, hit.delay_s()))

    def held_up(self, took_s: float) -> None:
        """A write took so long. If it did because the database is locked, the request that it is for was met by that."""
        touches = touched.current()
        if touches is None or took_s < NOTICED_S:
            return
        for held in self._faults.acting(LOCKED):
            touches.add(held.id, took_s)
            self._faults.note_affected(held, touches.request_id, touches.trace_id)

    @property
    def any(self) -> bool:
        """Whether anything is to be done here at all."""
        return self._faults.has(SLOW) or self._faults.has(LOCKED)

    def _heed(self) -> None:
        """What is in force has changed."""
        wanted = self._faults.has(LOCKED)
        if not wanted:
            self._ended.set()
        elif self._locker is None or self._ended.is_set():
            self._ended = threading.Event()
            self._locker = self._tasks.start(self._lock(self._ended), "lock")

    async def _lock(self, ended: threading.Event) -> None:
        """As long as the fault acts. One that ends by its time alone ends within a hold."""
        while not ended.is_set():
            acting = self._faults.acting(LOCKED)
            params = acting[0].params if acting else None
            if not isinstance(params, LockedDatabase):
                await self._clock.sleep(LOOK_S)
                continue
            left = max(0.0, acting[0].timing.deadline - self._clock.monotonic())
            hold_s = min(params.hold_ms / 1000, left)
            try:
                did = await asyncio.to_thread(self._storage.lock_out, hold_s, params.pause_ms / 1000, ended)
            except (OSError, sqlite3.Error, SQLAlchemyError) as error:
                log.warning("the database cannot be locked: %s", error)
                did = False
            if did:
                self._faults.carried_out(acting[0])
            else:
                await self._clock.sleep(LOOK_S)
