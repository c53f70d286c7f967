"""The control API: one table of all operations. What they do is decided elsewhere; here it is named and joined."""

from dataclasses import dataclass
from typing import Any

import msgspec

from embedded_services.common.ring import Ring
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.gateway import Decision, GatewayTotals, LimitClient, Pick, Upstream
from embedded_services.contracts.instances import Change, Instance
from embedded_services.contracts.limits import LimitClientsQuery, LimitPatch, LimitSettings
from embedded_services.contracts.logs import LEVELS, LogEntry, LogQuery
from embedded_services.contracts.secret_fields import shown
from embedded_services.contracts.settings import ServicePatch, SettingsState
from embedded_services.contracts.system import (
    ActionResult,
    Process,
    Registered,
    Registration,
    RequestRecord,
    Service,
    System,
)
from embedded_services.contracts.traces import Trace
from embedded_services.contracts.validation import invalid
from embedded_services.contracts.wire import Page
from embedded_services.control.actions import NAMES, Actions
from embedded_services.control.api.event_operations import EventHandlers, event_operations
from embedded_services.control.api.fault_operations import FaultHandlers, fault_operations
from embedded_services.control.api.paging import newest_first, page_of
from embedded_services.control.api.request_query import RequestQuery
from embedded_services.control.api.saga_operations import SagaHandlers, saga_operations
from embedded_services.control.api.table import ActionOptions, Call, GatewayQuery, Operation, PageQuery
from embedded_services.control.api.timeline_operations import TimelineHandlers, timeline_operations
from embedded_services.control.api.traffic_operations import TrafficHandlers, traffic_operations
from embedded_services.control.gateway_book import GatewayBook
from embedded_services.control.limit_clients import LimitClients
from embedded_services.control.rollout import Rollout
from embedded_services.control.settings_store import SettingsStore
from embedded_services.control.traces import TraceBook
from embedded_services.control.usage import UsageMeter
from embedded_services.control.views import Views
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.external import ExternalInstances

MAX_NAME = 60


@dataclass(frozen=True, kw_only=True)
class Handlers:
    """Everything that the operations need, and their handlers."""

    views: Views
    actions: Actions
    settings: SettingsStore
    rollout: Rollout
    external: ExternalInstances
    instances: Catalog
    journal: Ring[Change]
    requests: Ring[RequestRecord]
    gateway: GatewayBook
    traces: TraceBook
    logs: Ring[LogEntry]
    usage: UsageMeter
    limit_clients: LimitClients
    events: EventHandlers
    sagas: SagaHandlers
    traffic: TrafficHandlers
    timeline: TimelineHandlers
    faults: FaultHandlers

    async def system(self, _: Call) -> System:
        return self.views.system(await self._processes())

    async def processes(self, call: Call) -> Page[Process]:
        return page_of(await self._processes(), lambda row: row.name, call.query)

    async def _processes(self) -> list[Process]:
        pids = [row.pid for row in self.views.processes({}) if row.pid is not None]
        return self.views.processes(await self.usage.read(pids))

    async def services(self, call: Call) -> Page[Service]:
        return page_of(self.views.services(), lambda row: row.name, call.query)

    async def patch_service(self, call: Call) -> Service:
        name = call.path["service"]
        known = self.settings.current.services
        if name not in known:
            raise ApiError("NOT_FOUND", f"there is no service {name!r}; there are: {', '.join(known)}")
        await self.rollout.patch({"services": {name: _given(call.body)}}, if_match=call.if_match)
        return self.views.service(name)

    async def list_instances(self, call: Call) -> Page[Instance]:
        return page_of(self.views.instances(), lambda row: row.id, call.query)

    async def act_on_instance(self, call: Call) -> ActionResult:
        instance = self.instances.get(call.path["id"])
        if instance.external:
            raise ApiError(
                "CONFLICT",
                f"{instance.id} was not started by this system, so its process is not ours to touch",
            )
        return await self._act(call, instance.id)

    async def act_on_process(self, call: Call) -> ActionResult:
        return await self._act(call, call.path["name"])

    async def _act(self, call: Call, slot: str) -> ActionResult:
        action = call.path["action"]
        if action not in NAMES:
            raise ApiError("NOT_FOUND", f"there is no action {action!r}; there are: {', '.join(NAMES)}")
        return await self.actions.act(slot, action, hold_lock=call.body.hold_lock if call.body else False)

    async def register(self, call: Call) -> Registered:
        service = call.path["service"]
        known = self.settings.current.services
        if service not in known:
            raise ApiError(
                "NOT_FOUND",
                f"there is no service {service!r}; there are: {', '.join(known)}. Add one of the kind 'external' to the "
                "settings for a service of your own",
            )
        return self.external.register(service, _name(call, "id"), call.body)

    async def heartbeat(self, call: Call) -> Registered:
        return self.external.heartbeat(call.path["service"], call.path["id"])

    async def deregister(self, call: Call) -> None:
        self.external.deregister(call.path["service"], call.path["id"])

    async def read_journal(self, call: Call) -> Page[Change]:
        return newest_first(self.journal, call.query)

    async def read_requests(self, call: Call) -> Page[RequestRecord]:
        query: RequestQuery = call.query
        return newest_first(self.requests, query, query.wants)

    async def read_logs(self, call: Call) -> Page[LogEntry]:
        query: LogQuery = call.query
        return newest_first(self.logs, query, lambda entry: _matches(entry, query))

    async def read_settings(self, _: Call) -> SettingsState:
        return self.settings.shown

    async def patch_settings(self, call: Call) -> SettingsState:
        return shown(await self.rollout.patch(call.body, if_match=call.if_match))

    async def read_limits(self, _: Call) -> LimitSettings:
        return self.settings.current.limits

    async def patch_limits(self, call: Call) -> LimitSettings:
        state = await self.rollout.patch({"limits": _given(call.body)}, if_match=call.if_match)
        return state.settings.limits

    async def read_gateway(self, _: Call) -> GatewayTotals:
        if self.gateway.totals is None:
            raise ApiError("SERVICE_UNAVAILABLE", "the gateway has not said anything of itself yet")
        return self.gateway.totals

    async def read_upstreams(self, call: Call) -> Page[Upstream]:
        rows = [self.gateway.upstreams[name] for name in sorted(self.gateway.upstreams)]
        return page_of(rows, lambda row: row.service, call.query)

    async def read_picks(self, call: Call) -> Page[Pick]:
        query: GatewayQuery = call.query
        return newest_first(self.gateway.picks, query, lambda pick: query.service in ("", pick.service))

    async def read_decisions(self, call: Call) -> Page[Decision]:
        query: GatewayQuery = call.query
        return newest_first(self.gateway.decisions, query, lambda turn: query.service in ("", turn.service))

    async def read_trace(self, call: Call) -> Trace:
        return self.traces.get(call.path["id"])

    async def list_limit_clients(self, call: Call) -> Page[LimitClient]:
        return await self.limit_clients.page(call.query)

    async def reset_limit_client(self, call: Call) -> None:
        await self.limit_clients.reset(call.path["key"])

    async def reset_limit_clients(self, _: Call) -> None:
        await self.limit_clients.reset_all()


def operations(do: Handlers) -> list[Operation]:
    """The table. `GET /v1/stream` and the agents' link are WebSockets and stand beside it."""
    return [
        Operation(
            method="GET",
            path="/v1/system",
            summary="The system as a whole: version, status and why, uptime, addresses, processes with memory and CPU",
            handler=do.system,
            response=System,
        ),
        Operation(
            method="GET",
            path="/v1/processes",
            summary="Every process of the system",
            handler=do.processes,
            response=Page[Process],
            query=PageQuery,
        ),
        Operation(
            method="POST",
            path="/v1/processes/{name}/{action}",
            summary="kill, terminate, freeze, thaw, restart or drain a process",
            handler=do.act_on_process,
            response=ActionResult,
            body=ActionOptions,
            body_required=False,
            errors=("NOT_FOUND", "CONFLICT"),
        ),
        Operation(
            method="GET",
            path="/v1/services",
            summary="Every service, with its instances and why fewer than all are in rotation",
            handler=do.services,
            response=Page[Service],
            query=PageQuery,
        ),
        Operation(
            method="PATCH",
            path="/v1/services/{service}",
            summary="Change the replicas or the balancing strategy of a service",
            handler=do.patch_service,
            response=Service,
            body=ServicePatch,
            if_match=True,
            errors=("NOT_FOUND", "PRECONDITION_FAILED"),
        ),
        Operation(
            method="GET",
            path="/v1/instances",
            summary="Every instance, ours and registered ones, with status, reason and what callers saw of it",
            handler=do.list_instances,
            response=Page[Instance],
            query=PageQuery,
        ),
        Operation(
            method="POST",
            path="/v1/instances/{id}/{action}",
            summary="kill, terminate, freeze, thaw, restart or drain an instance",
            handler=do.act_on_instance,
            response=ActionResult,
            body=ActionOptions,
            body_required=False,
            errors=("NOT_FOUND", "CONFLICT"),
        ),
        Operation(
            method="PUT",
            path="/v1/registry/{service}/{id}",
            summary="Register an instance that this system did not start; renew it within its ttl",
            handler=do.register,
            response=Registered,
            body=Registration,
            status=201,
            errors=("NOT_FOUND", "CONFLICT"),
        ),
        Operation(
            method="POST",
            path="/v1/registry/{service}/{id}/heartbeat",
            summary="Renew a registration",
            handler=do.heartbeat,
            response=Registered,
            errors=("NOT_FOUND",),
        ),
        Operation(
            method="DELETE",
            path="/v1/registry/{service}/{id}",
            summary="Take a registration back",
            handler=do.deregister,
            response=None,
            status=204,
            errors=("NOT_FOUND",),
        ),
        Operation(
            method="GET",
            path="/v1/registry/journal",
            summary="Changes of status and rotation, newest first",
            handler=do.read_journal,
            response=Page[Change],
            query=PageQuery,
        ),
        Operation(
            method="GET",
            path="/v1/requests",
            summary="Requests through the gateway, newest first",
            handler=do.read_requests,
            response=Page[RequestRecord],
            query=RequestQuery,
        ),
        Operation(
            method="GET",
            path="/v1/traces/{id}",
            summary="What happened to a request that was sampled, process by process",
            handler=do.read_trace,
            response=Trace,
            errors=("NOT_FOUND",),
        ),
        Operation(
            method="GET",
            path="/v1/gateway",
            summary="The gateway as a whole, and what is asked of each route",
            handler=do.read_gateway,
            response=GatewayTotals,
            errors=("SERVICE_UNAVAILABLE",),
        ),
        Operation(
            method="GET",
            path="/v1/upstreams",
            summary="Every service as the gateway balances it: shares, breakers, budgets, queues",
            handler=do.read_upstreams,
            response=Page[Upstream],
            query=PageQuery,
        ),
        Operation(
            method="GET",
            path="/v1/picks",
            summary="Choices of an instance with their reasons, of sampled requests, newest first",
            handler=do.read_picks,
            response=Page[Pick],
            query=GatewayQuery,
        ),
        Operation(
            method="GET",
            path="/v1/decisions",
            summary="Turns in how services are called, of breakers, ejections and the like, newest first",
            handler=do.read_decisions,
            response=Page[Decision],
            query=GatewayQuery,
        ),
        Operation(
            method="GET",
            path="/v1/logs",
            summary="The log lines of all processes, newest first",
            handler=do.read_logs,
            response=Page[LogEntry],
            query=LogQuery,
        ),
        Operation(
            method="GET",
            path="/v1/settings",
            summary="The settings and their revision; passwords are masked",
            handler=do.read_settings,
            response=SettingsState,
        ),
        Operation(
            method="PATCH",
            path="/v1/settings",
            summary="Change settings by a merge patch (RFC 7396), all at once or not at all",
            handler=do.patch_settings,
            response=SettingsState,
            body=dict[str, Any],
            if_match=True,
            errors=("PRECONDITION_FAILED",),
        ),
        Operation(
            method="GET",
            path="/v1/limits",
            summary="The rate limit in force",
            handler=do.read_limits,
            response=LimitSettings,
        ),
        Operation(
            method="PATCH",
            path="/v1/limits",
            summary="Change the rate limit",
            handler=do.patch_limits,
            response=LimitSettings,
            body=LimitPatch,
            if_match=True,
            errors=("PRECONDITION_FAILED",),
        ),
        Operation(
            method="GET",
            path="/v1/limits/clients",
            summary="What counts against each client that was seen lately, newest first",
            handler=do.list_limit_clients,
            response=Page[LimitClient],
            query=LimitClientsQuery,
            errors=("SERVICE_UNAVAILABLE",),
        ),
        Operation(
            method="DELETE",
            path="/v1/limits/clients",
            summary="Let every client's count start afresh",
            handler=do.reset_limit_clients,
            response=None,
            status=204,
            errors=("SERVICE_UNAVAILABLE",),
        ),
        Operation(
            method="DELETE",
            path="/v1/limits/clients/{key}",
            summary="Let one client's count start afresh; the key is percent-encoded",
            handler=do.reset_limit_client,
            response=None,
            status=204,
            errors=("NOT_FOUND", "SERVICE_UNAVAILABLE"),
        ),
        *event_operations(do.events),
        *saga_operations(do.sagas),
        *traffic_operations(do.traffic),
        *timeline_operations(do.timeline),
        *fault_operations(do.faults),
    ]


def _matches(entry: LogEntry, query: LogQuery) -> bool:
    if query.process and entry.process != query.process:
        return False
    if entry.level in LEVELS and LEVELS.index(entry.level) < LEVELS.index(query.level):
        return False
    return query.q.casefold() in f"{entry.logger} {entry.message} {entry.trace}".casefold()


def _given(patch: Any) -> dict[str, Any]:
    """The fields that were sent; an unset field is no wish, not a wish for nothing."""
    fields: dict[str, Any] = msgspec.to_builtins(patch)
    return {name: value for name, value in fields.items() if value is not None}


def _name(call: Call, field: str) -> str:
    """A name from the path that will be shown, and used as a key."""
    value = call.path[field]
    if not (0 < len(value) <= MAX_NAME and value.isascii() and all(c.isalnum() or c in "-_." for c in value)):
        raise invalid(field, "must be letters, digits, '-', '_' and '.'", bound=MAX_NAME, unit="characters")
    return value
