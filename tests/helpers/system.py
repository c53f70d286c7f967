"""The whole system as its users start it: `python -m embedded_services` as a process, until it says that it is ready.

Every process of it carries a mark in its environment, so that a test can find all of them, also those that were
started the moment before it was killed.
"""

import asyncio
import os
import signal
import socket
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil

from embedded_services.client.control_client import ControlClient
from embedded_services.client.stream_client import StreamClient
from embedded_services.common.platform import die_with_parent
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.instances import Instance, Status
from embedded_services.contracts.settings import BrokerSettings, OrchestratorSettings, Settings
from embedded_services.contracts.system import Ready
from tests.helpers.child import demo_settings
from tests.helpers.ports import free_port, own_ports

MARK = "FAULTDECK_TEST_RUN"
ROOT = Path(__file__).resolve().parents[2]
START_S = 40.0
GONE_S = 2.0
"""In which all are gone whose control plane was killed."""
END_S = 20.0
"""A machine that is busy with others takes its time to end what it was asked to."""
DEMO_GATEWAY = 3_000
"""The ports of the services that a new workspace begins with lie above it."""
BROKER = 900
"""Where in a block of ports the broker is."""


def marked(mark: str) -> list[psutil.Process]:
    """All living processes of one start. A zombie has ended; only its parent has not looked."""
    return [process for process in psutil.process_iter() if _is_marked(process, mark)]


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        ours = process.pid != os.getpid() and process.environ().get(MARK) == mark
        return ours and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


async def gone(mark: str, within_s: float = GONE_S) -> list[str]:
    """Wait until none of its processes lives. Returns those that still do when the time is up."""
    deadline = asyncio.get_running_loop().time() + within_s
    while left := marked(mark):
        if asyncio.get_running_loop().time() > deadline:
            return [f"{process.pid} {' '.join(process.cmdline())}" for process in left]
        await asyncio.sleep(0.02)
    return []


@dataclass
class Launch:
    """A start that may or may not succeed."""

    process: asyncio.subprocess.Process
    mark: str
    stderr: int
    """Of a file that has no name."""

    def errors(self) -> str:
        return os.pread(self.stderr, 1 << 20, 0).decode()

    def processes(self) -> list[psutil.Process]:
        return marked(self.mark)

    async def exit_code(self, within_s: float = START_S) -> int:
        async with asyncio.timeout(within_s):
            return await self.process.wait()

    async def gone(self, within_s: float = GONE_S) -> list[str]:
        return await gone(self.mark, within_s)

    async def end(self) -> None:
        """Whatever state it is in."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        left = await self.gone(within_s=END_S)
        os.close(self.stderr)
        for process in self.processes():
            process.kill()
        assert not left, f"processes were left behind: {left}"


@dataclass
class RunningSystem:
    launch: Launch
    ready: Ready
    control: ControlClient
    gateway: httpx.AsyncClient
    stream: StreamClient
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def follow(self) -> None:
        """Keeps the mirror up to date and wakes who waits for something in it."""
        async for _ in self.stream:
            async with self._news:
                self._news.notify_all()

    def instances(self) -> dict[str, Instance]:
        """As the stream last told."""
        return {
            key: msgspec.convert(row, Instance) for key, row in self.stream.state.rows("instances").items()
        }

    async def instance(self, instance: str) -> Instance:
        """As the control API says now."""
        return next(row for row in (await self.control.instances()).items if row.id == instance)

    async def until(self, holds: Callable[[dict[str, Instance]], bool], within_s: float = 10.0) -> None:
        """Wait until `holds` is true of the instances, by the stream."""
        await self.until_told(lambda: holds(self.instances()), within_s)

    async def until_told(self, holds: Callable[[], bool], within_s: float = 10.0) -> None:
        """Wait until `holds` is true of what the stream tells."""
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(holds)

    async def until_healthy(self, instance: str, incarnation: int = 1) -> Instance:
        """Wait until `instance` is healthy in `incarnation` or a later one."""

        def holds(rows: dict[str, Instance]) -> bool:
            row = rows.get(instance)
            return row is not None and row.status is Status.HEALTHY and row.incarnation >= incarnation

        await self.until(holds)
        return self.instances()[instance]

    async def login(self, email: str = "demo@faultdeck.local") -> dict[str, str]:
        """The header that authenticates a demo user."""
        answer = await self.gateway.post("/api/auth/login", json={"email": email, "password": "faultdeck"})
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.launch.process.send_signal(number)
        return await self.launch.exit_code(within_s=END_S)


def away_from_others(folder: Path, **changes: Any) -> Path:
    """A workspace on ports of this process's own block, so that nobody takes one between look and bind, nor one that was just
    given back; with other `changes` of the settings."""
    folder.mkdir(exist_ok=True)
    (folder / "workspace.json").write_bytes(msgspec.json.encode(settings_away_from_others(**changes)))
    return folder


def settings_away_from_others(**changes: Any) -> Settings:
    """What `away_from_others` writes."""
    demo, away = demo_settings(), own_ports() - DEMO_GATEWAY
    services = {
        name: msgspec.structs.replace(service, port=service.port + away)
        for name, service in demo.services.items()
    }
    own = {
        "broker": BrokerSettings(port=own_ports() + BROKER),
        "orchestrator": OrchestratorSettings(port=3005 + away),
    }
    return msgspec.structs.replace(demo, services=services, **(own | changes))


async def launch(workspace: Path, *options: str, module: str = "embedded_services") -> Launch:
    """Start it, and do not wait for anything."""
    mark = uuid.uuid4().hex
    # As on a user's machine: with compiled modules kept, whatever this shell says.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, "--workspace", str(workspace), *options,
            stdout=asyncio.subprocess.PIPE, stderr=errors, stdin=asyncio.subprocess.DEVNULL, cwd=ROOT,
            env={**environment, MARK: mark}, start_new_session=True, preexec_fn=die_with_parent,
        )  # fmt: skip
        return Launch(process, mark, os.dup(errors.fileno()))


async def until_ready(started: Launch) -> Ready:
    """Read the ready line. Fails with what the system said if it ends before."""
    assert started.process.stdout is not None
    async with asyncio.timeout(START_S):
        line = await started.process.stdout.readline()
    assert line, f"no ready line: {started.errors()}"
    return msgspec.json.decode(line, type=Ready)


@asynccontextmanager
async def running_system(workspace: Path, *options: str) -> AsyncIterator[RunningSystem]:
    """Up and healthy inside; at the end every process of it must be gone, and is made to be."""
    started = await launch(workspace, *options)
    try:
        ready = await until_ready(started)
        async with (
            ControlClient(ready.control, ready.token) as control,
            httpx.AsyncClient(base_url=ready.gateway, trust_env=False, timeout=10.0) as gateway,
            StreamClient(ready.control, ready.token, ["instances", "processes"]) as stream,
            Tasks("test") as tasks,
        ):
            system = RunningSystem(started, ready, control, gateway, stream)
            tasks.spawn(system.follow(), "follow the stream")
            yield system
        if started.process.returncode is None:
            started.process.send_signal(signal.SIGTERM)
            assert await started.exit_code(within_s=END_S) == 0, started.errors()
    finally:
        await started.end()


@asynccontextmanager
async def running_away_from_others(
    folder: Path, *options: str, **changes: Any
) -> AsyncIterator[RunningSystem]:
    """`running_system` on ports that nobody else takes, the gateway's among them: one that is killed finds its port again,
    and no other system's instance answers there meanwhile."""
    workspace = away_from_others(folder, **changes)
    async with running_system(workspace, "--gateway-port", str(free_port()), *options) as system:
        yield system


def is_free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) != 0
