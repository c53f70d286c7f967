"""One client's connection: bytes to frames, frames to channels, and what the turn brought back to bytes.

Nothing is written before the turn's commit: what a client hears is true. A client that breaks the protocol is told so and
closed; one that does not read is not sent more than its socket takes; one that publishes while the broker is short of
memory or disk is not read from.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol, cast

from pamqp import base, commands

from embedded_services.broker import frames, handshake
from embedded_services.broker.channel import Channel
from embedded_services.broker.frames import FrameReader, Heartbeat
from embedded_services.broker.handshake import PROTOCOL, Login
from embedded_services.broker.refusals import ConnectionRefusal, Refusal
from embedded_services.broker.vhost import VirtualHost

HANDSHAKE_S: Final = 10.0
CLOSE_S: Final = 5.0
"""How long a client may take to say that it knows of the end."""
HIGH_WATER: Final = 1024 * 1024
"""Bytes that wait in a client's socket before deliveries to it pause."""

ConnectionMethods, ChannelMethods = commands.Connection, commands.Channel

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
    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop, since: float) -> None:
        self._host = host
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._reader = FrameReader(frames.MIN_FRAME)
        self._greeting = b""
        self._stage: Callable[[int, frames.Frame], None] = self._await_start_ok
        self._greeted = False
        self._terms = handshake.OFFER
        self._channels: dict[int, Channel] = {}
        self._output: list[bytes] = []
        self._output_bytes = 0
        self._full = False
        self._confirming: dict[Channel, None] = {}
        self._has_confirmed = False
        """Confirms are among the output: all of it waits for the disk then."""
        self._marked: dict[Channel, None] = {}
        self._holds_output = False
        self._writable = True
        self._ending = False
        self._heard = self._sent = loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._capabilities: dict[str, object] = {}
        self._blocked = False
        self._held: tuple[int, frames.Frame] | None = None
        self.user = ""
        self.name = ""
        self.peer = ""
        self.since = since

    # --- Peer: what channels need of us ---

    @property
    def can_take(self) -> bool:
        """Bounded for a turn too: a client without a prefetch limit must not have a whole queue read into memory."""
        if self._output_bytes > HIGH_WATER:
            self._full = True
            return False
        return self._writable and not self._ending

    @property
    def wants_cancel_notices(self) -> bool:
        return bool(self._capabilities.get("consumer_cancel_notify"))

    @property
    def channels(self) -> int:
        return len(self._channels)

    def send(self, channel: int, method: base.Frame | bytes) -> None:
        self._out(frames.method(channel, method))

    def send_content(self, channel: int, method: bytes, payload: bytes, body: bytes) -> None:
        self._out(
            frames.method(channel, method) + frames.content(channel, payload, body, self._terms.frame_max)
        )

    def will_confirm(self, channel: Channel) -> None:
        self._confirming[channel] = None
        self._host.has_output(self)

    def _out(self, data: bytes) -> None:
        if not self._output:
            self._host.has_output(self)
        self._output.append(data)
        self._output_bytes += len(data)

    # --- the end of a turn ---

    @property
    def waits_for_disk(self) -> bool:
        """Something is to be confirmed."""
        return bool(self._confirming) or self._has_confirmed

    def mark(self) -> None:
        """What came up to now is committed, and the disk is asked to keep it."""
        for channel in self._confirming:
            channel.mark()
        self._marked.update(self._confirming)
        self._confirming.clear()
        self._holds_output |= self._has_confirmed
        self._has_confirmed = False

    def confirm(self) -> None:
        """What was there at the mark is on disk: say so."""
        for channel in self._marked:
            if not channel.closing:
                channel.confirm()
        self._marked.clear()
        self._holds_output = False
        self.flush()

    def flush(self) -> bool:
        """The turn is committed: hand what it brought to the network, but for confirms that wait for the disk. Whether there
        was anything."""
        if self._has_confirmed or self._holds_output:
            return False
        output, self._output = self._output, []
        if output and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(output))
            self._sent = self._loop.time()
        self._output_bytes = 0
        if self._full and self._writable:
            self._more_room()
        return bool(output)

    def _more_room(self) -> None:
        self._full = False
        for channel in self._channels.values():
            channel.more_room()

    # --- being held back ---

    def _hold(self, number: int, frame: frames.Frame) -> None:
        """It publishes while it should not: this frame and all that follow wait until `release`.

        That is told at once, not after a commit: it may be the commits that fail.
        """
        self._blocked, self._held = True, (number, frame)
        if self._transport is not None:
            self._transport.pause_reading()
            if self._capabilities.get("connection.blocked"):
                self._transport.write(frames.method(0, ConnectionMethods.Blocked(self._host.alarm)))

    def release(self) -> None:
        """The alarm is over: take up what was held back."""
        if self._held is None or self._transport is None:
            return
        self._blocked, held, self._held = False, self._held, None
        self._transport.resume_reading()
        if self._capabilities.get("connection.blocked"):
            self._transport.write(frames.method(0, ConnectionMethods.Unblocked()))
        self._take(*held)
        self.data_received(b"")

    # --- called by the event loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        peer = transport.get_extra_info("peername")
        self.peer = f"{peer[0]}:{peer[1]}" if peer else ""
        self._set_timer(HANDSHAKE_S, self._too_slow)

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        if self._blocked:
            self._reader.keep(data)
            return
        self._host.turn()
        if not self._greeted:
            rest = self._greet(data)
            if rest is None:
                return
            data = rest
        try:
            for channel, frame in self._reader.feed(data):
                if self._ending and not isinstance(frame, ConnectionMethods.CloseOk):
                    continue
                if self._host.alarm and isinstance(frame, commands.Basic.Publish):
                    self._hold(channel, frame)
                    break
                if not isinstance(frame, Heartbeat):
                    self._take(channel, frame)
        except Refusal as refusal:
            self._end(refusal)

    def _greet(self, data: bytes) -> bytes | None:
        self._greeting += data
        if len(self._greeting) < len(PROTOCOL) and PROTOCOL.startswith(self._greeting):
            return None
        if not self._greeting.startswith(PROTOCOL):
            if self._transport is not None:
                self._transport.write(PROTOCOL)
                self._transport.close()
            return None
        rest, self._greeting, self._greeted = self._greeting[len(PROTOCOL) :], b"", True
        self.send(0, handshake.start())
        return rest

    def _take(self, number: int, frame: frames.Frame) -> None:
        if self._stage != self._running:
            self._stage(number, frame)
            return
        try:
            self._running(number, frame)
        except Refusal as refusal:
            if refusal.closes_connection:
                self._end(refusal, frame)
            else:
                self._close_channel(number, refusal, frame)

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
        self._more_room()

    # --- stages ---

    def _await_start_ok(self, number: int, frame: frames.Frame) -> None:
        if number or not isinstance(frame, ConnectionMethods.StartOk):
            raise _unexpected("connection.start-ok", frame)
        self._capabilities = dict(handshake.capabilities(frame))
        self.name = str((frame.client_properties or {}).get("connection_name", ""))
        try:
            self.user = handshake.admit(frame, self._host.login)
        except ConnectionRefusal as refusal:
            log.warning("%s: %s", self.peer, refusal)
            if not self._capabilities.get("authentication_failure_close") and self._transport is not None:
                self._transport.close()
                return
            raise
        offer = handshake.OFFER
        self.send(0, ConnectionMethods.Tune(offer.channel_max, offer.frame_max, offer.heartbeat_s))
        self._stage = self._await_tune_ok

    def _await_tune_ok(self, number: int, frame: frames.Frame) -> None:
        if number or not isinstance(frame, ConnectionMethods.TuneOk):
            raise _unexpected("connection.tune-ok", frame)
        self._terms = handshake.agree(frame)
        self._reader.max_frame = self._terms.frame_max
        self._stage = self._await_open

    def _await_open(self, number: int, frame: frames.Frame) -> None:
        if number or not isinstance(frame, ConnectionMethods.Open):
            raise _unexpected("connection.open", frame)
        if frame.virtual_host != handshake.VHOST:
            raise ConnectionRefusal(530, f"vhost {frame.virtual_host} not found")
        self.send(0, ConnectionMethods.OpenOk())
        self._stage = self._running
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._terms.heartbeat_s:
            self._set_timer(self._terms.heartbeat_s / 2, self._beat)

    def _running(self, number: int, frame: frames.Frame) -> None:
        if not number:
            self._own(frame)
            return
        channel = self._channels.get(number)
        if channel is None:
            self._open_channel(number, frame)
        elif channel.closing:
            if isinstance(frame, ChannelMethods.CloseOk):
                del self._channels[number]
            elif isinstance(frame, ChannelMethods.Close):
                self.send(number, ChannelMethods.CloseOk())
                del self._channels[number]
        elif isinstance(frame, ChannelMethods.Close):
            channel.close()
            del self._channels[number]
            self._confirm_early(channel)
            self.send(number, ChannelMethods.CloseOk())
        elif isinstance(frame, ChannelMethods.Open):
            raise ConnectionRefusal(504, "second 'channel.open' seen")
        else:
            channel.take(frame)

    def _open_channel(self, number: int, frame: frames.Frame) -> None:
        if isinstance(frame, ChannelMethods.CloseOk):
            return
        if not isinstance(frame, ChannelMethods.Open):
            raise ConnectionRefusal(504, "expected 'channel.open'")
        if number > self._terms.channel_max:
            raise ConnectionRefusal(
                530,
                f"number of channels opened ({len(self._channels)}) has reached the negotiated channel_max ({self._terms.channel_max})",
            )
        self._channels[number] = Channel(number, self, self._host.vhost)
        self.send(number, ChannelMethods.OpenOk())

    def _own(self, frame: frames.Frame) -> None:
        """What concerns the connection itself."""
        if isinstance(frame, ConnectionMethods.Close):
            self._leave()
            self.send(0, ConnectionMethods.CloseOk())
            self._set_timer(CLOSE_S, self.drop)
            self._loop.call_soon(self._close_when_flushed)
        elif isinstance(frame, ConnectionMethods.CloseOk):
            self.drop()
        else:
            raise ConnectionRefusal(504, "unexpected method in connection state running")

    # --- ends ---

    def _close_channel(self, number: int, refusal: Refusal, frame: frames.Frame) -> None:
        log.info("%s: channel %d: %s", self.peer, number, refusal)
        channel = self._channels[number]
        self._confirm_early(channel)
        channel.closing = True
        channel.close()
        self.send(number, ChannelMethods.Close(refusal.code, refusal.text, *_ids(frame)))

    def _end(self, refusal: Refusal, frame: frames.Frame | None = None) -> None:
        """Tell the client why, and wait a moment for its answer."""
        log.warning("%s: %s", self.peer, refusal)
        self._leave()
        self.send(0, ConnectionMethods.Close(refusal.code, refusal.text, *_ids(frame)))
        self._set_timer(CLOSE_S, self.drop)

    def _confirm_early(self, channel: Channel) -> None:
        """The channel ends within the turn: what was published before is confirmed first."""
        if channel in self._confirming or channel in self._marked:
            self._confirming.pop(channel, None)
            self._marked.pop(channel, None)
            channel.confirm_all()
            self._has_confirmed = True

    def _leave(self) -> None:
        """What it held goes back, and what was its own goes with it."""
        self._ending = True
        for channel in list(self._channels.values()):
            channel.close()
        self._channels.clear()
        self._confirming.clear()
        self._marked.clear()
        self._host.vhost.connection_left(self)

    def force_close(self, text: str) -> None:
        """The broker is stopping."""
        if not self._ending:
            self._end(ConnectionRefusal(320, text))

    def _close_when_flushed(self) -> None:
        if self._output:
            self._loop.call_soon(self._close_when_flushed)
        elif self._transport is not None:
            self._transport.close()

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # --- time ---

    def _set_timer(self, seconds: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, call)

    def _too_slow(self) -> None:
        log.warning("%s did not finish its handshake in %g s", self.peer, HANDSHAKE_S)
        self.drop()

    def _beat(self) -> None:
        """Twice in a heartbeat: hear whether the client lives, and show that we do."""
        now, interval = self._loop.time(), self._terms.heartbeat_s
        if not self._blocked and now - self._heard > 2 * interval:
            log.warning("%s: missed heartbeats, timeout: %d s", self.peer, interval)
            self.drop()
            return
        if now - self._sent >= interval / 2 and self._transport is not None:
            self._transport.write(frames.HEARTBEAT_FRAME)
            self._sent = now
        self._set_timer(interval / 2, self._beat)


def _unexpected(wanted: str, frame: frames.Frame) -> ConnectionRefusal:
    name = frame.name if isinstance(frame, base.Frame) else "content"
    return ConnectionRefusal(503, f"expected {wanted}, got {name}")


def _ids(frame: frames.Frame | None) -> tuple[int, int]:
    """The class and the method that a refusal is about."""
    if not isinstance(frame, base.Frame):
        return (0, 0) if frame is None else (frames.BASIC_CLASS, 40)
    return frame.index >> 16, frame.index & 0xFFFF
