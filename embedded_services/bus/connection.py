"""A connection to the broker that is made again whenever it breaks.

Whatever stands behind the URL is taken as it is: RabbitMQ or the embedded broker. What must exist is declared anew on
each connection, because a broker may have lost it. A broker that is frozen is found out by heartbeats, and by confirms
that do not come.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection

from embedded_services.common.backoff import Backoff
from embedded_services.common.clock import Clock

HEARTBEAT_S: Final = 5
CONNECT_S: Final = 5.0
CLOSE_S: Final = 1.0
BACKOFF: Final = Backoff(0.1, 2.0)

Setup = Callable[[AbstractConnection], Awaitable[None]]
"""Declares and consumes on a new connection. What it raises ends the connection, and it is tried again."""

log = logging.getLogger(__name__)


class BusConnection:
    """`run` lives as long as the process. `connected` is set while there is a connection that is set up."""

    def __init__(self, url: str, name: str, clock: Clock) -> None:
        self._url = url
        self._name = name
        self._clock = clock
        self._setups: list[Setup] = []
        self._lost = asyncio.Event()
        self.connected = asyncio.Event()
        self.connection: AbstractConnection | None = None
        self.problem = "not connected yet"

    def on_connected(self, setup: Setup) -> None:
        self._setups.append(setup)

    def give_up(self, reason: str) -> None:
        """This connection is no good, whatever it says of itself: make another."""
        if not self._lost.is_set():
            log.warning("the connection to the broker is given up: %s", reason)
            self.problem = reason
            self._lost.set()

    async def run(self) -> None:
        failures = 0
        while True:
            self._lost.clear()
            try:
                async with asyncio.timeout(CONNECT_S):
                    connection = await aio_pika.connect(
                        self._url, heartbeat=HEARTBEAT_S, client_properties={"connection_name": self._name}
                    )
            except (TimeoutError, OSError, aio_pika.exceptions.AMQPError) as error:
                self._note(f"cannot connect: {_said(error)}")
                failures += 1
                await self._clock.sleep(BACKOFF.delay(failures, random.random()))  # noqa: S311 - it spreads
                continue
            try:
                failures += 1
                await self._use(connection)
                failures = 0
            except (TimeoutError, OSError, aio_pika.exceptions.AMQPError) as error:
                self._note(f"cannot set up: {_said(error)}")
            finally:
                self.connected.clear()
                self.connection = None
                await _close(connection)
            await self._clock.sleep(BACKOFF.delay(failures + 1, random.random()))  # noqa: S311 - it spreads

    async def _use(self, connection: AbstractConnection) -> None:
        connection.close_callbacks.add(lambda *_: self._lost.set())
        async with asyncio.timeout(CONNECT_S):
            for setup in self._setups:
                await setup(connection)
        if self.problem:
            log.info("connected to the broker")
        self.problem = ""
        self.connection = connection
        self.connected.set()
        await self._lost.wait()
        self._note(self.problem or "the connection broke")

    def _note(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("the broker: %s", problem)
        self.problem = problem


async def confirming_channel(connection: AbstractConnection) -> AbstractChannel:
    """A channel whose publishes wait for the broker's word, and fail when it does not want the message."""
    return await connection.channel(publisher_confirms=True, on_return_raises=True)


async def _close(connection: AbstractConnection) -> None:
    """Politely, but not for long: the other side may be frozen."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await connection.close()
    except (TimeoutError, OSError, aio_pika.exceptions.AMQPError, RuntimeError) as error:
        log.debug("the connection ended without a goodbye: %s", error)


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
