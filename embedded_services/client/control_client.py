"""The control API, for the window and for scripts: one method a call, the contracts' types in and out.

Every call is bounded in time and in the size of its answer, goes to the control plane directly (no proxy from the
environment) and is tried once: only the caller knows whether it may be repeated.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Final, Literal, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from embedded_services.client.errors import ControlError
from embedded_services.contracts.errors import ErrorEnvelope
from embedded_services.contracts.events import (
    BrokerTest,
    BrokerTestQuery,
    EventPage,
    EventQuery,
    InstanceOutbox,
    NewEvent,
    Published,
)
from embedded_services.contracts.faults import (
    Fault,
    FaultCatalogue,
    FaultPatch,
    FaultState,
    NewFault,
    Restored,
)
from embedded_services.contracts.gateway import LimitClient
from embedded_services.contracts.instances import Change, Instance
from embedded_services.contracts.ledger import Ledger
from embedded_services.contracts.limits import LimitPatch, LimitSettings
from embedded_services.contracts.logs import LogEntry
from embedded_services.contracts.queues import (
    DeadLetter,
    DeadLetterPage,
    DeadLetterQuery,
    QueueState,
    Replay,
    ReplayOptions,
    ReplayRequest,
)
from embedded_services.contracts.sagas import (
    NewSaga,
    Saga,
    SagaAction,
    SagaDefinition,
    SagaPage,
    SagaQuery,
    SagaStarted,
)
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
from embedded_services.contracts.timeline import TimelinePage, TimelineQuery
from embedded_services.contracts.traces import Trace
from embedded_services.contracts.traffic import Traffic, TrafficWish
from embedded_services.contracts.wire import Page

CONNECT_S: Final = 1.0
CALL_S: Final = 5.0
MAX_BYTES: Final = 16 * 1024 * 1024

Action = Literal["kill", "terminate", "freeze", "thaw", "restart", "drain"]
SagaActionName = Literal["retry", "skip", "cancel", "next"]
T = TypeVar("T")


class ControlClient:
    """`async with ControlClient(runtime.control, runtime.token) as control:`. Every call may raise ControlError."""

    def __init__(
        self, base_url: str, token: str, *, timeout_s: float = CALL_S, max_bytes: int = MAX_BYTES
    ) -> None:
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s)),
            trust_env=False,
            verify=False,  # noqa: S501 - it speaks plain HTTP on this machine, and loading certificates takes 40 ms
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    # --- the system -----------------------------------------------------------------------------------------------

    async def system(self) -> System:
        return await self._call("GET", "/v1/system", System)

    async def processes(self, *, cursor: str = "", limit: int = 100) -> Page[Process]:
        return await self._page("/v1/processes", Page[Process], cursor, limit)

    async def act_on_process(self, name: str, action: Action) -> ActionResult:
        return await self._call("POST", f"/v1/processes/{_part(name)}/{action}", ActionResult)

    async def services(self, *, cursor: str = "", limit: int = 100) -> Page[Service]:
        return await self._page("/v1/services", Page[Service], cursor, limit)

    async def patch_service(self, service: str, patch: ServicePatch) -> Service:
        return await self._call("PATCH", f"/v1/services/{_part(service)}", Service, body=patch)

    async def instances(self, *, cursor: str = "", limit: int = 100) -> Page[Instance]:
        return await self._page("/v1/instances", Page[Instance], cursor, limit)

    async def act_on_instance(
        self, instance: str, action: Action, *, hold_lock: bool = False
    ) -> ActionResult:
        """`hold_lock` (freeze only): do not wait for a transaction boundary."""
        body = {"holdLock": True} if hold_lock else None
        return await self._call("POST", f"/v1/instances/{_part(instance)}/{action}", ActionResult, body=body)

    # --- the registry ---------------------------------------------------------------------------------------------

    async def register(self, service: str, instance: str, registration: Registration) -> Registered:
        return await self._call("PUT", _registered(service, instance), Registered, body=registration)

    async def heartbeat(self, service: str, instance: str) -> Registered:
        return await self._call("POST", f"{_registered(service, instance)}/heartbeat", Registered)

    async def deregister(self, service: str, instance: str) -> None:
        await self._call("DELETE", _registered(service, instance), type(None))

    async def journal(self, *, cursor: str = "", limit: int = 100) -> Page[Change]:
        """Changes of status, newest first."""
        return await self._page("/v1/registry/journal", Page[Change], cursor, limit)

    # --- settings, limits, requests -------------------------------------------------------------------------------

    async def settings(self) -> SettingsState:
        return await self._call("GET", "/v1/settings", SettingsState)

    async def patch_settings(
        self, patch: Mapping[str, Any], *, if_revision: int | None = None
    ) -> SettingsState:
        """A merge patch (RFC 7396) in the wire's names; with `if_revision`, only if nobody changed them since."""
        headers = {} if if_revision is None else {"If-Match": f'"{if_revision}"'}
        return await self._call("PATCH", "/v1/settings", SettingsState, body=patch, headers=headers)

    async def limits(self) -> LimitSettings:
        return await self._call("GET", "/v1/limits", LimitSettings)

    async def patch_limits(self, patch: LimitPatch) -> LimitSettings:
        return await self._call("PATCH", "/v1/limits", LimitSettings, body=patch)

    async def limit_clients(
        self, *, cursor: str = "", limit: int = 100, q: str = "", limited: bool = False
    ) -> Page[LimitClient]:
        """What counts against each client, the one seen last first. `q` is a text that the key contains; `limited` wants
        only those at their limit."""
        narrowed = {"q": q, "limited": "true" if limited else ""}
        return await self._page("/v1/limits/clients", Page[LimitClient], cursor, limit, narrowed)

    async def reset_limit_client(self, key: str) -> None:
        """Its count starts afresh."""
        await self._call("DELETE", f"/v1/limits/clients/{_part(key)}", type(None))

    async def reset_limit_clients(self) -> None:
        """Everybody's count starts afresh."""
        await self._call("DELETE", "/v1/limits/clients", type(None))

    async def requests(
        self,
        *,
        cursor: str = "",
        limit: int = 100,
        route: str = "",
        status: str = "",
        instance: str = "",
        trace: str = "",
        q: str = "",
    ) -> Page[RequestRecord]:
        """Requests through the gateway, newest first; of a `route` (its prefix), a `status` or class of them (`5xx`), an
        `instance` that was tried, a trace, and with a text `q` in them."""
        narrowed = {"route": route, "status": status, "instance": instance, "trace": trace, "q": q}
        return await self._page("/v1/requests", Page[RequestRecord], cursor, limit, narrowed)

    async def trace(self, trace: str) -> Trace:
        """The spans of a trace that are kept; NOT_FOUND where there are none."""
        return await self._call("GET", f"/v1/traces/{_part(trace)}", Trace)

    async def logs(
        self, *, cursor: str = "", limit: int = 100, level: str = "", process: str = "", q: str = ""
    ) -> Page[LogEntry]:
        """Log entries, newest first; a cursor is the number of the last one given, as the stream counts them.

        `level` is the least one wanted, `q` a text that the entry contains.
        """
        return await self._page(
            "/v1/logs", Page[LogEntry], cursor, limit, {"level": level, "process": process, "q": q}
        )

    # --- events ---------------------------------------------------------------------------------------------------

    async def events(self, query: EventQuery) -> EventPage:
        """Events that passed the exchange, newest first."""
        return await self._call("GET", f"/v1/events?{_query(query)}", EventPage)

    async def publish_event(self, event: NewEvent) -> Published:
        """Answered when the broker has it."""
        return await self._call("POST", "/v1/events", Published, body=event)

    async def queues(self, *, cursor: str = "", limit: int = 1000) -> Page[QueueState]:
        return await self._page("/v1/queues", Page[QueueState], cursor, limit)

    async def outbox(self, *, cursor: str = "", limit: int = 1000) -> Page[InstanceOutbox]:
        """What each instance has still to tell the broker."""
        return await self._page("/v1/outbox", Page[InstanceOutbox], cursor, limit)

    async def dead_letters(self, query: DeadLetterQuery) -> DeadLetterPage:
        return await self._call("GET", f"/v1/dead-letters?{_query(query)}", DeadLetterPage)

    async def dead_letter(self, letter: str) -> DeadLetter:
        """With its body as a whole."""
        return await self._call("GET", f"/v1/dead-letters/{_part(letter)}", DeadLetter)

    async def replay_dead_letter(self, letter: str, options: ReplayOptions | None = None) -> Published:
        """Answered when the broker has the copy, and the dead letter is gone. Without options it goes under its own id to
        the queue that failed."""
        return await self._call("POST", f"/v1/dead-letters/{_part(letter)}/replay", Published, body=options)

    async def discard_dead_letter(self, letter: str) -> None:
        await self._call("DELETE", f"/v1/dead-letters/{_part(letter)}", type(None))

    async def replay_dead_letters(self, request: ReplayRequest) -> Replay:
        """Begins; the stream's `replays` tell how far it is."""
        return await self._call("POST", "/v1/dead-letters/replay", Replay, body=request)

    async def replay(self, replay: str) -> Replay:
        return await self._call("GET", f"/v1/dead-letters/replays/{_part(replay)}", Replay)

    async def stop_replay(self, replay: str) -> Replay:
        """What is under way is finished, and nothing more begun."""
        return await self._call("DELETE", f"/v1/dead-letters/replays/{_part(replay)}", Replay)

    async def test_broker(self, url: str) -> BrokerTest:
        """Whether a broker can be used by this URL, and if not, why not."""
        return await self._call("POST", "/v1/broker/test", BrokerTest, body=BrokerTestQuery(url=url))

    # --- sagas ----------------------------------------------------------------------------------------------------

    async def start_saga(self, saga: NewSaga) -> SagaStarted:
        """It is on disk when this returns."""
        return await self._call("POST", "/v1/sagas", SagaStarted, body=saga)

    async def sagas(self, query: SagaQuery) -> SagaPage:
        """The newest first, without their journals."""
        return await self._call("GET", f"/v1/sagas?{_query(query)}", SagaPage)

    async def saga(self, saga: str) -> Saga:
        """With its journal."""
        return await self._call("GET", f"/v1/sagas/{_part(saga)}", Saga)

    async def act_on_saga(self, saga: str, action: SagaActionName, reason: str = "") -> Saga:
        """`skip` needs a reason."""
        asked = SagaAction(reason=reason)
        return await self._call("POST", f"/v1/sagas/{_part(saga)}/{action}", Saga, body=asked)

    async def saga_definitions(self) -> Page[SagaDefinition]:
        """The sagas that can be started."""
        return await self._call("GET", "/v1/sagas/definitions", Page[SagaDefinition])

    async def ledger(self) -> Ledger:
        """What must be true of all services' data together, and whether it is."""
        return await self._call("GET", "/v1/ledger", Ledger)

    # --- traffic --------------------------------------------------------------------------------------------------

    async def traffic(self) -> Traffic:
        return await self._call("GET", "/v1/traffic", Traffic)

    async def start_traffic(self, wish: TrafficWish) -> Traffic:
        """Or change the traffic that runs: what is left out stays as it is."""
        return await self._call("POST", "/v1/traffic", Traffic, body=wish)

    async def stop_traffic(self) -> Traffic:
        return await self._call("DELETE", "/v1/traffic", Traffic)

    # --- faults ---------------------------------------------------------------------------------------------------

    async def arm_fault(self, fault: NewFault) -> Fault:
        """It acts when this returns, unless it is `pending`: then its `detail` says for whom it waits."""
        return await self._call("POST", "/v1/faults", Fault, body=fault)

    async def faults(self, *, state: FaultState | None = None, limit: int = 1000) -> Page[Fault]:
        """Those in force, the newest first, then those that ended lately."""
        narrowed = {} if state is None else {"state": state.value}
        return await self._page("/v1/faults", Page[Fault], "", limit, narrowed)

    async def fault(self, fault: str) -> Fault:
        return await self._call("GET", f"/v1/faults/{_part(fault)}", Fault)

    async def fault_catalogue(self) -> FaultCatalogue:
        """The kinds that there are, and how each is described."""
        return await self._call("GET", "/v1/faults/catalogue", FaultCatalogue)

    async def extend_fault(self, fault: str, ttl: float) -> Fault:
        """It ends `ttl` seconds from now."""
        return await self._call("PATCH", f"/v1/faults/{_part(fault)}", Fault, body=FaultPatch(ttl=ttl))

    async def remove_fault(self, fault: str) -> Fault:
        return await self._call("DELETE", f"/v1/faults/{_part(fault)}", Fault)

    async def restore_all(self) -> Restored:
        """End every fault; what was frozen or kept down by one runs again."""
        return await self._call("DELETE", "/v1/faults", Restored)

    # --- timeline -------------------------------------------------------------------------------------------------

    async def timeline(self, after: int = 0, limit: int = 100) -> TimelinePage:
        """What was told after a number, the oldest first; `order` says what came before what."""
        query = _query(TimelineQuery(after=after, limit=limit))
        return await self._call("GET", f"/v1/timeline?{query}", TimelinePage)

    # --- one call -------------------------------------------------------------------------------------------------

    async def _page(
        self,
        path: str,
        kind: type[Page[T]],
        cursor: str,
        limit: int,
        narrowed: Mapping[str, str] = MappingProxyType({}),
    ) -> Page[T]:
        """`narrowed` are further parameters; an empty one is left out."""
        given = {"cursor": cursor, **narrowed}
        query = "".join(f"&{name}={quote(value, safe='')}" for name, value in given.items() if value)
        return await self._call("GET", f"{path}?limit={limit}{query}", kind)

    async def _call(
        self,
        method: str,
        url: str,
        kind: type[T],
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        sent = dict(headers or {})
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            sent["Content-Type"] = "application/json"
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._http.stream(method, url, content=content, headers=sent) as response,
            ):
                raw = await self._read(response)
        except (TimeoutError, httpx.TimeoutException) as error:
            if isinstance(error, httpx.ConnectTimeout):
                raise ControlError(
                    "UNREACHABLE", f"the control plane at {self._where} does not answer"
                ) from error
            raise ControlError(
                "TIMEOUT", f"no answer from the control plane in {self._timeout_s:g} s"
            ) from error
        except httpx.HTTPError as error:
            raise ControlError(
                "UNREACHABLE",
                f"the control plane at {self._where} cannot be reached: {str(error) or type(error).__name__}",
            ) from error
        if not response.is_success:
            raise _refused(response.status_code, raw)
        return _decode(raw, kind)

    async def _read(self, response: httpx.Response) -> bytes:
        raw = bytearray()
        async for chunk in response.aiter_bytes():
            raw += chunk
            if len(raw) > self._max_bytes:
                raise ControlError(
                    "BAD_RESPONSE", f"the control plane sent more than {self._max_bytes} bytes"
                )
        return bytes(raw)

    @property
    def _where(self) -> str:
        return str(self._http.base_url)


def _registered(service: str, instance: str) -> str:
    return f"/v1/registry/{_part(service)}/{_part(instance)}"


def _query(query: msgspec.Struct) -> str:
    """What is given of it, as the part of a URL after the question mark."""
    given = msgspec.to_builtins(query)
    return "&".join(f"{name}={quote(str(value), safe='')}" for name, value in given.items() if value)


def _part(name: str) -> str:
    return quote(name, safe="")


def _decode(raw: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw or b"null", type=kind)  # an empty answer says null
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ControlError("BAD_RESPONSE", f"the control plane's answer cannot be read: {error}") from error


def _refused(status: int, raw: bytes) -> ControlError:
    try:
        body = msgspec.json.decode(raw, type=ErrorEnvelope).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ControlError("BAD_RESPONSE", f"the control plane answered {status} without saying why", status)
    return ControlError(body.code, body.message, status, body.details or ())
