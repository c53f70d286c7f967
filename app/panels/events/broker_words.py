"""What is said of the bus as a whole: the panel's subtitle, what is lost, and what the absence of a broker means. Pure."""

from collections.abc import Iterable
from typing import Final

from app.core import figures
from app.core.language import tr
from app.core.messages import UserMessage
from embedded_services.contracts.events import BusState, InstanceOutbox
from embedded_services.contracts.settings import BrokerSettings
from embedded_services.contracts.system import Process

FROZEN: Final = "frozen"


def subtitle(bus: BusState | None, broker: BrokerSettings | None = None, *, stale: bool) -> str:
    """`broker` is what is written down, which may come into force only later."""
    if bus is None:
        return tr("no broker")
    parts = [in_use(bus)]
    if broker is not None and (coming := next_broker(bus, broker)):
        parts.append(tr("from the next start: {broker}", broker=coming))
    if bus.connected and not stale:
        parts += _rates(bus)
    if stale:
        parts.append(tr("last reading"))
    return " · ".join(parts)


def in_use(bus: BusState | None) -> str:
    if bus is None:
        return tr("no broker")
    kind = tr("embedded broker") if bus.kind == "embedded" else tr("broker of yours")
    return f"{kind} · {_address(bus.url)}"


def next_broker(bus: BusState | None, broker: BrokerSettings) -> str:
    """What is used from the next start on; empty if it is what is used now."""
    if broker.url is None:
        return "" if bus is None or bus.kind == "embedded" else tr("embedded broker")
    is_same = bus is not None and bus.kind != "embedded" and bus.url == broker.url
    return "" if is_same else _address(broker.url)


def _address(url: str) -> str:
    """Where it is, without who asks."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].rstrip('/')}"


def _rates(bus: BusState) -> list[str]:
    if not bus.events_per_s and not bus.handled_per_s:
        return [tr("nothing passes at the moment")]
    return [
        tr("{rate} /s published", rate=figures.decimal(bus.events_per_s)),
        tr("{rate} /s handled", rate=figures.decimal(bus.handled_per_s)),
    ]


def absence(
    bus: BusState | None,
    outboxes: Iterable[InstanceOutbox],
    since: float | None,
    process: Process | None = None,
) -> UserMessage | None:
    """Why nothing passes, and what becomes of what is told meanwhile; None while all is well. `process` is the embedded
    broker: that it is frozen is known at once, while a connection notices it only when nothing comes for a while.
    """
    waiting = sum(row.waiting for row in outboxes)
    if bus is None:
        if not waiting:
            return None
        return UserMessage(tr("There is no broker: {n} wait in the outboxes.", n=_events(waiting)), _kept())
    if process is not None and process.status == FROZEN and bus.kind == "embedded":
        away = tr("The broker is frozen since {time}", time=figures.clock_time(process.since))
        problem = process.reason
    elif bus.connected:
        return None
    elif since is None:
        away, problem = tr("The broker is away"), bus.problem
    else:
        away, problem = tr("The broker is away since {time}", time=figures.clock_time(since)), bus.problem
    text = tr("{away}; {n} wait in the outboxes.", away=away, n=_events(waiting)) if waiting else f"{away}."
    return UserMessage(text, _because(problem))


def _events(count: int) -> str:
    return tr("1 event") if count == 1 else tr("{n} events", n=figures.count(count))


def _because(problem: str) -> str:
    return f"{tr('Why: {why}.', why=problem.rstrip('.'))} {_kept()}" if problem else _kept()


def _kept() -> str:
    return tr("Services go on, and what they tell is published in order once there is one.")
