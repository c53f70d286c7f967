"""A plain AMQP client for the tests of brokers: it blocks, hides nothing, and can send what no library would.

What comes besides the answer to a call (deliveries, returns, confirms, cancellations) is kept in order, to be taken.
"""

import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, TypeVar, cast

from pamqp import base, commands, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader, ProtocolHeader
from pamqp.heartbeat import Heartbeat

Basic = commands.Basic
Properties = commands.Basic.Properties
PERSISTENT: Final = Properties(delivery_mode=2)
WAIT_S: Final = 10.0
QUIET_S: Final = 0.12
"""How long nothing must come before it counts as nothing."""

M = TypeVar("M", bound=base.Frame)


class ClosedError(Exception):
    """The broker closed the channel or, with `connection`, the whole connection."""

    def __init__(self, code: int, text: str, *, connection: bool = False) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text
        self.connection = connection


class GoneError(Exception):
    """The broker closed the socket."""


@dataclass(frozen=True)
class Message:
    """What came with its content: by `basic.deliver`, `basic.get-ok` or `basic.return`."""

    method: Any
    properties: commands.Basic.Properties
    body: bytes

    @property
    def tag(self) -> int:
        return int(self.method.delivery_tag)

    @property
    def redelivered(self) -> bool:
        return bool(self.method.redelivered)

    @property
    def headers(self) -> dict[str, Any]:
        return dict(self.properties.headers or {})


class Wire:
    """A connection. `login=False` stops behind the socket's connect."""

    def __init__(
        self,
        port: int,
        *,
        login: bool = True,
        user: str = "guest",
        password: str = "guest",  # noqa: S107 - every RabbitMQ has it
        vhost: str = "/",
        tune: commands.Connection.TuneOk | None = None,
        capabilities: dict[str, bool] | None = None,
    ) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self._pending: deque[tuple[int, Any]] = deque()
        self.frame_max = 131_072
        self.blocked: str | None = None
        self.heartbeats = 0
        self.frame_sizes: list[int] = []
        """Of the body frames that came."""
        try:
            if login:
                self._login(user, password, vhost, tune, capabilities)
        except BaseException:
            self.socket.close()
            raise

    def _login(
        self,
        user: str,
        password: str,
        vhost: str,
        tune: commands.Connection.TuneOk | None,
        capabilities: dict[str, bool] | None,
    ) -> None:
        self.greet()
        if capabilities is None:
            capabilities = {
                "consumer_cancel_notify": True,
                "connection.blocked": True,
                "authentication_failure_close": True,
            }
        self.send(
            0,
            commands.Connection.StartOk(
                {"capabilities": dict(capabilities)}, "PLAIN", f"\0{user}\0{password}"
            ),
        )
        offer = self.expect(commands.Connection.Tune)
        wish = tune or commands.Connection.TuneOk(offer.channel_max, offer.frame_max, 0)
        self.frame_max = wish.frame_max or offer.frame_max
        self.send(0, wish)
        self.send(0, commands.Connection.Open(vhost))
        self.expect(commands.Connection.OpenOk)

    def greet(self) -> commands.Connection.Start:
        self.socket.sendall(ProtocolHeader(0, 9, 1).marshal())
        return self.expect(commands.Connection.Start)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    # --- frames ---

    def send(self, channel: int, *frames: Any) -> None:
        self.socket.sendall(b"".join(frame.marshal(one, channel) for one in frames))

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, within_s: float = WAIT_S) -> tuple[int, Any]:
        """The next frame that came. Raises TimeoutError, GoneError, ClosedError."""
        deadline = time.monotonic() + within_s
        while True:
            if self._pending:
                return self._pending.popleft()
            channel, one = self._read_frame(deadline)
            if isinstance(one, Heartbeat):
                self.heartbeats += 1
            elif isinstance(one, commands.Connection.Blocked):
                self.blocked = one.reason
            elif isinstance(one, commands.Connection.Unblocked):
                self.blocked = None
            elif isinstance(one, commands.Connection.Close):
                self.send(0, commands.Connection.CloseOk())
                raise ClosedError(one.reply_code or 0, one.reply_text, connection=True)
            else:
                return channel, one

    def _read_frame(self, deadline: float) -> tuple[int, Any]:
        while True:
            size = 8 + int.from_bytes(self._received[3:7], "big")
            if len(self._received) >= size:
                _, channel, one = frame.unmarshal(self._received[:size])
                self._received = self._received[size:]
                if isinstance(one, ContentBody):
                    self.frame_sizes.append(size)
                return channel, one
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                data = self.socket.recv(1 << 20)
            except ConnectionError as error:
                raise GoneError from error
            if not data:
                raise GoneError
            self._received += data

    def expect(self, kind: type[M], within_s: float = WAIT_S) -> M:
        """The next frame, which must be this method on channel 0."""
        channel, one = self.read(within_s)
        assert channel == 0, one
        assert isinstance(one, kind), one
        return one

    def quiet(self, within_s: float = QUIET_S) -> None:
        """Nothing comes, apart from heartbeats and the news of being blocked."""
        try:
            came = self.read(within_s)
        except TimeoutError:
            return
        raise AssertionError(f"something came: {came}")

    def refused(self) -> ClosedError:
        """Wait until the broker closes the connection, and say how."""
        try:
            while True:
                self.read()
        except ClosedError as closed:
            return closed

    def gone(self, within_s: float = WAIT_S) -> None:
        """Wait until the broker ends the socket, and let nothing else come."""
        try:
            came = self.read(within_s)
        except GoneError:
            return
        raise AssertionError(f"something came: {came}")

    def until(self, holds: Callable[[], bool], within_s: float = WAIT_S) -> None:
        """Take in the news of being blocked until `holds`."""
        deadline = time.monotonic() + within_s
        while not holds():
            try:
                self._pending.append(self.read(min(0.05, deadline - time.monotonic())))
            except TimeoutError:
                assert time.monotonic() < deadline, "it did not come true"

    def channel(self, number: int = 1) -> "WireChannel":
        self.send(number, commands.Channel.Open())
        channel = WireChannel(self, number)
        channel.expect(commands.Channel.OpenOk)
        return channel

    def close(self) -> None:
        self.send(0, commands.Connection.Close(200, "bye", 0, 0))
        while True:
            if isinstance(self.read()[1], commands.Connection.CloseOk):
                return


class WireChannel:
    def __init__(self, wire: Wire, number: int) -> None:
        self.wire = wire
        self.number = number
        self.deliveries: deque[Message] = deque()
        self.returns: deque[Message] = deque()
        self.confirms: deque[Any] = deque()
        self.cancels: deque[str] = deque()
        self._confirmed: dict[int, bool] = {}
        self._told = 0

    def send(self, *frames: Any) -> None:
        self.wire.send(self.number, *frames)

    def call(self, method: base.Frame, kind: type[M]) -> M:
        self.send(method)
        return self.expect(kind)

    def expect(self, kind: type[M], within_s: float = WAIT_S) -> M:
        while True:
            one = self._next(within_s)
            if isinstance(one, kind):
                return one
            self._keep(one)

    def _next(self, within_s: float) -> Any:
        """The next of this channel. Raises ClosedError when the broker closed it."""
        channel, one = self.wire.read(within_s)
        assert channel == self.number, f"channel {channel} instead of {self.number}: {one}"
        if isinstance(one, commands.Channel.Close):
            self.send(commands.Channel.CloseOk())
            raise ClosedError(one.reply_code or 0, one.reply_text)
        return one

    def _keep(self, one: Any) -> None:
        if isinstance(one, Basic.Deliver):
            self.deliveries.append(self._content(one))
        elif isinstance(one, Basic.Return):
            self.returns.append(self._content(one))
        elif isinstance(one, Basic.Ack | Basic.Nack):
            self.confirms.append(one)
        elif isinstance(one, Basic.Cancel):
            self.cancels.append(one.consumer_tag or "")
        else:
            raise AssertionError(f"unexpected {one}")

    def _content(self, method: Any) -> Message:
        head = self._next(WAIT_S)
        assert isinstance(head, ContentHeader), head
        body = b""
        while len(body) < head.body_size:
            piece = self._next(WAIT_S)
            assert isinstance(piece, ContentBody), piece
            body += piece.value
        return Message(method, head.properties, body)

    # --- what tests do ---

    def declare(self, name: str = "", **options: Any) -> str:
        arguments = options.pop("arguments", None)
        declare = commands.Queue.Declare(queue=name, arguments=arguments, **options)
        return str(self.call(declare, commands.Queue.DeclareOk).queue)

    def counts(self, name: str) -> tuple[int, int]:
        """Messages that are ready, and consumers."""
        told = self.call(commands.Queue.Declare(queue=name, passive=True), commands.Queue.DeclareOk)
        return told.message_count or 0, told.consumer_count or 0

    def exchange(self, name: str, kind: str = "direct", **options: Any) -> str:
        self.call(
            commands.Exchange.Declare(exchange=name, exchange_type=kind, **options),
            commands.Exchange.DeclareOk,
        )
        return name

    def bind(self, queue: str, exchange: str, key: str = "", arguments: dict[str, Any] | None = None) -> None:
        self.call(
            commands.Queue.Bind(queue=queue, exchange=exchange, routing_key=key, arguments=arguments),
            commands.Queue.BindOk,
        )

    def bind_exchange(
        self, destination: str, source: str, key: str = "", arguments: dict[str, Any] | None = None
    ) -> None:
        self.call(
            commands.Exchange.Bind(
                destination=destination, source=source, routing_key=key, arguments=arguments
            ),
            commands.Exchange.BindOk,
        )

    def publish(
        self,
        key: str,
        body: bytes = b"",
        exchange: str = "",
        properties: commands.Basic.Properties | None = None,
        *,
        mandatory: bool = False,
    ) -> None:
        properties = properties or Properties()
        room = self.wire.frame_max - 8
        pieces = [ContentBody(body[at : at + room]) for at in range(0, len(body), room)]
        self.send(
            Basic.Publish(exchange=exchange, routing_key=key, mandatory=mandatory),
            ContentHeader(0, len(body), properties),
            *pieces,
        )

    def confirm_select(self) -> None:
        self.call(commands.Confirm.Select(), commands.Confirm.SelectOk)

    def confirmed(self, count: int) -> list[tuple[int, bool]]:
        """The next `count` confirms by their tags, and whether each is an ack. In the order of publishing."""
        while len(self._confirmed) < count:
            while not self.confirms:
                self._keep(self._next(WAIT_S))
            one = self.confirms.popleft()
            open_tags = (
                [tag for tag in range(self._told + 1, one.delivery_tag + 1) if tag not in self._confirmed]
                if one.multiple
                else [one.delivery_tag]
            )
            self._confirmed.update(dict.fromkeys(open_tags, isinstance(one, Basic.Ack)))
        told = sorted(self._confirmed.items())[:count]
        for tag, _ in told:
            del self._confirmed[tag]
        self._told = told[-1][0]
        return told

    def put(self, key: str, *bodies: bytes, exchange: str = "", **properties: Any) -> list[bool]:
        """Publish and wait for the confirms (the channel must be in that mode): for each, whether it was an ack."""
        for body in bodies:
            self.publish(key, body, exchange, Properties(**properties))
        return [ok for _, ok in self.confirmed(len(bodies))]

    def consume(self, queue: str, **options: Any) -> str:
        return str(self.call(Basic.Consume(queue=queue, **options), Basic.ConsumeOk).consumer_tag)

    def qos(self, count: int, *, shared: bool = False) -> None:
        self.call(Basic.Qos(prefetch_count=count, global_=shared), Basic.QosOk)

    def next(self, within_s: float = WAIT_S) -> Message:
        """The next delivery."""
        while not self.deliveries:
            self._keep(self._next(within_s))
        return self.deliveries.popleft()

    def take(self, count: int) -> list[bytes]:
        """The bodies of the next deliveries."""
        return [self.next().body for _ in range(count)]

    def returned(self) -> Message:
        while not self.returns:
            self._keep(self._next(WAIT_S))
        return self.returns.popleft()

    def cancelled(self) -> str:
        while not self.cancels:
            self._keep(self._next(WAIT_S))
        return self.cancels.popleft()

    def nothing(self, within_s: float = QUIET_S) -> None:
        """No delivery is there, and none comes."""
        assert not self.deliveries, self.deliveries
        self.wire.quiet(within_s)

    def get(self, queue: str, *, no_ack: bool = True) -> Message | None:
        self.send(Basic.Get(queue=queue, no_ack=no_ack))
        while True:
            one = self._next(WAIT_S)
            if isinstance(one, Basic.GetEmpty):
                return None
            if isinstance(one, Basic.GetOk):
                return self._content(one)
            self._keep(one)

    def must_get(self, queue: str, *, no_ack: bool = True, within_s: float = WAIT_S) -> Message:
        """Ask until there is one."""
        for _ in range(int(within_s / 0.02)):
            if (message := self.get(queue, no_ack=no_ack)) is not None:
                return message
            self.pause(0.02)
        raise AssertionError(f"nothing came to {queue}")

    def pause(self, seconds: float) -> None:
        """Let time pass while taking in what comes."""
        deadline = time.monotonic() + seconds
        try:
            while (left := deadline - time.monotonic()) > 0:
                self._keep(self._next(left))
        except TimeoutError:
            return

    def drain(self, queue: str) -> list[bytes]:
        """The bodies of all that are ready."""
        bodies = []
        while (message := self.get(queue)) is not None:
            bodies.append(message.body)
        return bodies

    def ack(self, tag: int, *, multiple: bool = False) -> None:
        self.send(Basic.Ack(tag, multiple=multiple))

    def nack(self, tag: int, *, multiple: bool = False, requeue: bool = True) -> None:
        self.send(Basic.Nack(tag, multiple=multiple, requeue=requeue))

    def reject(self, tag: int, *, requeue: bool = True) -> None:
        self.send(Basic.Reject(tag, requeue=requeue))

    def refused(self) -> ClosedError:
        """Wait until the broker closes this channel (or all), and say how."""
        try:
            while True:
                self._keep(self._next(WAIT_S))
        except ClosedError as closed:
            return closed

    def close(self) -> None:
        self.call(commands.Channel.Close(200, "bye", 0, 0), commands.Channel.CloseOk)


def death_of(message: Message) -> list[dict[str, Any]]:
    """Its `x-death` history without the times, newest first."""
    deaths = cast("list[dict[str, Any]]", message.headers.get("x-death", []))
    return [{name: value for name, value in death.items() if name != "time"} for death in deaths]
