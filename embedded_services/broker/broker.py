"""The broker: its connections, and the turn in which all of them advance together.

A turn is one round of the event loop: what came is taken in, messages are pushed to consumers, everything is committed
at once, and only then anything is written; confirms come last, when the disk has it all. So one disk flush serves every
client that was heard in the round. When very many are published one by one, a turn is held open for a moment.
"""

import asyncio
import logging
import shutil
import socket
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from embedded_services.broker.connection import Connection
from embedded_services.broker.gathering import Gathering
from embedded_services.broker.handshake import Login
from embedded_services.broker.queue_views import QueueView, QueueViews
from embedded_services.broker.store import Store
from embedded_services.broker.store_file import StoreError
from embedded_services.broker.vhost import VirtualHost
from embedded_services.common.clock import Clock

RETRY_S: Final = 0.5
LOOK_S: Final = 0.25
MIN_DISK: Final = 50 * 1024 * 1024
"""Free bytes below which publishers are held back."""
MAX_MEMORY: Final = 256 * 1024 * 1024
"""Bytes of messages in memory beyond which publishers are held back."""
CLOSE_S: Final = 0.5
MOMENT_S: Final = 0.001
"""For which a turn is held open, at most."""
BACKLOG: Final = 1024

log = logging.getLogger(__name__)


class Broker:
    """`connection.Host`. Opening raises StoreError."""

    def __init__(
        self,
        path: Path,
        login: Login,
        clock: Clock,
        *,
        max_memory: int = MAX_MEMORY,
        min_disk: int = MIN_DISK,
    ) -> None:
        self.login = login
        self._path = path
        self._clock = clock
        self._max_memory = max_memory
        self._min_disk = min_disk
        self._store = Store(path)
        self.vhost = VirtualHost(self._store, clock.now, self.turn, self._look_for_alarm)
        self.connections: dict[Connection, None] = {}
        self.alarm = ""
        self._views = QueueViews()
        self._with_output: dict[Connection, None] = {}
        self._waiting: dict[Connection, None] = {}
        self._syncing = False
        self._sync_soon: asyncio.TimerHandle | None = None
        self._sync_is_due = False
        self._disk = ThreadPoolExecutor(1, "broker-disk")
        self._in_turn = False
        self._end_of_turn: asyncio.Handle | None = None
        self._gathering = Gathering()
        self._published = 0
        self._broken = ""
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at = 0.0

    @asynccontextmanager
    async def serving(self, sock: socket.socket) -> AsyncIterator[None]:
        """Accept clients; leaving says goodbye to them, commits and closes the file."""
        loop = asyncio.get_running_loop()
        self._loop = loop
        sock.listen(BACKLOG)  # uvloop's would not say that somebody else was quicker
        self._look()
        listener = await loop.create_server(self._connect, sock=sock, backlog=BACKLOG)
        self.turn()
        try:
            yield
        finally:
            listener.close()
            await self._say_goodbye()
            self._next_look.cancel()
            if self._end_of_turn is not None:
                self._end_of_turn.cancel()
            for timer in (self._wake, self._sync_soon):
                if timer is not None:
                    timer.cancel()
            await self._loop.run_in_executor(None, self._disk.shutdown)
            try:
                self._store.close()
            except StoreError as error:
                log.error("what nobody was told of is lost: %s", error)

    def _connect(self) -> Connection:
        connection = Connection(self, self._loop)
        self.connections[connection] = None
        return connection

    async def _say_goodbye(self) -> None:
        for connection in list(self.connections):
            connection.force_close("broker forced connection closure with reason 'shutdown'")
        self._end_turn()
        deadline = self._loop.time() + CLOSE_S
        while self.connections and self._loop.time() < deadline:
            await self._clock.sleep(0.01)
        for connection in list(self.connections):
            connection.drop()
        self._end_turn()

    def queues(self) -> list[QueueView]:
        """All queues as they are now, and how fast messages went through them in the last seconds."""
        return self._views.of(self._clock.now(), self.vhost.queues.values())

    # --- the turn ---

    def turn(self) -> None:
        if not self._in_turn:
            self._in_turn = True
            self._end_of_turn = (
                self._loop.call_later(MOMENT_S, self._end_turn)
                if self._gathering.waits
                else self._loop.call_soon(self._end_turn)
            )

    def has_output(self, connection: Connection) -> None:
        self._with_output[connection] = None
        self.turn()

    def left(self, connection: Connection) -> None:
        self.connections.pop(connection, None)
        self._with_output.pop(connection, None)
        self._waiting.pop(connection, None)
        self.turn()

    def _end_turn(self) -> None:
        try:
            self.vhost.pump()
            self._settle()
        except StoreError as error:
            self._break(error)
        finally:
            self._in_turn = False
            self._gathering.ended(self._clock.monotonic(), self.vhost.published - self._published)
            self._published = self.vhost.published
        if not self._broken and (self.vhost.has_more or self._store.is_clearing):
            self.turn()

    def _settle(self) -> None:
        """Commit, and tell everybody. Raises StoreError; who was not told by then waits."""
        self._store.commit()
        others = False
        for connection in self._with_output:
            if connection.outflow.waits_for_disk:
                self._waiting[connection] = None
            others = connection.flush() or others
        self._with_output.clear()
        if self._waiting and not self._syncing:
            if not others:
                # When all who are at work wait for the disk, to wait here is quicker than to ask another thread.
                self._sync_here()
            elif self._sync_is_due:
                self._sync_aside()
            elif self._sync_soon is None:
                # Whoever was just handed something goes first: the disk's work would cost him a third of a millisecond,
                # and what he answers within this moment the disk keeps with the rest.
                self._sync_soon = self._loop.call_later(MOMENT_S, self._sync_now)
        if self._broken:
            log.warning("%s can be written again", self._path)
            self._broken = ""
        self._set_wake()

    def _sync_now(self) -> None:
        self._sync_soon = None
        self._sync_is_due = True
        self.turn()

    def _sync_here(self) -> None:
        """Have the disk keep what is committed, then confirm it. Raises StoreError."""
        self._mark()
        self._store.sync()
        waiting, self._waiting = self._waiting, {}
        self._confirm(waiting)

    def _mark(self) -> None:
        """What waits now is kept by the next sync."""
        self._sync_is_due = False
        if self._sync_soon is not None:
            self._sync_soon.cancel()
            self._sync_soon = None
        for connection in self._waiting:
            connection.outflow.mark()

    def _sync_aside(self) -> None:
        """The same, while all others go on."""
        self._mark()
        waiting, self._waiting = self._waiting, {}
        self._syncing = True
        synced = self._loop.run_in_executor(self._disk, self._store.sync)
        synced.add_done_callback(lambda done: self._synced(done, waiting))

    def _synced(self, done: asyncio.Future[None], waiting: dict[Connection, None]) -> None:
        self._syncing = False
        error = done.exception()
        if error is None:
            self._confirm(waiting)
            if self._waiting:
                self.turn()
            return
        self._waiting.update(waiting)
        self._break(error)

    def _confirm(self, waiting: dict[Connection, None]) -> None:
        for connection in waiting:
            connection.confirm()

    def _break(self, error: BaseException) -> None:
        """Nobody is told anything that is not kept: all output waits, and publishers are held back, until it can be."""
        if not self._broken:
            log.error("cannot write %s: %s", self._path, error)
        self._broken = str(error)
        self._look_for_alarm()
        self._loop.call_later(RETRY_S, self.turn)

    def _set_wake(self) -> None:
        """One timer for all queues whose messages, or which themselves, grow old."""
        at = self.vhost.next_wake()
        if at is None or (self._wake is not None and at == self._wake_at):
            return
        if self._wake is not None:
            self._wake.cancel()
        self._wake_at = at
        self._wake = self._loop.call_later(max(0.0, at - self._clock.now()), self._time_passed)

    def _time_passed(self) -> None:
        self._wake = None
        self.vhost.wake()
        self.turn()

    # --- alarms ---

    def limit_memory(self, most: int) -> None:
        """Hold publishers back when more than so many bytes of messages are in memory; below 0 at once."""
        self._max_memory = most
        self._look_for_alarm()

    def _look(self) -> None:
        self._next_look = self._loop.call_later(LOOK_S, self._look)
        if self._store.is_behind and not self._syncing:
            self._sync_aside()  # what nobody waits for is on disk soon, too
        self._views.look(self._clock.now(), self.vhost.queues.values())
        self._look_for_alarm()

    def _look_for_alarm(self) -> None:
        """Hold publishers back while memory or disk is short, and let them go on when it is not."""
        if self._broken or shutil.disk_usage(self._path.parent).free < self._min_disk:
            alarm = "low on disk"
        else:
            # Once held back, they wait until there is room to speak of.
            most = self._max_memory * 0.9 if self.alarm else self._max_memory
            alarm = "low on memory" if self.vhost.bytes_in_memory() > most else ""
        if alarm == self.alarm:
            return
        log.warning("publishers are held back: %s", alarm) if alarm else log.warning("publishers may go on")
        self.alarm = alarm
        if not alarm:
            for connection in list(self.connections):
                connection.release()
