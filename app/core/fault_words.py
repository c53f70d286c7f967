"""Faults in the window's words: kinds, families, parameters, targets, durations. Pure.

The catalogue comes from the control plane in English. A kind or a parameter that is known here is said in the window's
language; another one as the catalogue says it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.core.language import tr
from embedded_services.contracts.faults import Fault, FaultKindInfo, FaultParam, FaultTarget

FAMILIES: Final = ("process", "http-edge", "health", "messaging", "data", "saga", "auth")
"""In the order of the catalogue."""

ICONS: Final[Mapping[str, str]] = {
    "kill": "kill",
    "terminate": "terminate",
    "freeze": "freeze",
    "restart": "restart",
    "crash-loop": "restart",
    "cpu-burn": "services",
    "latency": "clock",
    "abort": "breaker-open",
    "drop-connection": "kill",
    "truncate-body": "edit",
    "malformed-body": "edit",
    "bandwidth": "traffic",
    "lying-health": "traffic",
    "false-alarm": "traffic",
    "publish-failure": "events",
    "handler-failure": "events",
    "duplicate": "copy",
    "delay": "clock",
    "reorder": "sagas",
    "slow-database": "database",
    "locked-database": "database",
    "fail-step": "sagas",
    "reply-lost": "sagas",
    "fail-compensation": "undo",
    "crash-orchestrator": "kill",
    "expired-token": "key",
    "wrong-signature": "key",
    "alg-none-token": "key",
}


@dataclass(frozen=True)
class KindWords:
    """`name` is the kind itself, as in the API; `sees` is what a client will see of it; `help` what is done."""

    name: str
    sees: str
    help: str
    icon: str


def kind_words(info: FaultKindInfo) -> KindWords:
    sees, help_ = _kinds().get(info.kind, (info.sees, info.help))
    return KindWords(info.kind, sees, help_, ICONS.get(info.kind, "bolt"))


def family_words() -> dict[str, tuple[str, str]]:
    """The family's name, and what its faults have in common."""
    return {
        "process": (tr("Process"), tr("real signals to real processes")),
        "http-edge": (tr("HTTP edge"), tr("after the balancer has chosen, so retries and breakers see it")),
        "health": (tr("Health"), tr("what a check says against what requests do")),
        "messaging": (tr("Messaging"), tr("where events are published and handled")),
        "data": (tr("Data"), tr("the database that a service's instances share")),
        "saga": (tr("Saga"), tr("steps and compensations, as the orchestrator meets them")),
        "auth": (tr("Auth"), tr("sent from the request console")),
    }


def param_word(param: FaultParam) -> str:
    return _params().get(param.title, param.title)


def choice_word(choice: str) -> str:
    return _choices().get(choice, choice)


def unit_word(unit: str | None) -> str:
    return {"s": tr("s"), "ms": tr("ms"), "messages": tr("messages")}.get(unit or "", unit or "")


# --- a fault that was armed -------------------------------------------------------------------------------------------


def headline(fault: Fault) -> str:
    """`abort 503`, `latency 300 ms`, `freeze`: the kind, and the one parameter that tells most."""
    return f"{fault.kind} {tell}" if (tell := _telling(fault.params, fault.kind)) else fault.kind


def _telling(params: Mapping[str, Any], kind: str) -> str:
    if params.get("distribution") == "lognormal":
        return _figure(params.get("medianMs"), tr("ms"))
    if "distribution" in params:
        spread = "" if params["distribution"] == "fixed" else f" ± {params.get('jitterMs', 0):g}"
        return f"{params.get('ms', 0):g}{spread} " + tr("ms")
    if kind in ("abort", "lying-health", "false-alarm"):
        return _figure(params.get("status"), "")
    if "kbPerS" in params:
        return _figure(params["kbPerS"], "kB/s")
    if "dutyPercent" in params:
        return _figure(params["dutyPercent"], "%")
    return ""


def _figure(value: Any, unit: str) -> str:
    return f"{value:g} {unit}".strip() if isinstance(value, int | float) else ""


def where(target: FaultTarget, family: str) -> str:
    """What it acts on, as a sentence's end: `calls to order, from any caller`, `process payment-2`."""
    if family == "process":
        return tr("process {name}", name=target.instance or target.process or "")
    if family == "http-edge":
        return _calls(target)
    if family == "saga":
        step = tr("step {step}", step=target.step or "")
        return tr("{step} of {saga}", step=step, saga=target.saga) if target.saga else step
    parts = []
    if target.queue:
        parts.append(tr("queue {name}", name=target.queue))
    if target.event:
        parts.append(tr("events {name}", name=target.event))
    if target.instance or target.service:
        parts.append(target.instance or target.service or "")
    return " · ".join(parts)


def _calls(target: FaultTarget) -> str:
    to = target.instance or target.service
    parts = [tr("calls to {name}", name=to) if to else tr("calls")]
    if target.method or target.route:
        parts.append(" ".join(part for part in (target.method, target.route) if part))
    if target.header:
        parts.append(tr("with {header}", header=target.header))
    if target.user:
        parts.append(tr("of {user}", user=target.user))
    parts.append(tr("from {name}", name=target.process) if target.process else tr("from any caller"))
    return ", ".join(parts)


def lasts(ttl: float) -> str:
    """`15 s`, `5 min`, `1 h`."""
    if ttl >= 3600 and ttl % 3600 == 0:
        return tr("{n} h", n=f"{ttl / 3600:g}")
    if ttl >= 120 and ttl % 60 == 0:
        return tr("{n} min", n=f"{ttl / 60:g}")
    return tr("{n} s", n=f"{ttl:g}")


# --- tables, looked up in the window's language -----------------------------------------------------------------------


def _kinds() -> dict[str, tuple[str, str]]:
    """What the client sees, and what is done."""
    return {
        "kill": (
            tr("Nothing, or a 503 when it is the last instance"),
            tr("SIGKILL, in the middle of whatever it does. A new process starts at once, unless it is to stay down."),
        ),
        "terminate": (
            tr("Nothing: it leaves the rotation first"),
            tr("SIGTERM: it finishes what is under way, then ends. A new process starts, unless it is to stay down."),
        ),
        "freeze": (
            tr("Slow for a second, then nothing: others take over"),
            tr("SIGSTOP: it keeps its connections and answers nobody, until the fault ends."),
        ),
        "restart": (
            tr("Nothing when two instances run"),
            tr("It leaves the rotation, ends, and a new process starts."),
        ),
        "crash-loop": (
            tr("Retries while it lasts; 503 when it is the last instance"),
            tr("It is killed again each time it has come up, until the fault ends."),
        ),
        "cpu-burn": (
            tr("A higher p99 on one instance"),
            tr("Threads in the process itself compete with its work."),
        ),
        "latency": (
            tr("Slower answers; 504 above the timeout"),
            tr("Calls are held up before they reach the instance."),
        ),
        "abort": (
            tr("The status, when all tries are hit"),
            tr("The instance is not asked; it seems to have answered with an error."),
        ),
        "drop-connection": (
            tr("502 when all tries are hit"),
            tr("The connection ends without an answer."),
        ),
        "truncate-body": (
            tr("502 when all tries are hit; a large answer breaks off"),
            tr("The answer's head promises more than comes."),
        ),
        "malformed-body": (
            tr("200 with a body that is no JSON, or 502"),
            tr("The answer arrives, and cannot be understood."),
        ),
        "bandwidth": (tr("Large answers arrive slowly"), tr("Bodies travel at a limited rate.")),
        "lying-health": (
            tr("Errors, though all is shown as healthy"),
            tr("Its health check says 200 while its requests fail."),
        ),
        "false-alarm": (
            tr("Nothing: a good instance is sent away"),
            tr("Its health check says 503 while its requests work."),
        ),
        "publish-failure": (
            tr("Nothing: the outbox keeps the event until it gets through"),
            tr("Publishing an event fails."),
        ),
        "handler-failure": (
            tr("Late effects, and dead letters"),
            tr("Handling a message fails: it is tried again, and ends as a dead letter."),
        ),
        "duplicate": (
            tr("Nothing: the inbox knows the message"),
            tr("A message is delivered more than once."),
        ),
        "delay": (tr("Late effects"), tr("Messages are held back before they are handled.")),
        "reorder": (
            tr("Nothing: older revisions are ignored"),
            tr("Messages are handled in another order than they were sent in."),
        ),
        "slow-database": (
            tr("Slower answers from one service; 504 above the timeout"),
            tr("Every transaction takes longer, in all instances of the service."),
        ),
        "locked-database": (
            tr("Writes to one service wait or fail; reads go on"),
            tr("Somebody else holds the write lock of the service's database."),
        ),
        "fail-step": (
            tr("The order is undone"),
            tr("The step is refused without its service being asked."),
        ),
        "reply-lost": (
            tr("Nothing, or the order is undone"),
            tr("The service did it, and its answer never came: the outcome is unknown."),
        ),
        "fail-compensation": (
            tr("An order that is half undone, until a person decides"),
            tr("Undoing the step fails; it is tried again."),
        ),
        "crash-orchestrator": (
            tr("A pause; then the saga goes on where it was"),
            tr("The orchestrator dies right after the step is on disk, and a new one recovers."),
        ),
        "expired-token": (
            tr("403 INVALID_TOKEN"),
            tr("A token whose time is over, signed as it should be."),
        ),
        "wrong-signature": (tr("403 INVALID_TOKEN"), tr("A token that somebody else has signed.")),
        "alg-none-token": (tr("403 INVALID_TOKEN"), tr("A token that claims to need no signature.")),
    }  # fmt: skip


def _params() -> dict[str, str]:
    """By the catalogue's title."""
    return {
        "After": tr("After"),
        "For": tr("Lasting"),
        "Every": tr("Every"),
        "Grows over": tr("Grows over"),
        "Shape": tr("Shape"),
        "Time": tr("Time"),
        "Jitter": tr("Jitter"),
        "Median": tr("Median"),
        "Sigma": tr("Sigma"),
        "Stays down": tr("Stays down"),
        "With its locks": tr("With its locks"),
        "Lives for": tr("Lives for"),
        "Threads": tr("Threads"),
        "Duty": tr("Duty"),
        "Status": tr("Status"),
        "When": tr("When"),
        "Arrives": tr("Arrives"),
        "What": tr("What"),
        "Rate": tr("Rate"),
        "How": tr("How"),
        "Poison": tr("Poison"),
        "Copies": tr("Copies"),
        "Window": tr("Window"),
        "At most": tr("At most"),
        "Held for": tr("Held for"),
        "Free for": tr("Free for"),
        "Times": tr("Times"),
        "When undoing": tr("When undoing"),
        "For good": tr("For good"),
        "Before the call": tr("Before the call"),
    }


def _choices() -> dict[str, str]:
    return {
        "fixed": tr("fixed"),
        "uniform": tr("uniform"),
        "normal": tr("normal"),
        "lognormal": tr("lognormal"),
        "before-request": tr("before the request"),
        "after-request": tr("after the request"),
        "json": tr("no JSON"),
        "http": tr("no HTTP"),
        "refused": tr("refused"),
        "unconfirmed": tr("unconfirmed"),
    }
