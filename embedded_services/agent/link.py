"""A child's end of the agent link: keeps connecting, hands down what comes, sends up what is reported.

The child never waits for the control plane. While the link is away the last snapshots stay in force, and of what is
reported only the newest is kept (counters are totals, so nothing is lost by that).
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import aiohttp
import msgspec

from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts import agent as wire
from embedded_services.contracts.agent import (
    Beat,
    Broker,
    ChildSpec,
    Command,
    Done,
    Down,
    Hello,
    Peers,
    Policies,
)
from embedded_services.contracts.faults import Faults, FaultsInForce
from embedded_services.faults.armed import LocalFaults

T = TypeVar("T")

log = logging.getLogger(__name__)

BEAT_S = 0.25
RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)


class Reporter(Protocol):
    """Gathers what changed since it was last asked; None when nothing did. Called at most four times a second."""

    def __call__(self) -> Beat | None: ...


class AgentLink:
    def __init__(self, spec: ChildSpec, clock: Clock) -> None:
        self._spec = spec
        self._clock = clock
        self._on_peers: list[Callable[[Peers], None]] = []
        self._on_policies: list[Callable[[Policies], None]] = []
        self._on_broker: list[Callable[[str | None], None]] = []
        self._commands: dict[str, Callable[[Any], Awaitable[Any]]] = {}
        self._reporters: list[Reporter] = []
        self._occasional: list[Reporter] = []
        self._woken = asyncio.Event()
        self._on_linked: list[Callable[[], None]] = []
        self.faults = LocalFaults(spec.id, spec.service, clock.monotonic, clock.now)
        """The faults in force, as this process was told last."""
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.faults.wake = self.report_when_woken(self._count_faults)
        self.on_linked(self.faults.tell_again)
        if spec.faults is not None:
            self.faults.snapshot(spec.faults)

    def on_linked(self, call: Callable[[], None]) -> None:
        """Hear of each new connection: what was reported over the one before may not have arrived."""
        self._on_linked.append(call)

    def on_peers(self, call: Callable[[Peers], None]) -> None:
        """Hear of each new list of instances in rotation."""
        self._on_peers.append(call)

    def on_policies(self, call: Callable[[Policies], None]) -> None:
        """Hear of each change of settings. The settings at birth are in the spec."""
        self._on_policies.append(call)

    def on_broker(self, call: Callable[[str | None], None]) -> None:
        """Hear where the broker is, whenever that changes. What was known at birth is in the spec."""
        self._on_broker.append(call)

    def on_command(self, name: str, call: Callable[[Any], Awaitable[Any]]) -> None:
        """Obey a command, given its argument as it was decoded (null if it has none): what is returned is told to who asked
        as the result, an exception as its failure."""
        self._commands[name] = call

    def report(self, reporter: Reporter) -> None:
        self._reporters.append(reporter)

    def report_when_woken(self, reporter: Reporter) -> Callable[[], None]:
        """For whoever seldom has something to report: asked only after the returned function was called, in the event loop's
        own thread, and as seldom as the others."""
        self._occasional.append(reporter)
        return self._woken.set

    async def run(self, port: int) -> None:
        """Stay linked until cancelled."""
        hello = Hello(id=self._spec.id, incarnation=self._spec.incarnation, pid=os.getpid(), port=port)
        failures = 0
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.ws_connect(
                        f"{self._spec.control_url.replace('http', 'ws', 1)}/v1/agent",
                        headers={"Authorization": f"Bearer {self._spec.agent_token}"},
                        max_msg_size=16 * 1024 * 1024,
                        compress=0,
                    ) as socket:
                        await socket.send_bytes(wire.encode(hello))
                        failures = 0
                        for tell_linked in self._on_linked:
                            tell_linked()
                        await self._serve(socket)
                except (aiohttp.ClientError, OSError) as error:
                    log.warning("no link to the control plane: %s", error)
                await self._clock.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1

    async def _serve(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        async with Tasks(f"{self._spec.id} link") as tasks:
            tasks.spawn(self._beat(socket), "beat")
            tasks.spawn(self._beat_when_woken(socket), "beat when woken")
            async for frame in socket:
                if frame.type not in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
                    continue
                try:
                    message: Down = wire.decode_down(frame.data)
                except msgspec.DecodeError as error:
                    log.error("the control plane sent what we cannot read: %s", error)
                    continue
                match message:
                    case Peers():
                        _tell(self._on_peers, message)
                    case Policies():
                        _tell(self._on_policies, message)
                    case Broker():
                        _tell(self._on_broker, message.url)
                    case Faults():
                        self.faults.snapshot(message)
                        told = FaultsInForce(revision=message.revision, calls=self.faults.calls)
                        await socket.send_bytes(wire.encode(told))
                    case Command():
                        tasks.spawn(self._obey(socket, message), message.name)

    async def tell_of_faults(self) -> None:
        """What was counted of them, now: for a process that a fault is about to end."""
        beat = self._count_faults()
        if beat is not None and self._socket is not None and not self._socket.closed:
            with contextlib.suppress(ConnectionError):  # whoever would hear it is away
                await self._socket.send_bytes(wire.encode(beat))

    def _count_faults(self) -> Beat | None:
        counts = self.faults.counts()
        return Beat(faults=counts) if counts else None

    async def _beat(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while self._reporters:  # most children have nothing to report all the time, and need not wake for it
            await self._clock.sleep(BEAT_S)
            await _report(socket, self._reporters)

    async def _beat_when_woken(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await self._woken.wait()
            await self._clock.sleep(BEAT_S)
            self._woken.clear()
            await _report(socket, self._occasional)

    async def _obey(self, socket: aiohttp.ClientWebSocketResponse, command: Command) -> None:
        handler = self._commands.get(command.name)
        if handler is None:
            answer = Done(command=command.id, ok=False, message=f"unknown command {command.name!r}")
        else:
            try:
                answer = Done(command=command.id, ok=True, result=await handler(command.argument))
            except Exception as error:
                log.exception("command %s failed", command.name)
                answer = Done(command=command.id, ok=False, message=str(error))
        if not socket.closed:
            await socket.send_bytes(wire.encode(answer))


def _tell(calls: list[Callable[[T], None]], news: T) -> None:
    for call in calls:
        call(news)


async def _report(socket: aiohttp.ClientWebSocketResponse, reporters: list[Reporter]) -> None:
    for reporter in reporters:
        beat = reporter()
        if beat is not None:
            await socket.send_bytes(wire.encode(beat))
