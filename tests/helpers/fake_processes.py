"""Processes that a test starts and ends by hand, and a supervisor over them, on a clock that the test turns."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from embedded_services.common import platform
from embedded_services.common.ring import Ring
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat, Hello
from embedded_services.contracts.instances import Change, Status
from embedded_services.contracts.settings import HealthPolicy, Settings
from embedded_services.control.calls import CallBook
from embedded_services.control.drain import Drain
from embedded_services.control.launcher import Child, Launcher
from embedded_services.control.scaling import Scaling
from embedded_services.control.slots import Slot
from embedded_services.control.supervisor import Supervisor, Surroundings
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.checks import HealthChecks
from embedded_services.registry.lifecycle import Entry
from embedded_services.registry.probe import ProbeResult
from tests.helpers.child import child_context, demo_settings
from tests.helpers.clock import FakeClock, settle


class FakeChild(Child):
    """Ends when the test says so, or when it is signalled, unless it is `stubborn` (then only SIGKILL ends it)."""

    def __init__(self, name: str, pid: int, on_exit: Callable[[Child], None]) -> None:
        self.name = name
        self.pid = pid
        self.signals: list[str] = []
        self.stubborn = False
        self._code: int | None = None
        self._on_exit = on_exit
        self._exited = asyncio.Event()

    @property
    def exit_code(self) -> int | None:
        return self._code

    def end(self, code: int) -> None:
        if self._code is None:
            self._code = code
            self._end()

    def _end(self) -> None:
        self._exited.set()
        self._on_exit(self)

    def signal(self, act: Callable[[int], None]) -> None:
        if not self.running:
            return
        self.signals.append(act.__name__)
        loop = asyncio.get_running_loop()
        if act is platform.kill:
            loop.call_soon(self.end, -9)
        elif act is platform.terminate and not self.stubborn:
            loop.call_soon(self.end, 0)


class FakeLauncher(Launcher):
    def __init__(self) -> None:
        self.started: list[FakeChild] = []
        self.ended: list[str] = []
        """Names, in the order of their ends."""

    def start(
        self, name: str, target: Callable[..., None], args: tuple[Any, ...], on_exit: Callable[[Child], None]
    ) -> Child:
        def ended(child: Child) -> None:
            self.ended.append(name)
            on_exit(child)

        child = FakeChild(name, 1000 + len(self.started), ended)
        self.started.append(child)
        return child


class FakeSystem:
    """What `bootstrap` puts together, over processes that are not there."""

    def __init__(self, workspace: Path, tasks: Tasks) -> None:
        self.workspace = workspace
        self.clock = FakeClock()
        self.launcher = FakeLauncher()
        self.journal: Ring[Change] = Ring(1000)
        self.instances = Catalog(self.journal, HealthPolicy)
        self.processes = Catalog(self.journal, HealthPolicy, noun="process")
        self.calls = CallBook()
        self.linked: set[str] = set()
        self.failures: list[str] = []
        self.records: list[tuple[str, int, Beat]] = []
        self.settings = demo_settings()
        self._spec = child_context(workspace, "user").spec
        checks = [self._checks(catalog, tasks) for catalog in (self.instances, self.processes)]
        self.supervisor = Supervisor(
            Surroundings(
                launcher=self.launcher,
                clock=self.clock,
                tasks=tasks,
                calls=self.calls,
                workspace=workspace,
                spec_of=lambda slot: self._spec,
                is_linked=lambda child: child in self.linked,
                processes_changed=lambda: None,
                failed=self.failures.append,
                listens=lambda _: None,
                records=lambda child, incarnation, beat: self.records.append((child, incarnation, beat)),
            )
        )
        self.drain = Drain(self.calls, self.clock, tasks)
        self.scaling = Scaling(
            self.supervisor, (self.instances, checks[0]), (self.processes, checks[1]), self.drain, self.clock
        )

    def _checks(self, catalog: Catalog, tasks: Tasks) -> HealthChecks:
        async def always_well(host: str, port: int, path: str, timeout_s: float) -> ProbeResult:
            return ProbeResult(True, 1.0, "ok")

        return HealthChecks(catalog, always_well, HealthPolicy, self.clock, Random(1), tasks)

    def apply(self, settings: Settings) -> None:
        self.settings = settings
        self.scaling.apply(settings)

    def slot(self, name: str) -> Slot:
        return self.supervisor.get(name)

    def child(self, name: str) -> FakeChild:
        """The present process of a slot, or the last one."""
        child = self.slot(name).child
        assert isinstance(child, FakeChild)
        return child

    def entry(self, name: str) -> Entry:
        return self.slot(name).catalog.get(name)

    def status(self, name: str) -> Status:
        return self.entry(name).status

    def hello(self, name: str) -> bool:
        """Have the present process link itself."""
        slot = self.slot(name)
        hello = Hello(id=name, incarnation=slot.incarnation, pid=self.child(name).pid, port=slot.port)
        if accepted := self.supervisor.linked(hello):
            self.linked.add(name)
        return accepted

    async def all_healthy(self) -> None:
        for slot in self.supervisor.slots():
            self.hello(slot.id)
        await settle()
