"""Follows `GET /v1/stream`: yields what changed, keeps a mirror of the state, and comes back after every loss.

Iterating drives it; there is no task of its own. Whatever ends a connection (the control plane gone, frozen or
talking nonsense, a gap that a resync did not close) is told as a lost connection with its reason, and followed by
another attempt, for ever, with growing pauses. The mirror keeps what was last known meanwhile.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeAlias

import aiohttp
import msgspec

from embedded_services.client.mirror import Mirror, Resync, apply
from embedded_services.common.backoff import Backoff
from embedded_services.common.clock import Clock, SystemClock
from embedded_services.contracts.stream import (
    Delta,
    Events,
    Frame,
    Snapshot,
    StreamError,
    Subscribe,
    decode_frame,
)
from embedded_services.contracts.wire import Timestamp

MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
BACKOFF: Final = Backoff(first_s=0.1, longest_s=2.0)

News: TypeAlias = Snapshot | Delta | Events


@dataclass(frozen=True)
class Connection:
    """Whether frames are coming, since when that is so, and if not, why."""

    connected: bool
    since: Timestamp
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """Seconds. A server that says nothing for `silence_s`, pings included, is taken for lost; a snapshot that was
    asked for must come within `answer_s`, and so must the connection.
    """

    silence_s: float = 3.0
    answer_s: float = 3.0
    backoff: Backoff = BACKOFF
    max_frame_bytes: int = MAX_FRAME_BYTES


DEFAULTS: Final = StreamOptions()


class StreamClient:
    """`async with StreamClient(url, token, topics) as stream: async for news in stream: …`

    News is handed out after `state` has taken it in. Deltas that do not follow on `state` are kept back: a snapshot
    comes instead. After a reconnection events may come again; their sequence numbers tell. Use from one task.
    """

    def __init__(
        self,
        control_url: str,
        token: str,
        topics: Sequence[str],
        *,
        on_connection: Callable[[Connection], None] = lambda _: None,
        options: StreamOptions = DEFAULTS,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._url = f"{control_url}/v1/stream"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._topics = list(topics)
        self._on_connection = on_connection
        self._options = options
        self._clock = clock or SystemClock()
        self._chance = chance
        self._failures = 0
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._snapshot_due: float | None = None
        self.state = Mirror()
        self.connection = Connection(False, self._clock.now(), "not connected yet")

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(trust_env=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._hang_up()
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> News:
        while self._http is not None:
            try:
                socket = self._socket or await self._connect(self._http)
                news = await self._take_in(await self._receive(socket), socket)
            except _LostError as lost:
                await self._lose(str(lost))
            else:
                if news is not None:
                    return news
        raise StopAsyncIteration

    async def _connect(self, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        if self._failures:
            await self._clock.sleep(self._options.backoff.delay(self._failures, self._chance()))
        try:
            async with asyncio.timeout(self._options.answer_s):
                socket = await http.ws_connect(
                    self._url,
                    headers=self._headers,
                    heartbeat=self._options.silence_s / 1.5,  # aiohttp waits half of it again for the answer
                    timeout=aiohttp.ClientWSTimeout(ws_close=0.2),
                    max_msg_size=self._options.max_frame_bytes,
                    compress=0,
                )
        except aiohttp.WSServerHandshakeError as error:
            raise _LostError(f"the control plane refused the stream with status {error.status}") from error
        except TimeoutError as error:
            raise _LostError("the control plane does not answer") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _LostError(f"the control plane cannot be reached: {error}") from error
        self._socket = socket
        await self._subscribe(socket)
        return socket

    async def _subscribe(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._snapshot_due = asyncio.get_running_loop().time() + self._options.answer_s
        try:
            await socket.send_str(msgspec.json.encode(Subscribe(subscribe=self._topics)).decode())
        except (aiohttp.ClientError, OSError) as error:
            raise _LostError(f"the stream broke: {error}") from error

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> Frame:
        try:
            async with asyncio.timeout_at(self._snapshot_due):
                message = await socket.receive()
        except TimeoutError as error:
            raise _LostError("the control plane sent no snapshot") from error
        if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            raise _LostError(_why_closed(socket, message))
        try:
            frame: Frame = decode_frame(message.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _LostError(f"the control plane sent what cannot be read: {error}") from error
        return frame

    async def _take_in(self, frame: Frame, socket: aiohttp.ClientWebSocketResponse) -> News | None:
        """What of it to hand out. Raises _LostError when the control plane will not have us."""
        if isinstance(frame, StreamError):
            raise _LostError(f"the control plane refused the subscription: {frame.message} ({frame.code})")
        known = apply(self.state, frame)
        if isinstance(known, Resync):
            self.state = Mirror(None, self.state.topics)
            await self._subscribe(socket)
            return None
        passed_over = isinstance(frame, Delta) and known is self.state
        self.state = known
        if isinstance(frame, Snapshot):
            self._snapshot_due = None
            self._failures = 0
            self._tell(Connection(True, self._since(True)))
        return None if passed_over else frame

    async def _lose(self, reason: str) -> None:
        self._failures += 1
        self.state = Mirror(None, self.state.topics)
        self._tell(Connection(False, self._since(False), reason))
        await self._hang_up()

    def _since(self, connected: bool) -> Timestamp:
        return self.connection.since if self.connection.connected == connected else self._clock.now()

    def _tell(self, connection: Connection) -> None:
        if connection != self.connection:
            self.connection = connection
            self._on_connection(connection)

    async def _hang_up(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()


class _LostError(Exception):
    """The connection is of no more use; the message says why."""


def _why_closed(socket: aiohttp.ClientWebSocketResponse, message: aiohttp.WSMessage) -> str:
    if isinstance(message.data, Exception):
        if isinstance(message.data, aiohttp.ServerTimeoutError):
            return "the control plane fell silent"
        return f"the stream broke: {message.data}"
    return f"the control plane closed the stream (code {socket.close_code})"
