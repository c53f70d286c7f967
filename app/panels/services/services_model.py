"""The tree of services and their instances: what each cell reads. Columns are said once, for groups and for members."""

from collections.abc import Sequence
from enum import IntEnum
from functools import partial

from PySide6.QtCore import QObject

from app.core import figures
from app.core.language import tr
from app.core.reasons import spoken
from app.core.statuses import status_word
from app.panels.services.instance_actions import is_action, words
from app.panels.services.services_rows import InstanceRow, ServiceRow
from app.qt.columns import Column, Span
from app.qt.row_tree_model import RowTreeModel
from app.qt.tokens import Tone, load_tokens


class Place(IntEnum):
    """The columns from left to right. A service's strategy is written across those from PORT to P99."""

    NAME = 0
    STATUS = 1
    PORT = 2
    PID = 3
    UP = 4
    IN_FLIGHT = 5
    REQUESTS = 6
    FAILURES = 7
    P50 = 8
    P99 = 9
    LATENCY = 10
    ACTIONS = 11


class ServicesModel(RowTreeModel[ServiceRow, InstanceRow]):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(
            service_columns(), instance_columns(), lambda row: row.name, lambda row: row.id, parent
        )


def instance_columns() -> Sequence[Column[InstanceRow]]:
    doing = {key: action.doing for key, action in words().items()}

    def status(row: InstanceRow) -> Sequence[Span]:
        if row.doing is not None and is_action(row.doing):
            return (Span(doing[row.doing], "accent", strong=True),)
        is_calm = row.status == "healthy"
        word = Span(
            status_word(row.status), "text_secondary" if is_calm else tone_of(row.status), strong=not is_calm
        )
        why = Span(f" · {row.why}", "text_muted" if is_calm else "text_secondary")
        gap = (Span("  "), *_tag(row)) if row.fault else ()
        return (word, *gap, why) if row.why else (word, *gap)

    return (
        Column(
            tr("Service, instance"),
            lambda row: _joined(_instance_name(row)),
            face="small",
            spans=_instance_name,
            mark=lambda row: row.status,
            tooltip=lambda row: row.address,
            sample="notification 999.9 /s",
        ),
        Column(
            tr("Status and why"),
            lambda row: _joined(status(row)),
            face="small",
            spans=status,
            tooltip=_status_tooltip,
            stretch=True,
        ),
        Column(
            tr("Port"),
            lambda row: str(row.port),
            align="right",
            face="mono",
            tone="text_secondary",
            sample="65535",
        ),
        Column(
            tr("PID"),
            lambda row: figures.NONE if row.pid is None else str(row.pid),
            align="right",
            face="mono",
            tone="text_secondary",
            sample="000000",
        ),
        Column(
            tr("Up"),
            lambda row: figures.lasting(row.up_s),
            align="right",
            face="small",
            tone="text_secondary",
            tooltip=lambda row: "" if row.started_at is None else figures.moment(row.started_at),
            sample="0:00:00",
        ),
        _figure(tr("In flight"), lambda row: figures.count(row.in_flight), sample="999"),
        _figure(tr("Requests"), lambda row: figures.count(row.requests), sample="9,999,999"),
        _figure(tr("Failures"), lambda row: figures.count(row.failures), sample="99,999", spans=_failures),
        _figure(
            tr("p50"), lambda row: figures.decimal(row.p50), sample="999.9", tooltip=_percentiles_tooltip
        ),
        _figure(
            tr("p99"), lambda row: figures.decimal(row.p99), sample="999.9", tooltip=_percentiles_tooltip
        ),
        Column(
            tr("Latency, 60 s"),
            lambda _: "",
            series=lambda row: row.latency,
            tooltip=_latency_tooltip,
            sample="Latency, 60 s",
        ),
        Column("", lambda _: "", sample="replicas – 64 +"),
    )


def service_columns() -> Sequence[Column[ServiceRow]]:
    # All of these look as the last one does, so that all are painted when that changes; each paints its part of it.
    across: Column[ServiceRow] = Column("", lambda _: "", spans=_strategy, tooltip=_strategy_tooltip)
    return (
        Column("", lambda row: row.name, face="small", spans=_service_name, tooltip=_service_tooltip),
        Column(
            "",
            lambda row: _joined(_summary(row)),
            face="small",
            mark=lambda row: row.status,
            spans=_summary,
            tooltip=lambda row: row.reason,
        ),
        *([across] * (Place.P99 - Place.PORT)),
        Column(
            "",
            lambda row: _joined(_strategy(row)),
            align="right",
            face="small",
            spans=_strategy,
            tooltip=_strategy_tooltip,
        ),
        Column(
            "",
            lambda row: "" if row.external else tr("replicas"),
            align="right",
            face="small",
            tone="text_muted",
        ),
        Column("", lambda _: ""),
    )


def tone_of(status: str) -> Tone:
    statuses = load_tokens().status
    return statuses.get(status, statuses["unknown"]).tone


# --- cells ------------------------------------------------------------------------------------------------------------


_figure = partial(Column[InstanceRow], align="right", face="small")


def _joined(spans: Sequence[Span]) -> str:
    return "".join(span.text for span in spans)


def _instance_name(row: InstanceRow) -> Sequence[Span]:
    name = Span(row.id)
    return (name, Span(f"  {tr('external')}", "text_muted")) if row.external else (name,)


def _service_name(row: ServiceRow) -> Sequence[Span]:
    name = Span(row.name, face="strong")
    return (name,) if row.rate is None else (name, Span(f"  {figures.rate(row.rate)}", "text_muted"))


def _service_tooltip(row: ServiceRow) -> str:
    return tr(
        "{requests} requests, {failures} failures",
        requests=figures.count(row.requests),
        failures=figures.count(row.failures),
    )


def _summary(row: ServiceRow) -> Sequence[Span]:
    is_loud = row.status in ("degraded", "unhealthy")
    words = Span(row.summary, tone_of(row.status) if is_loud else "text_secondary", strong=is_loud)
    return (*_tag(row), words)


def _tag(row: InstanceRow | ServiceRow) -> Sequence[Span]:
    """Which faults act on it."""
    return (Span(row.fault, "fault", tag=True),) if row.fault else ()


def _strategy(row: ServiceRow) -> Sequence[Span]:
    if row.external:
        return (Span(tr("registered from outside"), "text_muted"),)
    return (Span(tr("picks by"), "text_muted"), Span(f"  {row.strategy}", "text_secondary"))


def _strategy_tooltip(row: ServiceRow) -> str:
    return _joined(_strategy(row))


def _status_tooltip(row: InstanceRow) -> str:
    lines = [f"{status_word(row.status)}: {row.reason}"]
    if row.fault:
        lines.append(tr("broken by {faults}", faults=row.fault))
    if row.check is not None:
        result = (
            tr("passed in {ms} ms", ms=figures.decimal(row.check.latency_ms))
            if row.check.ok
            else spoken(row.check.message)
        )
        lines.append(tr("Last check {moment}: {result}", moment=figures.moment(row.check.at), result=result))
    return "\n".join(lines)


def _failures(row: InstanceRow) -> Sequence[Span]:
    return (
        Span(figures.count(row.failures), "bad" if row.failures else "text_muted", strong=row.failures > 0),
    )


def _percentiles_tooltip(_: InstanceRow) -> str:
    return tr("Milliseconds, over the calls of the last 10 s")


def _latency_tooltip(row: InstanceRow) -> str:
    known = [value for value in row.latency if value is not None]
    if not known:
        return tr("No call in the last minute")
    return tr(
        "p99 of the last minute: {low} to {high} ms",
        low=figures.decimal(min(known)),
        high=figures.decimal(max(known)),
    )
