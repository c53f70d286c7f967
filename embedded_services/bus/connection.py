"""A connection to the broker that is made again whenever it breaks, and follows the broker to another address.

Whatever stands behind the URL is taken as it is: RabbitMQ or the embedded broker. What must exist is declared anew on
each connection, because a broker may have lost it. A broker that is frozen is found out by heartbeats, and by confirms
that do not come.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.connection import make_url
from aiormq.exceptions import InvalidFrameError

from embedded_services.common.backoff import Backoff
from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks

HEARTBEAT_S: Final = 5
CONNECT_S: Final = 5.0
CLOSE_S: Final = 0.5
LOOK_S: Final = 0.01
NO_FRAME: Final = 1 << 28
"""Bytes: whoever seems to announce a frame as large said something else."""
BACKOFF: Final = Backoff(0.1, 2.0)

Setup = Callable[[AbstractConnection], Awaitable[None]]
"""Declares and consumes on a new connection. What it raises ends the connection, and it is tried again."""

log = logging.getLogger(__name__)


class DisconnectedError(Exception):
    """The broker did not do what it was asked to, for whatever reason; the text is for people."""


@contextmanager
def talking() -> Iterator[None]:
    """Around calls to the broker only: however they fail, it is a DisconnectedError.

    The library has many ways: its own errors, RuntimeError for a closed channel, bare Exception, and the cancellation of
    futures that we wait for, which must not be taken for our own.
    """
    try:
        yield
    except asyncio.CancelledError:
        if _is_cancelled():
            raise
        raise DisconnectedError("the connection broke") from None
    except Exception as error:
        if _is_cancelled():
            raise asyncio.CancelledError from error  # the library answered our own cancellation with an error
        if isinstance(error, DisconnectedError):
            raise
        if isinstance(error, TimeoutError):
            raise DisconnectedError("no answer in time") from error
        raise DisconnectedError(_told(error)) from error


def _told(error: Exception) -> str:
    """What is wrong, where the library speaks of its own inside only."""
    text, cause = str(error) or type(error).__name__, error.__cause__
    if isinstance(error, InvalidFrameError) and "OpenOk" in text:
        return "there is no such virtual host as in the address, or the user may not use it"
    if isinstance(cause, asyncio.IncompleteReadError) and (cause.expected or 0) > NO_FRAME:
        return "what answers there is no AMQP broker"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate cannot be trusted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
        return "what answers there does not encrypt: the address must begin with amqp, not amqps"
    return text


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


class BusConnection:
    """`run` lives as long as the process. `connected` is set while there is a connection that is set up, and `problem`
    says why there is none; `changed` is called when either does."""

    def __init__(self, url: str | None, name: str, clock: Clock) -> None:
        """`url` is None as long as nobody knows where the broker is: `move` tells."""
        self._url = url
        self._moved = asyncio.Event()
        self._name = name
        self._clock = clock
        self._setups: list[Setup] = []
        self._lost = asyncio.Event()
        self._connection: AbstractConnection | None = None
        self.connected = asyncio.Event()
        self.problem = "not connected yet"
        self.changed: Callable[[], None] = _nobody

    def on_connected(self, setup: Setup) -> None:
        self._setups.append(setup)

    def move(self, url: str | None) -> None:
        """The broker is at `url` from now on, or nobody knows where: what else is connected to is left at once."""
        if url != self._url:
            self._url = url
            self.connected.clear()
            self._moved.set()

    def give_up(self, reason: str) -> None:
        """This connection is no good, whatever it says of itself: make another."""
        if not self._lost.is_set():
            self._note(reason)
            self._lost.set()

    async def is_blocked(self) -> bool:
        """Whether the broker said that it takes no messages, being short of memory or disk."""
        connection = self._connection
        if connection is None or connection.transport is None:
            return False
        try:
            async with asyncio.timeout(LOOK_S):
                await connection.transport.connection.ready()
        except TimeoutError:
            return True
        return False

    def note_blocked(self, blocked: bool) -> None:
        if self.connected.is_set():
            self._note("the broker takes no messages: it is short of memory or disk" if blocked else "")

    async def run(self) -> None:
        # What the library logs of each attempt is told by us, once.
        for name in ("aiormq", "aio_pika"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        while True:
            self._moved.clear()
            async with Tasks(f"{self._name} bus") as tasks:
                if self._url is not None:
                    tasks.spawn(self._keep(self._url), "connection")
                await self._moved.wait()
            self._note(self.problem or "it is no longer where it was")
            self.changed()

    async def _keep(self, url: str) -> None:
        failures = 0
        while True:
            self._lost.clear()
            try:
                with talking():
                    connection = await self._connect(url)
            except DisconnectedError as error:
                self._note(f"cannot connect: {error}")
                failures += 1
            else:
                failures = failures + 1 if not await self._use(connection) else 1
            await self._clock.sleep(BACKOFF.delay(failures, random.random()))  # noqa: S311 - it spreads

    async def _connect(self, url: str) -> AbstractConnection:
        connection = aio_pika.Connection(
            make_url(url, heartbeat=HEARTBEAT_S),
            client_properties={"connection_name": self._name},
        )
        try:
            async with asyncio.timeout(CONNECT_S):
                await connection.connect()
        except BaseException:
            await connection.close()  # or it would do so when it is collected
            raise
        return connection

    async def _use(self, connection: AbstractConnection) -> bool:
        """Returns when the connection is lost: whether it ever was of use."""
        try:
            connection.close_callbacks.add(lambda *_: self._lost.set())
            try:
                with talking():
                    async with asyncio.timeout(CONNECT_S):
                        for setup in self._setups:
                            await setup(connection)
            except DisconnectedError as error:
                self._note(f"cannot set up: {error}")
                return False
            if self._moved.is_set():
                return False
            self._connection = connection
            self.connected.set()
            log.info("connected to the broker")
            self.problem = ""
            self.changed()
            await self._lost.wait()
            self.connected.clear()
            self._note(self.problem or "the connection broke")
            self.changed()
            return True
        finally:
            self._lost.set()  # what closes from here on does so because we close it
            self.connected.clear()
            self._connection = None
            await _close(connection)

    def _note(self, problem: str) -> None:
        if problem == self.problem:
            return
        if problem:
            log.warning("the broker: %s", problem)
        self.problem = problem
        self.changed()


async def confirming_channel(connection: AbstractConnection, bus: BusConnection) -> AbstractChannel:
    """A channel whose publishes wait for the broker's word, and fail when it does not want the message. Without it the
    connection is of no use, so if it closes, or a consumer on it is cancelled, another is made."""
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    channel.close_callbacks.add(lambda _, error: bus.give_up(f"a channel closed: {error}"))
    underlay = await channel.get_underlay_channel()
    underlay.on_consumer_cancel_callbacks.add(lambda _: bus.give_up("the broker cancelled a consumer"))
    return channel


async def _close(connection: AbstractConnection) -> None:
    """Politely, but not for long: the other side may be frozen."""
    try:
        with talking():
            async with asyncio.timeout(CLOSE_S):
                await connection.close()
    except DisconnectedError as error:
        log.debug("the connection ended without a goodbye: %s", error)


def _nobody() -> None: ...
