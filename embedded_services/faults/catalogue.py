"""All kinds of fault, each described once: who carries it out, what it may be aimed at, its parameters, what a client sees.

Everything else about kinds (validation, the catalogue that the window is told, OpenAPI) is derived from these rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import msgspec

from embedded_services.contracts.errors import ApiError, ErrorDetail
from embedded_services.contracts.faults import (
    FaultCatalogue,
    FaultFamily,
    FaultKindInfo,
    FaultLayer,
    FaultScope,
)
from embedded_services.contracts.validation import convert_builtins, refusal
from embedded_services.faults import params
from embedded_services.faults.param_forms import forms_of
from embedded_services.faults.params import Params

_REQUEST: Final = (FaultScope.REQUEST,)
_BOTH: Final = (FaultScope.REQUEST, FaultScope.CONNECTION)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """The fields of `contracts.faults.FaultKindInfo`, and the type of its parameters."""

    name: str
    family: FaultFamily
    layer: FaultLayer
    title: str
    sees: str
    help: str
    needs: tuple[str, ...]
    allows: tuple[str, ...] = ()
    params: type[Params] = Params
    scopes: tuple[FaultScope, ...] = _REQUEST
    exclusive: bool = False
    draws: bool = True
    armable: bool = True

    @cached_property
    def info(self) -> FaultKindInfo:
        return FaultKindInfo(
            kind=self.name,
            family=self.family,
            layer=self.layer,
            title=self.title,
            sees=self.sees,
            help=self.help,
            needs=list(self.needs),
            allows=list(self.allows),
            scopes=list(self.scopes),
            params=forms_of(self.params),
            exclusive=self.exclusive,
            draws=self.draws,
            armable=self.armable,
        )

    @cached_property
    def _param_names(self) -> list[str]:
        return [form.name for form in self.info.params]

    def read(self, given: Mapping[str, Any]) -> Params:
        """The parameters, complete. Raises ApiError VALIDATION_FAILED with the field, its bound and unit."""
        try:
            return convert_builtins(dict(given), self.params)
        except ApiError as error:
            raise refusal(
                self._in_params((error.details or [ErrorDetail("params", error.message)])[0])
            ) from error

    def _in_params(self, detail: ErrorDetail) -> ErrorDetail:
        field = "params" if detail.field == "body" else f"params.{detail.field}"
        message = detail.message
        if detail.field == "body" and (named := message.partition(" "))[0] in self._param_names:
            field, message = f"params.{named[0]}", named[2]
        if message == "is not a known field":
            known = ", ".join(self._param_names) or "none"
            message = f"is not a parameter of {self.name}; there are: {known}"
        return msgspec.structs.replace(detail, field=field, message=message)


def _process(name: str, title: str, sees: str, help_: str, **more: Any) -> Kind:
    return Kind(
        name=name,
        family=FaultFamily.PROCESS,
        layer=more.pop("layer", FaultLayer.CONTROL),
        title=title,
        sees=sees,
        help=help_,
        needs=("instance", "process"),
        exclusive=True,
        draws=False,
        **more,
    )


def _edge(name: str, title: str, sees: str, help_: str, of: type[Params]) -> Kind:
    return Kind(
        name=name,
        family=FaultFamily.EDGE,
        layer=FaultLayer.EDGE,
        title=title,
        sees=sees,
        help=help_,
        needs=("service", "instance", "route"),
        allows=("process", "method", "header", "user"),
        params=of,
        scopes=_BOTH,
    )


def _health(name: str, title: str, sees: str, help_: str, of: type[Params]) -> Kind:
    return Kind(
        name=name,
        family=FaultFamily.HEALTH,
        layer=FaultLayer.SERVICE,
        title=title,
        sees=sees,
        help=help_,
        needs=("service", "instance"),
        params=of,
    )


def _message(name: str, title: str, sees: str, help_: str, of: type[Params], needs: tuple[str, ...]) -> Kind:
    return Kind(
        name=name,
        family=FaultFamily.MESSAGING,
        layer=FaultLayer.BUS,
        title=title,
        sees=sees,
        help=help_,
        needs=needs,
        allows=("instance",),
        params=of,
    )


def _data(name: str, title: str, sees: str, help_: str, of: type[Params], *, draws: bool = True) -> Kind:
    return Kind(
        name=name,
        family=FaultFamily.DATA,
        layer=FaultLayer.DATABASE,
        title=title,
        sees=sees,
        help=help_,
        needs=("service",),
        params=of,
        draws=draws,
    )


def _saga(name: str, title: str, sees: str, help_: str, of: type[Params]) -> Kind:
    return Kind(
        name=name,
        family=FaultFamily.SAGA,
        layer=FaultLayer.ORCHESTRATOR,
        title=title,
        sees=sees,
        help=help_,
        needs=("step",),
        allows=("saga",),
        params=of,
    )


def _token(name: str, title: str, sees: str, help_: str) -> Kind:
    return Kind(
        name=name,
        family=FaultFamily.AUTH,
        layer=FaultLayer.CONSOLE,
        title=title,
        sees=sees,
        help=help_,
        needs=(),
        draws=False,
        armable=False,
    )


_ALL: Final = (
    _process(
        "kill",
        "Kill",
        "Nothing, or a 503 when it is the last instance",
        "SIGKILL, in the middle of whatever it does. A new process starts at once, unless it is to stay down.",
        params=params.StayDown,
    ),
    _process(
        "terminate",
        "Terminate",
        "Nothing: it leaves the rotation first",
        "SIGTERM: it finishes what is under way, then ends. A new process starts, unless it is to stay down.",
        params=params.StayDown,
    ),
    _process(
        "freeze",
        "Freeze",
        "Slow for a second, then nothing: others take over",
        "SIGSTOP: it keeps its connections and answers nobody, until the fault ends.",
        params=params.Freeze,
    ),
    _process(
        "restart",
        "Restart",
        "Nothing when two instances run",
        "It leaves the rotation, ends, and a new process starts.",
    ),
    _process(
        "crash-loop",
        "Crash loop",
        "Retries while it lasts; 503 when it is the last instance",
        "It is killed again each time it has come up, until the fault ends.",
        params=params.CrashLoop,
    ),
    _process(
        "cpu-burn",
        "Burn CPU",
        "A higher p99 on one instance",
        "Threads in the process itself compete with its work.",
        params=params.CpuBurn,
        layer=FaultLayer.PROCESS,
    ),
    _edge(
        "latency",
        "Latency",
        "Slower answers; 504 above the timeout",
        "Calls are held up before they reach the instance.",
        params.Delay,
    ),
    _edge(
        "abort",
        "Abort",
        "The status, when all tries are hit",
        "The instance is not asked; it seems to have answered with an error.",
        params.Abort,
    ),
    _edge(
        "drop-connection",
        "Drop connection",
        "502 when all tries are hit",
        "The connection ends without an answer.",
        params.DropConnection,
    ),
    _edge(
        "truncate-body",
        "Truncate body",
        "502 when all tries are hit; a large answer breaks off",
        "The answer's head promises more than comes.",
        params.TruncateBody,
    ),
    _edge(
        "malformed-body",
        "Malformed body",
        "200 with a body that is no JSON, or 502",
        "The answer arrives, and cannot be understood.",
        params.MalformedBody,
    ),
    _edge(
        "bandwidth",
        "Bandwidth",
        "Large answers arrive slowly",
        "Bodies travel at a limited rate.",
        params.Bandwidth,
    ),
    _health(
        "lying-health",
        "Lying health",
        "Errors, though all is shown as healthy",
        "Its health check says 200 while its requests fail.",
        params.LyingHealth,
    ),
    _health(
        "false-alarm",
        "False alarm",
        "Nothing: a good instance is sent away",
        "Its health check says 503 while its requests work.",
        params.FalseAlarm,
    ),
    _message(
        "publish-failure",
        "Publish failure",
        "Nothing: the outbox keeps the event until it gets through",
        "Publishing an event fails.",
        params.PublishFailure,
        ("service", "event"),
    ),
    _message(
        "handler-failure",
        "Handler failure",
        "Late effects, and dead letters",
        "Handling a message fails: it is tried again, and ends as a dead letter.",
        params.HandlerFailure,
        ("service", "queue", "event"),
    ),
    _message(
        "duplicate",
        "Duplicate",
        "Nothing: the inbox knows the message",
        "A message is delivered more than once.",
        params.Duplicate,
        ("service", "queue", "event"),
    ),
    _message(
        "delay",
        "Delay messages",
        "Late effects",
        "Messages are held back before they are handled.",
        params.Delay,
        ("service", "queue", "event"),
    ),
    _message(
        "reorder",
        "Reorder messages",
        "Nothing: older revisions are ignored",
        "Messages are handled in another order than they were sent in.",
        params.Reorder,
        ("service", "queue", "event"),
    ),
    _data(
        "slow-database",
        "Slow database",
        "Slower answers from one service; 504 above the timeout",
        "Every transaction takes longer, in all instances of the service.",
        params.Delay,
    ),
    _data(
        "locked-database",
        "Locked database",
        "Writes to one service wait or fail; reads go on",
        "Somebody else holds the write lock of the service's database.",
        params.LockedDatabase,
        draws=False,  # it is held by nobody's request
    ),
    _saga(
        "fail-step",
        "Fail step",
        "The order is undone",
        "The step is refused without its service being asked.",
        params.FailStep,
    ),
    _saga(
        "reply-lost",
        "Reply lost",
        "Nothing, or the order is undone",
        "The service did it, and its answer never came: the outcome is unknown.",
        params.FailStep,
    ),
    _saga(
        "fail-compensation",
        "Fail compensation",
        "An order that is half undone, until a person decides",
        "Undoing the step fails; it is tried again.",
        params.FailCompensation,
    ),
    _saga(
        "crash-orchestrator",
        "Crash orchestrator",
        "A pause; then the saga goes on where it was",
        "The orchestrator dies right after the step is on disk, and a new one recovers.",
        params.CrashOrchestrator,
    ),
    _token(
        "expired-token",
        "Expired token",
        "403 INVALID_TOKEN",
        "A token whose time is over, signed as it should be.",
    ),
    _token(
        "wrong-signature",
        "Wrong signature",
        "403 INVALID_TOKEN",
        "A token that somebody else has signed.",
    ),
    _token(
        "alg-none-token",
        "Unsigned token (alg: none)",
        "403 INVALID_TOKEN",
        "A token that claims to need no signature.",
    ),
)

KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in _ALL}


def catalogue() -> FaultCatalogue:
    return FaultCatalogue(items=[kind.info for kind in _ALL])


def kind_of(name: str) -> Kind:
    """Raises ApiError VALIDATION_FAILED, with the kinds that there are."""
    found = KINDS.get(name)
    if found is None:
        raise refusal(
            ErrorDetail(
                field="kind", message=f"{name!r} is not a kind of fault; there are: {', '.join(KINDS)}"
            )
        )
    return found
