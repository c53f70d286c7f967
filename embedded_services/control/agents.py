"""The control plane's end of the agent links: who is linked, what is told to them, what they answer.

Nothing here waits for a child. Snapshots are latest-wins, one of each kind at most waits for a child that does not
read; commands are few and bounded. A child that is frozen simply has its newest snapshot waiting.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from aiohttp import WSMsgType, web

from embedded_services.common.tasks import Tasks
from embedded_services.contracts import agent as wire
from embedded_services.contracts.agent import Beat, Broker, Command, Done, Hello, Peers, Policies, Up
from embedded_services.contracts.faults import Faults, FaultsInForce
from embedded_services.control.api.guard import check_token

MAX_FRAME = 4 * 1024 * 1024
MAX_COMMANDS = 100
HELLO_S = 5.0

log = logging.getLogger(__name__)


class LinkListener(Protocol):
    """What the supervisor wants to hear."""

    def linked(self, hello: Hello) -> bool:
        """A child said hello. False refuses it: it is not one that we are waiting for."""
        ...

    def beat(self, child: str, incarnation: int, beat: Beat) -> None: ...

    def link_lost(self, child: str, incarnation: int) -> None: ...


class _Link:
    def __init__(self, hello: Hello) -> None:
        self.hello = hello
        self.snapshots: dict[type, bytes] = {}
        self.commands: deque[Command] = deque()
        self.wake = asyncio.Event()
        self.faults_revision = -1
        """Of the faults that it says it has."""
        self.calls = False

    def put(self, kind: type, frame: bytes) -> None:
        self.snapshots[kind] = frame
        self.wake.set()


class Agents:
    def __init__(
        self,
        token: str,
        peers: Callable[[], Peers],
        policies: Callable[[], Policies],
        broker: Callable[[], str | None],
    ) -> None:
        self._token = token
        self._peers = peers
        self._policies = policies
        self._broker = broker
        self._links: dict[str, _Link] = {}
        self._answers: dict[int, asyncio.Future[Done]] = {}
        self._last_command = 0
        self.listener: LinkListener | None = None
        self.faults: Callable[[], Faults] = lambda: Faults(revision=0)
        """Those in force, to be told."""
        self.heard_of_faults: Callable[[], None] = lambda: None
        """Called when a child says that it has them."""
        self.told_revision = 0
        """The revision of the peers that was pushed last."""

    def is_linked(self, child: str) -> bool:
        return child in self._links

    def push_peers(self) -> None:
        """Tell every child who is in rotation, now."""
        peers = self._peers()
        self.told_revision = peers.revision
        self._push(Peers, wire.encode(peers))

    def push_policies(self) -> None:
        self._push(Policies, wire.encode(self._policies()))

    def push_broker(self) -> None:
        self._push(Broker, wire.encode(Broker(self._broker())))

    def push_faults(self) -> None:
        """Tell every child which faults are in force, now."""
        self._push(Faults, wire.encode(self.faults()))

    def calls_services(self, child: str) -> bool:
        """Whether a child that is linked has said so."""
        link = self._links.get(child)
        return link is not None and link.calls

    def may_call_services(self, child: str) -> bool:
        """False for one that has said that it does not."""
        link = self._links.get(child)
        return link is None or link.faults_revision < 0 or link.calls

    def has_faults(self, child: str, revision: int) -> bool:
        """Whether a child that is linked decides by the faults of `revision`, or a later one."""
        link = self._links.get(child)
        return link is not None and link.faults_revision >= revision

    def _push(self, kind: type, frame: bytes) -> None:
        for link in self._links.values():
            link.put(kind, frame)

    async def command(self, child: str, name: str, timeout_s: float, argument: Any = None) -> Done:
        """Have `child` do something. Raises TimeoutError, or LookupError when it is not linked."""
        link = self._links[child]
        if len(link.commands) >= MAX_COMMANDS:
            raise TimeoutError(f"{child} does not take commands")
        self._last_command += 1
        number = self._last_command
        answer: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        link.commands.append(Command(id=number, name=name, argument=argument))
        link.wake.set()
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        finally:
            del self._answers[number]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The handler of `/v1/agent`. The token is the children's own, not the one that people use."""
        check_token(request.headers.get("Authorization"), self._token)
        socket = web.WebSocketResponse(max_msg_size=MAX_FRAME, compress=False)
        try:
            await socket.prepare(request)
        except ConnectionError:
            return web.Response(status=503)  # it ended before it was linked; nobody hears this
        listener = self.listener
        hello = await self._hello(socket)
        if hello is None or listener is None or not listener.linked(hello):
            await socket.close(code=1008, message=b"not expected")
            return socket
        link = _Link(hello)
        link.put(Peers, wire.encode(self._peers()))
        link.put(Policies, wire.encode(self._policies()))
        link.put(Faults, wire.encode(self.faults()))
        link.put(Broker, wire.encode(Broker(self._broker())))
        self._links[hello.id] = link
        try:
            async with Tasks(f"link of {hello.id}") as tasks:
                tasks.spawn(self._write(socket, link), "write")
                await self._read(socket, hello, listener)
        finally:
            if self._links.get(hello.id) is link:
                del self._links[hello.id]
                listener.link_lost(hello.id, hello.incarnation)
        return socket

    async def _hello(self, socket: web.WebSocketResponse) -> Hello | None:
        try:
            frame = await socket.receive(timeout=HELLO_S)
            message: Up | None = wire.decode_up(frame.data) if isinstance(frame.data, (bytes, str)) else None
        except (TimeoutError, msgspec.DecodeError) as error:
            log.warning("an agent link began without a hello: %s", error)
            return None
        return message if isinstance(message, Hello) else None

    async def _read(self, socket: web.WebSocketResponse, hello: Hello, listener: LinkListener) -> None:
        async for frame in socket:
            if frame.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                continue
            try:
                message: Up = wire.decode_up(frame.data)
            except msgspec.DecodeError as error:
                log.error("%s sent what we cannot read: %s", hello.id, error)
                continue
            match message:
                case Beat():
                    listener.beat(hello.id, hello.incarnation, message)
                case Done():
                    answer = self._answers.get(message.command)
                    if answer is not None and not answer.done():
                        answer.set_result(message)
                case FaultsInForce():
                    if (link := self._links.get(hello.id)) is not None:
                        link.faults_revision, link.calls = message.revision, message.calls
                        self.heard_of_faults()
                case Hello():
                    log.error("%s said hello twice", hello.id)

    async def _write(self, socket: web.WebSocketResponse, link: _Link) -> None:
        while not socket.closed:
            await link.wake.wait()
            link.wake.clear()
            while link.snapshots or link.commands:
                if link.commands:
                    frame = wire.encode(link.commands.popleft())
                else:
                    frame = link.snapshots.pop(next(iter(link.snapshots)))
                try:
                    await socket.send_bytes(frame)
                except ConnectionError:
                    return
