"""A network that fails on demand: a proxy before a port, which a test can cut or make slow."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from embedded_services.common.tasks import Tasks

CHUNK = 65_536


class TcpProxy:
    """While `is_slow`, bytes come late and in small pieces; `cut` ends all connections and lets none in."""

    def __init__(self, target: int, random: Random) -> None:
        self.port = 0
        self.is_slow = False
        self._target = target
        self._random = random
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["TcpProxy"]:
        async with Tasks("tcp-proxy") as tasks:
            self._tasks = tasks
            server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            try:
                yield self
            finally:
                server.close()
                self.cut()

    def cut(self) -> None:
        self._is_cut = True
        for writer in list(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        self._is_cut = False

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
        else:
            self._tasks.spawn(self._join(reader, writer), "join")

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, there}
        self._writers |= pair
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, there))
                group.create_task(self._pass(there_reader, writer))
        finally:
            self._writers -= pair
            for one in pair:
                one.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until either end is gone."""
        with contextlib.suppress(OSError):
            while data := await reader.read(self._random.randint(1, 700) if self.is_slow else CHUNK):
                if self.is_slow:
                    await asyncio.sleep(
                        self._random.uniform(0.0, 0.004)
                    )  # a slow network is what is acted out
                writer.write(data)
                await writer.drain()
        writer.close()
