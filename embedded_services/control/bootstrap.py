"""The composition root of the control plane: builds everything, starts it, waits, ends it."""

import asyncio
import logging
import os
import secrets
import sys
from multiprocessing.context import BaseContext
from pathlib import Path

from embedded_services.common import platform
from embedded_services.common.clock import SystemClock
from embedded_services.common.logs import log_to_terminal_and_file
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat, ChildSpec, Policies
from embedded_services.contracts.settings import Settings
from embedded_services.contracts.system import SystemStatus
from embedded_services.contracts.traffic import TRAFFIC
from embedded_services.control.actions import Actions
from embedded_services.control.agents import Agents
from embedded_services.control.api.event_operations import EventHandlers
from embedded_services.control.api.fault_operations import FaultHandlers
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
from embedded_services.control.faults.desk import Around, FaultDesk
from embedded_services.control.faults.scene import SceneOfSystem
from embedded_services.control.gateway_book import GatewayBook
from embedded_services.control.hub import Hub
from embedded_services.control.intake import Intake
from embedded_services.control.launcher import Launcher
from embedded_services.control.leftovers import end_leftovers
from embedded_services.control.limit_clients import LimitClients
from embedded_services.control.log_files import LogFiles
from embedded_services.control.options import Options
from embedded_services.control.records import Recorder
from embedded_services.control.registries import Registries
from embedded_services.control.rollout import Rollout
from embedded_services.control.run_files import RunFiles
from embedded_services.control.run_settings import open_settings
from embedded_services.control.sagas.desk import SagaDesk
from embedded_services.control.scaling import Scaling
from embedded_services.control.slots import BROKER, Slot
from embedded_services.control.startup import StartError, Startup
from embedded_services.control.stop import StopRequest
from embedded_services.control.supervisor import HOST, Supervisor, Surroundings
from embedded_services.control.timeline.book import TimelineBook
from embedded_services.control.topics import SystemTopics
from embedded_services.control.traces import TraceBook
from embedded_services.control.traffic.desk import TrafficDesk
from embedded_services.control.usage import UsageMeter
from embedded_services.control.views import Facts, Views
from embedded_services.control.workspace import Workspace, WorkspaceError
from embedded_services.registry.external import ExternalInstances
from embedded_services.registry.lifecycle import Entry, is_check

log = logging.getLogger(__name__)


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
        self._clock = clock = SystemClock()
        self._tasks = tasks
        self._stop = stop
        self._secret = workspace.jwt_secret()
        self._agent_token = secrets.token_urlsafe(32)
        token = secrets.token_urlsafe(32)

        self.settings = settings = open_settings(workspace, options)
        self.hub = hub = Hub({}, {}, clock)
        self.registries = registries = Registries(settings, clock, tasks)
        self.timeline = self._timeline()
        self._startup = Startup((registries.processes, registries.instances), stop, tasks)
        self._server = ControlServer(token)
        self._facts = facts = Facts(
            pid=os.getpid(),
            started_at=clock.now(),
            workspace=str(workspace.path),
            control_url=self._server.url,
        )
        self.calls = CallBook()
        self.gateway = GatewayBook(hub.changed)
        self.events = EventDesk(
            workspace.path / "data" / "events",
            clock,
            self._events_changed,
            lambda: settings.current.services,
        )
        self.sagas = SagaDesk(registries.processes, registries.instances, clock, hub.changed, hub.is_followed)
        self._broker = BrokerAddress(
            self.events,
            tasks,
            self._broker_moved,
            external=options.broker_url or settings.current.broker.url,
        )
        self._agents = agents = Agents(
            self._agent_token, registries.peers, self._policies, lambda: self._broker.told
        )
        self.supervisor = supervisor = Supervisor(
            Surroundings(
                launcher=Launcher(context),
                clock=clock,
                tasks=tasks,
                calls=self.calls,
                workspace=workspace.path,
                spec_of=self._spec,
                is_linked=agents.is_linked,
                processes_changed=self._processes_changed,
                failed=self._startup.fail,
                listens=self._listens,
                records=self._record,
            )
        )
        agents.listener = supervisor
        drain = Drain(self.calls, clock, tasks)
        self._scaling = Scaling(
            supervisor,
            (registries.instances, registries.instance_checks),
            (registries.processes, registries.process_checks),
            drain,
            clock,
        )
        self.traffic = TrafficDesk(
            supervisor,
            agents,
            registries.make("process"),
            lambda: settings.current.limits,
            clock,
            tasks,
            self._traffic_changed,
        )
        actions = Actions(supervisor, agents, drain, clock, tasks, self._acted)
        self.faults = self._fault_desk(workspace.path / "faults.json", actions)
        self._intake = Intake(
            requests=(recorder := Recorder(lambda: hub.changed("requests"))),
            gateway=self.gateway,
            events=self.events,
            sagas=self.sagas,
            traffic=self.traffic,
            timeline=self.timeline,
            traces=(traces := TraceBook()),
            faults=self.faults,
            changed=hub.changed,
        )
        self.views = views = Views(
            facts, supervisor, registries.instances, registries.processes, self.calls, settings, clock
        )
        self._run_files = RunFiles(
            workspace, options.ready_file, facts, token, views.gateway_url, supervisor.pids
        )
        self._logs = LogFiles(
            workspace.path / "logs",
            lambda: ["control", *(slot.id for slot in supervisor.slots())],
            clock,
            lambda: hub.changed("logs"),
        )
        self._topics = SystemTopics(hub, views, settings, self.gateway, usage := UsageMeter(clock))
        for part in (self._topics, self.events, self.traffic, self.faults):
            hub.offer(part.states(), part.rings())
        hub.offer(
            self.sagas.states(),
            {
                "journal": registries.journal,
                "requests": recorder.ring,
                "logs": self._logs.ring,
                "timeline": self.timeline.log,
            },
        )
        self._operations = operations(
            Handlers(
                views=views,
                actions=actions,
                settings=settings,
                rollout=Rollout(settings, agents),
                external=ExternalInstances(registries.instances, registries.instance_checks, clock, tasks),
                instances=registries.instances,
                journal=registries.journal,
                requests=recorder.ring,
                gateway=self.gateway,
                traces=traces,
                logs=self._logs.ring,
                usage=usage,
                limit_clients=LimitClients(agents),
                events=EventHandlers(self.events, clock, lambda: settings.current.broker.url),
                sagas=SagaHandlers(self.sagas),
                traffic=TrafficHandlers(self.traffic),
                timeline=TimelineHandlers(self.timeline.log),
                faults=FaultHandlers(self.faults),
            )
        )
        registries.instances.subscribe(self._instance_changed)
        registries.processes.subscribe(self._process_changed)
        settings.subscribe(self._settings_changed)

    def _timeline(self) -> TimelineBook:
        """It hears of a change before anybody acts on it, so that what follows comes after."""
        instances = self.registries.instances
        timeline = TimelineBook(
            self._clock,
            lambda: self.hub.changed("timeline"),
            lambda instance: instances.get(instance).service if instance in instances else None,
            lambda message: self.events.trace_of(message),
        )
        instances.subscribe(timeline.entry_changed)
        self.registries.processes.subscribe(timeline.entry_changed)
        self.settings.subscribe(timeline.settings_changed)
        return timeline

    def _fault_desk(self, path: Path, actions: Actions) -> FaultDesk:
        scene = SceneOfSystem(
            self.supervisor,
            self.registries.instances,
            lambda: self.settings.current,
            lambda: self.events.queues.rows(),
            self._agents.may_call_services,
            self.sagas.orchestration.definitions,
        )
        return FaultDesk(
            path,
            Around(
                supervisor=self.supervisor,
                actions=actions,
                agents=self._agents,
                clock=self._clock,
                tasks=self._tasks,
                scene=scene,
                changed=lambda: self.hub.changed("faults"),
                told=self.timeline.fault_told,
            ),
        )

    # --- the run --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Start, say that all is ready, wait until asked to stop, stop. Raises StartError."""
        last = self._run_files.begin()
        await asyncio.to_thread(end_leftovers, last)
        self.traffic.recall(last)
        self.faults.recall()
        async with (
            self.faults.serving(),
            self.events.serving(),
            self.sagas.serving(),
            self._server.serving(
                self._operations,
                stream=lambda request: serve_stream(request, self.hub),
                agent=self._agents.serve,
            ),
        ):
            self._tasks.spawn(self.hub.run(), "stream hub")
            self._tasks.spawn(self._topics.watch_usage(self._clock), "usage")
            self._tasks.spawn(self._logs.run(), "logs")
            try:
                if not self._stop.is_set():
                    self._start_processes()
                    if await self._startup.until_ready(self._broker.settled):
                        self._say_ready()
                await self._stop.wait()
            finally:
                log.info("stopping")
                self._facts.stopping = True
                self.hub.changed("system")
                await self.events.disconnect()
                await self.supervisor.stop_all()
                self._run_files.end()

    def _start_processes(self) -> None:
        """Those first that others wait for."""
        settings = self.settings.current
        self._broker.start()
        if self._broker.embedded:
            self._scaling.start_broker(settings.broker.port)
        self._scaling.start_orchestrator(settings.orchestrator.port)
        self._scaling.start_gateway(self._options.gateway_port)
        self._scaling.apply(settings)

    def _say_ready(self) -> None:
        self._facts.ready = True
        self._run_files.write()
        self.hub.changed("system")
        self._run_files.say_ready()
        status, why = self.views.status()
        healthy = status is SystemStatus.HEALTHY
        log.info("ready at %s: %s", self.views.gateway_url(), why if healthy else f"not healthy: {why}")

    # --- what follows from a change -------------------------------------------------------------------------------

    def _instance_changed(self, before: Entry | None, after: Entry | None) -> None:
        """Who is in rotation, and why nobody is, is told to callers at once; the rest is for those who look."""
        moved = before is None or after is None or before.status is not after.status
        if moved or self.registries.peers_revision != self._agents.told_revision:
            self._agents.push_peers()
        if is_check(before, after):
            self.hub.noted("instances")
            return
        self.hub.changed("instances", "services", "system", "journal", "processes")
        if before is not None and after is None:
            self.calls.forget(before.id)
            self.events.reports.forget(before.id)
        if moved:
            self._startup.consider()

    def _process_changed(self, before: Entry | None, after: Entry | None) -> None:
        if is_check(before, after):
            return
        if after is not None and after.id == BROKER and after.pid is None:
            self._broker.ended()
        if self.registries.peers_revision != self._agents.told_revision:
            self._agents.push_peers()
        self.hub.changed("processes", "system", "journal")
        self._startup.consider()

    def _listens(self, slot: Slot) -> None:
        if slot.id == BROKER:
            self._broker.listens(slot.port)

    def _broker_moved(self) -> None:
        self._facts.broker_url = self._broker.url
        self._agents.push_broker()
        self._run_files.write()
        self.hub.changed("system")

    def _processes_changed(self) -> None:
        self._run_files.write()
        self.hub.changed("processes", "instances")

    def _record(self, child: str, incarnation: int, beat: Beat) -> None:
        service = self.supervisor.get(child).service if child in self.supervisor else ""
        self._intake.take(child, service, incarnation, beat)

    def _acted(self, action: str, slot: Slot, fault: str) -> None:
        self.timeline.action_taken(action, slot.id, slot.service, slot.incarnation, fault)
        self.faults.acted(action, slot.id, fault)

    def _events_changed(self, *topics: str) -> None:
        if "bus" in topics:
            self.timeline.bus_changed(self.events.bus)
        self.hub.changed(*topics)

    def _traffic_changed(self, *topics: str) -> None:
        if TRAFFIC in topics:
            self.timeline.traffic_told(self.traffic.state)
        self.hub.changed(*topics)

    def _settings_changed(self, _: Settings, after: Settings) -> None:
        self._scaling.apply(after)
        self._agents.push_policies()
        self.gateway.keep_services(set(after.services))
        self.hub.changed("settings", "limits", "services", "system")

    # --- what a process is told at birth, and all of them later ---------------------------------------------------

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
            workspace=self._facts.workspace,
            jwt_secret=self._secret,
            settings=state.settings,
            settings_revision=state.revision,
            broker_url=self._broker.told,
            nice=self._options.nice,
            faults=self.faults.snapshot(),
        )
