"""The composition root of the control plane: builds everything, starts it, waits, ends it."""

import asyncio
import logging
import os
import secrets
import sys
from collections.abc import Callable
from multiprocessing.context import BaseContext
from pathlib import Path
from random import Random

import msgspec

from embedded_services.common import platform
from embedded_services.common.clock import SystemClock
from embedded_services.common.logs import log_to_terminal_and_file
from embedded_services.common.ring import Ring
from embedded_services.common.tasks import Tasks
from embedded_services.common.version import __version__
from embedded_services.contracts.agent import Beat, ChildSpec, Policies
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.instances import Change, Status
from embedded_services.contracts.runtime import Runtime
from embedded_services.contracts.settings import Settings
from embedded_services.contracts.system import Ready, System, SystemStatus
from embedded_services.contracts.traffic import TRAFFIC
from embedded_services.control.actions import Actions
from embedded_services.control.agents import Agents
from embedded_services.control.api.event_operations import EventHandlers
from embedded_services.control.api.operations import Handlers, operations
from embedded_services.control.api.saga_operations import SagaHandlers
from embedded_services.control.api.server import ControlServer
from embedded_services.control.api.stream import serve_stream
from embedded_services.control.api.timeline_operations import TimelineHandlers
from embedded_services.control.api.traffic_operations import TrafficHandlers
from embedded_services.control.broker_address import BrokerAddress
from embedded_services.control.calls import CallBook
from embedded_services.control.drain import Drain
from embedded_services.control.events.desk import EventDesk
from embedded_services.control.gateway_book import GatewayBook
from embedded_services.control.hub import Hub, Rows
from embedded_services.control.launcher import Launcher
from embedded_services.control.leftovers import end_leftovers, identify
from embedded_services.control.limit_clients import LimitClients
from embedded_services.control.log_files import LogFiles
from embedded_services.control.options import Options
from embedded_services.control.orchestrator_peer import peers_revision, with_orchestrator
from embedded_services.control.records import Recorder
from embedded_services.control.rollout import Rollout
from embedded_services.control.sagas.desk import SagaDesk
from embedded_services.control.scaling import Scaling
from embedded_services.control.settings_store import SettingsStore
from embedded_services.control.slots import BROKER, GATEWAY, Slot
from embedded_services.control.stop import StopRequest
from embedded_services.control.supervisor import HOST, Supervisor, Surroundings
from embedded_services.control.timeline.book import TimelineBook
from embedded_services.control.traces import TraceBook
from embedded_services.control.traffic.desk import TrafficDesk
from embedded_services.control.usage import Usage, UsageMeter
from embedded_services.control.views import Facts, Views
from embedded_services.control.workspace import Workspace, WorkspaceError
from embedded_services.registry.amqp_probe import AMQP, amqp_probe
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.checks import HealthChecks
from embedded_services.registry.external import ExternalInstances
from embedded_services.registry.lifecycle import Entry
from embedded_services.registry.probe import ProbeResult, probe
from embedded_services.upstream.balancing.strategies import AVAILABLE

START_WITHIN_S = 60.0
JOURNAL_CAPACITY = 5_000
USAGE_EVERY_S = 5.0
UPTIME_STEP_S = 10.0

log = logging.getLogger(__name__)


class StartError(Exception):
    """The system cannot be started; the message is one line for the user."""


def run(options: Options, context: BaseContext, stop: StopRequest) -> int:
    """Run the system until it is asked to stop. Returns the exit code."""
    try:
        workspace = Workspace(options.workspace)
        with workspace.held():
            _start_logging(workspace.path / "logs" / "control.log")
            platform.run(_live(options, workspace, context, stop))
    except (WorkspaceError, StartError) as error:
        sys.stderr.write(f"faultdeck: {error}\n")
        return 1
    return 0


def _start_logging(path: Path) -> None:
    try:
        log_to_terminal_and_file("control", path)
    except OSError as error:
        raise WorkspaceError(f"cannot write {path}: {error.strerror}") from error


async def _live(options: Options, workspace: Workspace, context: BaseContext, stop: StopRequest) -> None:
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    stop.notify(lambda: _wake(loop, asked))
    try:
        async with Tasks("control") as tasks:
            await ControlPlane(options, workspace, context, tasks, asked).run()
    finally:
        stop.notify(None)


def _wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)


class ControlPlane:
    """Everything that lives in this process, put together once."""

    def __init__(
        self, options: Options, workspace: Workspace, context: BaseContext, tasks: Tasks, stop: asyncio.Event
    ) -> None:
        self._options = options
        self._workspace = workspace
        self._clock = clock = SystemClock()
        self._tasks = tasks
        self._secret = workspace.jwt_secret()
        self._token = secrets.token_urlsafe(32)
        self._agent_token = secrets.token_urlsafe(32)
        self._stop = stop
        self._healthy = asyncio.Event()
        self._failure: str | None = None

        self.settings = open_settings(workspace, options)
        self._server = ControlServer(self._token)
        self._facts = Facts(
            pid=os.getpid(),
            started_at=clock.now(),
            workspace=str(workspace.path),
            control_url=self._server.url,
        )
        journal: Ring[Change] = Ring(JOURNAL_CAPACITY)
        self.instances = Catalog(journal, lambda: self.settings.current.health)
        self.processes = Catalog(journal, lambda: self.settings.current.health, noun="process")
        self.timeline = self._timeline()
        self._instance_checks = self._checks(self.instances)
        self._process_checks = self._checks(self.processes)
        self.calls = CallBook()
        self.recorder = Recorder(lambda: self.hub.changed("requests"))
        self.gateway = GatewayBook(lambda *topics: self.hub.changed(*topics))
        self.traces = TraceBook()
        self.events = EventDesk(
            workspace.path / "data" / "events",
            clock,
            self._events_changed,
            lambda: self.settings.current.services,
        )
        self.sagas = SagaDesk(
            self.processes,
            self.instances,
            clock,
            lambda *topics: self.hub.changed(*topics),
            lambda topic: self.hub.is_followed(topic),
        )
        self._broker = BrokerAddress(
            self.events,
            tasks,
            self._broker_moved,
            external=options.broker_url or self.settings.current.broker.url,
        )
        self._agents = Agents(
            self._agent_token,
            lambda: with_orchestrator(self.instances, self.processes),
            self._policies,
            lambda: self._broker.told,
        )
        self.supervisor = Supervisor(
            Surroundings(
                launcher=Launcher(context),
                clock=clock,
                tasks=tasks,
                calls=self.calls,
                workspace=workspace.path,
                spec_of=self._spec,
                is_linked=self._agents.is_linked,
                processes_changed=self._processes_changed,
                failed=self._fail,
                listens=self._listens,
                records=self._record,
            )
        )
        self._agents.listener = self.supervisor
        drain = Drain(self.calls, clock, tasks)
        self._scaling = Scaling(
            self.supervisor,
            (self.instances, self._instance_checks),
            (self.processes, self._process_checks),
            drain,
            clock,
        )
        self.traffic = TrafficDesk(
            self.supervisor,
            self._agents,
            (
                generator := Catalog(journal, lambda: self.settings.current.health, noun="process"),
                self._checks(generator),
            ),
            lambda: self.settings.current.limits,
            clock,
            tasks,
            self._traffic_changed,
        )
        self.views = Views(
            self._facts, self.supervisor, self.instances, self.processes, self.calls, self.settings, clock
        )
        self._logs = LogFiles(
            workspace.path / "logs",
            lambda: ["control", *(slot.id for slot in self.supervisor.slots())],
            clock,
            lambda: self.hub.changed("logs"),
        )
        self._usage = UsageMeter(clock)
        self._usage_seen: dict[int, Usage] = {}
        self.hub = Hub(
            self._states(),
            {
                "journal": journal,
                "requests": self.recorder.ring,
                "logs": self._logs.ring,
                "picks": self.gateway.picks,
                "decisions": self.gateway.decisions,
                "timeline": self.timeline.log,
                **self.events.rings(),
                **self.traffic.rings(),
            },
            clock,
        )
        self._operations = operations(
            Handlers(
                views=self.views,
                actions=Actions(self.supervisor, self._agents, drain, clock, tasks, self._acted),
                settings=self.settings,
                rollout=Rollout(self.settings, self._agents),
                external=ExternalInstances(self.instances, self._instance_checks, clock, tasks),
                instances=self.instances,
                journal=journal,
                requests=self.recorder.ring,
                gateway=self.gateway,
                traces=self.traces,
                logs=self._logs.ring,
                usage=self._usage,
                limit_clients=LimitClients(self._agents),
                events=EventHandlers(self.events, clock, lambda: self.settings.current.broker.url),
                sagas=SagaHandlers(self.sagas),
                traffic=TrafficHandlers(self.traffic),
                timeline=TimelineHandlers(self.timeline.log),
            )
        )
        self._listen()

    def _listen(self) -> None:
        self.instances.subscribe(self._instance_changed)
        self.processes.subscribe(self._process_changed)
        self.settings.subscribe(self._settings_changed)

    def _timeline(self) -> TimelineBook:
        """It hears of a change before anybody acts on it, so that what follows comes after."""
        timeline = TimelineBook(
            self._clock,
            lambda: self.hub.changed("timeline"),
            lambda instance: self.instances.get(instance).service if instance in self.instances else None,
            lambda message: self.events.trace_of(message),
        )
        self.instances.subscribe(timeline.entry_changed)
        self.processes.subscribe(timeline.entry_changed)
        self.settings.subscribe(timeline.settings_changed)
        return timeline

    def _checks(self, catalog: Catalog) -> HealthChecks:
        async def look(host: str, port: int, path: str, timeout_s: float) -> ProbeResult:
            if path == AMQP:
                return await amqp_probe(host, port, timeout_s, self._clock)
            return await probe(host, port, path, timeout_s, self._clock)

        spread = Random()  # noqa: S311 - it spreads checks over time
        return HealthChecks(
            catalog, look, lambda: self.settings.current.health, self._clock, spread, self._tasks
        )

    # --- the run --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Start, say that all is ready, wait until asked to stop, stop. Raises StartError."""
        self._write_ready_file(None)
        self._refuse_if_served()
        await asyncio.to_thread(end_leftovers, self._workspace.last_run())
        self.traffic.recall(self._workspace.last_run())
        async with (
            self.events.serving(),
            self.sagas.serving(),
            self._server.serving(
                self._operations,
                stream=lambda request: serve_stream(request, self.hub),
                agent=self._agents.serve,
            ),
        ):
            self._tasks.spawn(self.hub.run(), "stream hub")
            self._tasks.spawn(self._watch_usage(), "usage")
            self._tasks.spawn(self._logs.run(), "logs")
            try:
                if not self._stop.is_set():
                    self._broker.start()
                    if self._broker.embedded:
                        self._scaling.start_broker(self.settings.current.broker.port)
                    self._scaling.start_orchestrator(self.settings.current.orchestrator.port)
                    self._scaling.start_gateway(self._options.gateway_port)
                    self._scaling.apply(self.settings.current)
                    await self._until_ready()
                await self._stop.wait()
            finally:
                log.info("stopping")
                self._facts.stopping = True
                self.hub.changed("system")
                await self.events.disconnect()
                await self.supervisor.stop_all()
                self._workspace.end_run()
                self._write_ready_file(None)

    def _refuse_if_served(self) -> None:
        """We hold the lock, so nobody else should run here; if one does, its lock file was taken from it."""
        last = self._workspace.last_run()
        own = identify("control", last.pid) if last is not None else None
        if last is not None and own is not None and own.started_at == last.started_at:
            raise StartError(
                f"process {last.pid} serves {self._workspace.path} though its lock file is gone; stop it first"
            )

    async def _until_ready(self) -> None:
        stop = self._tasks.start(self._stop.wait(), "wait for stop")
        healthy = self._tasks.start(self._all_up(), "wait for health")
        await asyncio.wait({stop, healthy}, timeout=START_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        if self._failure is not None:
            raise StartError(self._failure)
        if self._stop.is_set():
            return
        if not healthy.done():
            raise StartError(f"not all is healthy after {START_WITHIN_S:g} s: {self._laggards()}")
        self._facts.ready = True
        self._write_run()
        self.hub.changed("system")
        self._say_ready()

    async def _all_up(self) -> None:
        """Every process is healthy, and what the services tell is heard."""
        await self._healthy.wait()
        await self._broker.settled.wait()

    def _laggards(self) -> str:
        ill = [e for e in (*self.processes, *self.instances) if e.status is not Status.HEALTHY]
        return "; ".join(f"{entry.id} is {entry.status.value} ({entry.reason})" for entry in ill)

    def _say_ready(self) -> None:
        line = msgspec.json.encode(
            Ready(
                ready=True,
                gateway=self.views.gateway_url() or "",
                control=self._server.url,
                token=self._token,
                broker=self._broker.url,
                workspace=str(self._workspace.path),
            )
        )
        self._write_ready_file(line + b"\n")
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush()
        status, why = self.views.status()
        healthy = status is SystemStatus.HEALTHY
        log.info("ready at %s: %s", self.views.gateway_url(), why if healthy else f"not healthy: {why}")

    def _write_ready_file(self, content: bytes | None) -> None:
        """None takes away what an earlier run wrote: whoever waits for the file must not find that one's."""
        path = self._options.ready_file
        if path is None:
            return
        try:
            if content is None:
                path.unlink(missing_ok=True)
            else:
                platform.private_file(path, content)
        except OSError as error:
            raise StartError(f"cannot write {path}: {error.strerror}") from error

    def _fail(self, reason: str) -> None:
        """A process cannot be had. That ends a start; later it is shown, and the rest goes on."""
        log.error("%s", reason)
        if not self._facts.ready and self._failure is None:
            self._failure = reason
            self._stop.set()

    # --- what follows from a change -------------------------------------------------------------------------------

    def _instance_changed(self, before: Entry | None, after: Entry | None) -> None:
        """Who is in rotation, and why nobody is, is told to callers at once; the rest is for those who look."""
        moved = before is None or after is None or before.status is not after.status
        if moved or peers_revision(self.instances, self.processes) != self._agents.told_revision:
            self._agents.push_peers()
        self.hub.changed("instances", "services", "system", "journal", "processes")
        if before is not None and after is None:
            self.calls.forget(before.id)
            self.events.reports.forget(before.id)
        if moved:
            self._consider_ready()

    def _process_changed(self, _: Entry | None, after: Entry | None) -> None:
        if after is not None and after.id == BROKER and after.pid is None:
            self._broker.ended()
        if peers_revision(self.instances, self.processes) != self._agents.told_revision:
            self._agents.push_peers()
        self.hub.changed("processes", "system", "journal")
        self._consider_ready()

    def _consider_ready(self) -> None:
        entries = [*self.processes, *self.instances]
        if entries and all(entry.status is Status.HEALTHY for entry in entries):
            self._healthy.set()

    def _listens(self, slot: Slot) -> None:
        if slot.id == BROKER:
            self._broker.listens(slot.port)

    def _broker_moved(self) -> None:
        self._facts.broker_url = self._broker.url
        self._agents.push_broker()
        self._write_run()
        self.hub.changed("system")

    def _processes_changed(self) -> None:
        self._write_run()
        self.hub.changed("processes", "instances")

    def _record(self, child: str, incarnation: int, beat: Beat) -> None:
        if child == GATEWAY:
            self.recorder.report(incarnation, beat.requests, beat.requests_seq)
            self.gateway.report(incarnation, beat)
        self.events.report(child, self._service_of(child), incarnation, beat)
        self.sagas.report(child, beat)
        self.traffic.report(child, incarnation, beat)
        self.timeline.beat(child, self._service_of(child), incarnation, beat)
        if beat.spans or beat.spans_dropped:
            self.traces.report(beat.spans, beat.spans_dropped)
        if beat.calls:
            self.hub.changed("instances")

    def _acted(self, action: str, slot: Slot, fault: str) -> None:
        self.timeline.action_taken(action, slot.id, slot.service, slot.incarnation, fault)

    def _events_changed(self, *topics: str) -> None:
        if "bus" in topics:
            self.timeline.bus_changed(self.events.bus)
        self.hub.changed(*topics)

    def _traffic_changed(self, *topics: str) -> None:
        if TRAFFIC in topics:
            self.timeline.traffic_told(self.traffic.state)
        self.hub.changed(*topics)

    def _service_of(self, child: str) -> str:
        return self.supervisor.get(child).service if child in self.supervisor else ""

    def _settings_changed(self, _: Settings, after: Settings) -> None:
        self._scaling.apply(after)
        self._agents.push_policies()
        self.gateway.keep_services(set(after.services))
        self.hub.changed("settings", "limits", "services", "system")

    # --- what others ask of us ------------------------------------------------------------------------------------

    def _policies(self) -> Policies:
        state = self.settings.state
        return Policies(revision=state.revision, settings=state.settings)

    def _spec(self, slot: Slot) -> ChildSpec:
        state = self.settings.state
        return ChildSpec(
            id=slot.id,
            role=slot.role,
            service=slot.service,
            module=slot.module,
            incarnation=slot.incarnation,
            host=HOST,
            port=slot.port,
            control_url=self._server.url,
            agent_token=self._agent_token,
            workspace=str(self._workspace.path),
            jwt_secret=self._secret,
            settings=state.settings,
            settings_revision=state.revision,
            broker_url=self._broker.told,
            nice=self._options.nice,
        )

    def _states(self) -> dict[str, Callable[[], Rows]]:
        return {
            "system": lambda: {"system": self._system()},
            "processes": lambda: {row.name: row for row in self.views.processes(self._usage_seen)},
            "services": lambda: {row.name: row for row in self.views.services()},
            "instances": lambda: {row.id: row for row in self.views.instances()},
            "settings": lambda: {"settings": self.settings.shown},
            "limits": lambda: {"limits": self.settings.current.limits},
            "upstreams": lambda: self.gateway.upstreams,
            "gateway": lambda: _one("gateway", self.gateway.totals),
            "limit-totals": lambda: _one("limit-totals", self.gateway.limit_totals),
            "limit-clients": lambda: self.gateway.limit_clients,
            **self.events.states(),
            **self.sagas.states(),
            **self.traffic.states(),
        }

    def _system(self) -> System:
        """Whoever follows knows `startedAt`; a figure that ticks would make each frame news of the whole system."""
        told = self.views.system([])
        return msgspec.structs.replace(told, uptime=told.uptime // UPTIME_STEP_S * UPTIME_STEP_S)

    async def _watch_usage(self) -> None:
        """Only while somebody looks: reading memory maps costs something."""
        while True:
            if self.hub.is_followed("processes"):
                pids = [row.pid for row in self.views.processes({}) if row.pid is not None]
                self._usage_seen = await self._usage.read(pids)
                self.hub.changed("processes")
            await self._clock.sleep(USAGE_EVERY_S)

    def _write_run(self) -> None:
        """Where we run and which processes are ours, for whoever attaches and for the start after a crash."""
        pids = {"control": self._facts.pid}
        pids |= {slot.id: child.pid for slot in self.supervisor.slots() if (child := slot.running)}
        own = identify("control", self._facts.pid)
        try:
            self._workspace.write_run(
                Runtime(
                    ready=self._facts.ready,
                    version=__version__,
                    gateway=self.views.gateway_url() or "",
                    control=self._server.url,
                    token=self._token,
                    broker=self._broker.url,
                    workspace=str(self._workspace.path),
                    pid=self._facts.pid,
                    started_at=own.started_at if own else self._facts.started_at,
                    processes=[named for name, pid in pids.items() if (named := identify(name, pid))],
                )
            )
        except OSError as error:
            log.error("cannot write %s: %s", self._workspace.runtime_path, error)


def _one(key: str, row: msgspec.Struct | None) -> Rows:
    return {} if row is None else {key: row}


def open_settings(workspace: Workspace, options: Options) -> SettingsStore:
    """The workspace's settings with the command line's wishes in them. Raises WorkspaceError."""
    stored = workspace.load_settings()
    own = {name: service.replicas for name, service in stored.services.items()}
    wished = options.replicas

    def save(settings: Settings, revision: int) -> None:
        """What was wished for this run only is not written down."""
        services = settings.services.items()
        kept = {name: own[name] for name, service in services if service.replicas == wished and name in own}
        workspace.save_settings(_with_replicas(settings, kept), revision)

    settings = stored if wished is None else _with_replicas(stored, dict.fromkeys(own, wished))
    revision = workspace.settings_revision() + (settings != stored)
    try:
        return SettingsStore(settings, save, AVAILABLE, revision)
    except ApiError as error:
        raise WorkspaceError(f"{workspace.settings_path} is not valid: {error.message}") from error


def _with_replicas(settings: Settings, replicas: dict[str, int]) -> Settings:
    services = {
        name: msgspec.structs.replace(service, replicas=replicas.get(name, service.replicas))
        for name, service in settings.services.items()
    }
    return msgspec.structs.replace(settings, services=services)
