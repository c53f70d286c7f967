"""One client's connection: bytes to frames, frames to channels, and what the turn brought back to bytes.

Nothing is written before the turn's commit: what a client hears is true. A client that breaks the protocol is told so and
closed; one that does not read is not sent more than its socket takes, and not heard while its answers pile up; one that
publishes while the broker is short of memory or disk is not heard either.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final, Protocol, cast

from pamqp import base, commands

from embedded_services.broker import frames, handshake
from embedded_services.broker.channel import Channel
from embedded_services.broker.channels import Channels, ids_of
from embedded_services.broker.frames import BrokenStream, FrameReader, Heartbeat
from embedded_services.broker.handshake import PROTOCOL, Login, LoginRefusal, Opening
from embedded_services.broker.outflow import Outflow
from embedded_services.broker.refusals import ConnectionRefusal, Refusal
from embedded_services.broker.store_file import StoreError
from embedded_services.broker.vhost import VirtualHost

HANDSHAKE_S: Final = 10.0
CLOSE_S: Final = 5.0
"""How long a client may take to say that it knows of the end."""
HIGH_WATER: Final = 1024 * 1024
"""Bytes that wait for a client before deliveries to it pause."""
MOST_OUTPUT: Final = 16 * HIGH_WATER
"""Bytes that wait for a client before it is not heard any more: it asks, and does not read the answers."""

ConnectionMethods = commands.Connection

log = logging.getLogger(__name__)


class Host(Protocol):
    """The broker, as its connections see it."""

    vhost: VirtualHost
    login: Login

    @property
    def alarm(self) -> str:
        """Why publishers are held back; empty when they are not."""
        ...

    def turn(self) -> None:
        """Something came: pump, commit and flush when this turn of the loop is over."""
        ...

    def has_output(self, connection: "Connection") -> None: ...

    def left(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        self._host = host
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._reader = FrameReader(frames.MIN_FRAME)
        self._greeting = b""
        self._greeted = False
        self._opening = Opening(host.login)
        self._channels = Channels(self, host.vhost)
        self.outflow = Outflow()
        self._paused_deliveries = False
        self._writable = True
        self._stuffed = False
        self._held: tuple[int, frames.Frame] | None = None
        self._told_blocked = False
        self._ending = False
        self._deaf = False
        self._closes = False
        self._heard = self._sent = loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self.peer = ""

    # --- Owner: what channels need of us ---

    @property
    def user(self) -> str:
        return self._opening.user

    @property
    def channel_max(self) -> int:
        return self._opening.terms.channel_max

    @property
    def can_take(self) -> bool:
        """Bounded for a turn too: a client without a prefetch limit must not have a whole queue read into memory."""
        if not self._writable or self.outflow.size > HIGH_WATER:
            self._paused_deliveries = True
            return False
        return not self._ending

    @property
    def wants_cancel_notices(self) -> bool:
        return bool(self._opening.capabilities.get("consumer_cancel_notify"))

    def send(self, channel: int, method: base.Frame | bytes) -> None:
        self._say(frames.method(channel, method))

    def send_content(self, channel: int, method: bytes, payload: bytes, body: bytes) -> None:
        room = self._opening.terms.frame_max
        self._say(frames.method(channel, method) + frames.content(channel, payload, body, room))

    def will_confirm(self, channel: Channel) -> None:
        self.outflow.will_confirm(channel)
        self._host.has_output(self)

    def confirm_early(self, channel: Channel) -> None:
        self.outflow.confirm_early(channel)
        self._host.has_output(self)

    def _say(self, data: bytes) -> None:
        if self.outflow.is_empty:
            self._host.has_output(self)
        self.outflow.add(data)

    # --- the end of a turn ---

    def confirm(self) -> None:
        """What was there at the outflow's mark is on disk: say so."""
        self.outflow.confirm()
        self.flush()

    def flush(self) -> bool:
        """The turn is committed: hand what may be said to the network. Whether there was anything."""
        data = self.outflow.take()
        transport = self._transport
        if data and transport is not None and not transport.is_closing():
            transport.write(data)
            self._sent = self._loop.time()
            self._stuffed = not self._writable and transport.get_write_buffer_size() > MOST_OUTPUT
        if self._closes and self.outflow.is_empty and transport is not None:
            transport.close()
        if self._writable:
            self._room_again()
        return bool(data)

    def _room_again(self) -> None:
        """The client reads: it may get, and be heard, again."""
        if self._paused_deliveries:
            self._paused_deliveries = False
            self._channels.more_room()
        self._stuffed = False
        if self._held is not None:
            self._loop.call_soon(self.release)

    # --- being held back ---

    def _must_wait(self, frame: frames.Frame) -> bool:
        if self._stuffed or self.outflow.size > MOST_OUTPUT:
            return True
        return bool(self._host.alarm) and isinstance(frame, commands.Basic.Publish | frames.ContentHead)

    def _hold(self, number: int, frame: frames.Frame) -> None:
        """This frame and all that follow wait until `release`.

        That publishers are blocked is told at once, not after a commit: it may be the commits that fail.
        """
        self._held = (number, frame)
        if self._transport is None:
            return
        self._transport.pause_reading()
        if self._host.alarm and not self._told_blocked and self._understands_blocking:
            self._told_blocked = True
            self._transport.write(frames.method(0, ConnectionMethods.Blocked(self._host.alarm)))

    def release(self) -> None:
        """Take up what was held back, if the reason is gone."""
        if self._held is None or self._transport is None:
            return
        if self._told_blocked and not self._host.alarm:
            self._told_blocked = False
            self._transport.write(frames.method(0, ConnectionMethods.Unblocked()))
        if not self._must_wait(self._held[1]):
            held, self._held = self._held, None
            self._transport.resume_reading()
            self._host.turn()
            self._hear(b"", held)

    @property
    def _understands_blocking(self) -> bool:
        return bool(self._opening.capabilities.get("connection.blocked"))

    # --- called by the event loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        peer = transport.get_extra_info("peername")
        self.peer = f"{peer[0]}:{peer[1]}" if peer else ""
        self._set_timer(HANDSHAKE_S, self._too_slow)

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        if self._deaf:
            return
        if self._held is not None:
            self._reader.keep(data)
            return
        self._host.turn()
        if not self._greeted:
            rest = self._greet(data)
            if rest is None:
                return
            data = rest
        self._hear(data)

    def _greet(self, data: bytes) -> bytes | None:
        self._greeting += data
        if len(self._greeting) < len(PROTOCOL) and PROTOCOL.startswith(self._greeting):
            return None
        if not self._greeting.startswith(PROTOCOL):
            self._deaf = True
            if self._transport is not None:
                self._transport.write(PROTOCOL)
                self._transport.close()
            return None
        rest, self._greeting, self._greeted = self._greeting[len(PROTOCOL) :], b"", True
        self.send(0, handshake.start())
        return rest

    def _hear(self, data: bytes, *held: tuple[int, frames.Frame]) -> None:
        """Take the frames that were held back, and those that are complete with `data`."""
        arrived: Iterable[tuple[int, frames.Frame]] = chain(held, self._reader.feed(data))
        while not self._deaf:
            try:
                self._take_all(arrived)
                return
            except Refusal as refusal:
                self._end(refusal)
                self._deaf = isinstance(refusal, BrokenStream)  # then nothing is kept of what follows
                arrived = self._reader.feed(b"")

    def _take_all(self, arrived: Iterable[tuple[int, frames.Frame]]) -> None:
        for channel, frame in arrived:
            if self._ending:
                if isinstance(frame, ConnectionMethods.CloseOk):
                    self.drop()
            elif self._must_wait(frame):
                self._hold(channel, frame)
                return
            elif not isinstance(frame, Heartbeat):
                self._take(channel, frame)

    def _take(self, number: int, frame: frames.Frame) -> None:
        if not self._opening.is_done:
            self._open(number, frame)
            return
        try:
            if number:
                self._channels.take(number, frame)
            else:
                self._own(frame)
        except ConnectionRefusal as refusal:
            self._end(refusal, frame)
        except StoreError as error:
            self._end(ConnectionRefusal(541, str(error)), frame)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        if error is not None:
            log.info("connection %s broke: %s", self.peer, error)
        self._leave()
        self._host.left(self)

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._room_again()

    # --- frames ---

    def _open(self, number: int, frame: frames.Frame) -> None:
        opening = self._opening
        try:
            answer = opening.take(number, frame)
        except LoginRefusal as refusal:
            if opening.capabilities.get("authentication_failure_close"):
                raise
            log.warning("%s: %s", self.peer, refusal)
            self._deaf = True
            if self._transport is not None:
                self._transport.close()
            return
        if answer is not None:
            self.send(0, answer)
        self._reader.max_frame = opening.terms.frame_max
        if opening.is_done:
            self._stop_timer()
            if opening.terms.heartbeat_s:
                self._set_timer(opening.terms.heartbeat_s / 2, self._beat)

    def _own(self, frame: frames.Frame) -> None:
        """What concerns the connection itself."""
        if isinstance(frame, ConnectionMethods.Close):
            self._leave()
            self.send(0, ConnectionMethods.CloseOk())
            self._closes = True
            self._set_timer(CLOSE_S, self.drop)
        else:
            raise ConnectionRefusal(504, "unexpected method in connection state running")

    # --- ends ---

    def _end(self, refusal: Refusal, frame: frames.Frame | None = None) -> None:
        """Tell the client why, once, and wait a moment for its answer."""
        if self._ending:
            return
        log.warning("%s: %s", self.peer, refusal)
        self._leave()
        self.send(0, ConnectionMethods.Close(refusal.code, refusal.text, *ids_of(frame)))
        self._set_timer(CLOSE_S, self.drop)

    def _leave(self) -> None:
        """What it held goes back, and what was its own goes with it."""
        self._ending = True
        self._channels.close_all()
        self.outflow.confirm_nothing_more()
        self._host.vhost.connection_left(self)

    def force_close(self, text: str) -> None:
        """The broker is stopping."""
        self._end(ConnectionRefusal(320, text))

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # --- time ---

    def _set_timer(self, seconds: float, call: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self._loop.call_later(seconds, call)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        log.warning("%s did not finish its handshake in %g s", self.peer, HANDSHAKE_S)
        self.drop()

    def _beat(self) -> None:
        """Twice in a heartbeat: hear whether the client lives, and show that we do."""
        now, interval = self._loop.time(), self._opening.terms.heartbeat_s
        if self._held is None and now - self._heard > 2 * interval:
            log.warning("%s: missed heartbeats, timeout: %d s", self.peer, interval)
            self.drop()
            return
        if now - self._sent >= interval / 2 and self._transport is not None:
            self._transport.write(frames.HEARTBEAT_FRAME)
            self._sent = now
        self._set_timer(interval / 2, self._beat)
