"""Group commit: what sagas come to in one turn of the loop is on disk together, and happens only then.

A turn is written at once where the disk is quick, else in a thread, while the next one gathers. What could not be written is
tried again until it can; nothing goes on meanwhile.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.sagas.journal import Batch, Journal, Stored
from embedded_services.sagas.signals import Command

AGAIN_S: Final = 0.5
QUICK_S: Final = 0.001
"""Of a commit: one that takes longer would hold up the loop. A hop to a thread costs a tenth of that."""
FEW: Final = 4
"""Sagas that are not worth a thread: they would wait for it longer than for the disk."""
WEIGHT: Final = 0.2

log = logging.getLogger(__name__)


@dataclass
class Turn:
    """What was decided, and what is to happen once it is on disk."""

    batch: Batch = field(default_factory=Batch)
    commands: list[tuple[str, Command]] = field(default_factory=list)
    moved: dict[str, Stored] = field(default_factory=dict)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def and_then(self, later: "Turn") -> "Turn":
        """Both, but for what is to be written."""
        return Turn(
            later.batch,
            self.commands + later.commands,
            self.moved | later.moved,
            self.waiting + later.waiting,
        )


class Turns:
    """`written` hears of each turn that is on disk. `trouble` says why nothing goes on, if nothing does."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        tasks: Tasks,
        under_way: Callable[[], int],
        written: Callable[[Turn], None],
    ) -> None:
        """`under_way` says how many sagas are."""
        self._journal = journal
        self._clock = clock
        self._tasks = tasks
        self._sagas_under_way = under_way
        self._on_written = written
        self.trouble = ""
        self._gathering = Turn()
        self._under_way = False
        self._took_s = 0.0
        self._writing: asyncio.Future[None] | None = None
        self._closed = False

    def add(self, moved: Stored, commands: list[Command]) -> None:
        """What the journal has been given of a saga is to be written, and `commands` to be carried out then."""
        self._gathering.moved[moved.run.id] = moved
        self._gathering.commands += ((moved.run.id, command) for command in commands)
        self._begin()

    async def committed(self) -> None:
        """Wait until all that has gathered is on disk."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gathering.waiting.append(waiting)
        self._begin()
        await waiting

    async def close(self) -> None:
        """Once its tasks have ended: write nothing more. What was decided and not written is decided again by the next."""
        self._closed = True
        if self._writing is not None:
            await asyncio.wait({self._writing})

    def _begin(self) -> None:
        if not self._under_way:
            self._under_way = True
            asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        if self._closed:
            return
        turn, self._gathering = self._gathering, Turn()
        turn.batch = self._journal.take()
        if self._took_s > QUICK_S and self._sagas_under_way() > FEW:
            self._tasks.spawn(self._write_apart(turn), "journal")
            return
        began = self._clock.monotonic()
        try:
            self._journal.write(turn.batch)
        except sqlite3.Error as error:
            self._not_written(turn, error)
        else:
            self._written(turn, began)

    async def _write_apart(self, turn: Turn) -> None:
        began = self._clock.monotonic()
        loop = asyncio.get_running_loop()
        self._writing = writing = loop.run_in_executor(None, self._journal.write, turn.batch)
        try:
            await asyncio.shield(writing)
        except sqlite3.Error as error:
            self._not_written(turn, error)
        else:
            self._written(turn, began)

    def _not_written(self, turn: Turn, error: sqlite3.Error) -> None:
        self.trouble = f"the journal cannot be written: {error}"
        log.error("the journal cannot be written, nothing goes on until it can: %s", error)
        self._journal.put_back()
        self._gathering = turn.and_then(self._gathering)
        asyncio.get_running_loop().call_later(AGAIN_S, self._end)

    def _written(self, turn: Turn, began: float) -> None:
        self._took_s += WEIGHT * (self._clock.monotonic() - began - self._took_s)
        self.trouble = ""
        self._under_way = False
        gathering = self._gathering
        if gathering.commands or gathering.moved or gathering.waiting:
            self._begin()
        self._on_written(turn)
