"""The connections to one instance: one incarnation at one address. It closes with that incarnation.

Idle connections are taken last in, first out, so that few are kept warm and the rest grow old and go.
"""

import asyncio
from collections import deque
from typing import Final

from embedded_services.common.tasks import Tasks
from embedded_services.common.write_batch import WriteBatch
from embedded_services.upstream.failures import TryError
from embedded_services.upstream.retries import Fault
from embedded_services.upstream.transport import Connection

MAX_IDLE: Final = 256
IDLE_S: Final = 60.0


class Pool:
    def __init__(self, host: str, port: int, tasks: Tasks, writes: WriteBatch) -> None:
        self._host = host
        self._port = port
        self._tasks = tasks
        self._writes = writes
        self._idle: deque[Connection] = deque()
        self._closed = False

    @property
    def idle(self) -> int:
        return len(self._idle)

    def take(self, *, surely_alive: bool) -> Connection | None:
        """An idle connection, if there is one. `surely_alive` asks the operating system about it, which is worth its
        price for a request that cannot be repeated."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed and not (surely_alive and connection.seems_dead()):
                return connection
            connection.close()
        return None

    async def connect(self, timeout_s: float) -> Connection:
        """A new connection. Raises TryError; nothing has been sent then."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop, self._tasks, self._writes, self._lost), self._host, self._port
                )
        except TimeoutError:
            raise TryError(Fault.UNREACHABLE) from None
        except OSError as error:
            raise TryError(Fault.REFUSED, error.strerror or str(error)) from None
        return connection

    def give(self, connection: Connection, now: float) -> None:
        """An exchange has ended: keep the connection for the next one if it is fit for that."""
        if not connection.finish(now):
            return
        if self._closed:
            connection.close()
            return
        self._idle.append(connection)
        if len(self._idle) > MAX_IDLE or self._idle[0].idle_since < now - IDLE_S:
            self._idle.popleft().close()

    def put_back(self, connection: Connection, now: float) -> None:
        """Keep a connection that was taken, or made, and not used."""
        if self._closed or connection.closed:
            connection.close()
            return
        connection.idle_since = now
        self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle now, and everything else when its exchange ends."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _lost(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
