"""The breakers of all instances, those that are not closed first: what they are, why, and until when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from PySide6.QtCore import QObject

from app.core import figures
from app.core.focus import Focus
from app.core.language import tr
from app.panels.gateway.words import EJECTED, breaker_tone, breaker_word
from app.qt.columns import Column
from app.qt.row_table_model import RowTableModel
from embedded_services.contracts.gateway import BreakerState, Target, Upstream
from embedded_services.contracts.settings import BreakerPolicy, ServiceSettings

_ORDER: Final = (BreakerState.OPEN, BreakerState.HALF_OPEN, EJECTED, BreakerState.CLOSED)


@dataclass(frozen=True)
class BreakerRow:
    """`state` is a breaker's, or `ejected`."""

    instance: str
    state: str
    detail: str
    tooltip: str
    service: str = ""


def breaker_rows(
    upstreams: Mapping[str, Upstream], settings: Mapping[str, ServiceSettings], now: float
) -> list[BreakerRow]:
    """At the moment `now`: countdowns go on between two readings."""
    rows = []
    for upstream in upstreams.values():
        wanted = settings.get(upstream.service)
        policy = wanted.policy.breaker if wanted is not None else BreakerPolicy()
        rows += [replace(_row(target, policy, now), service=upstream.service) for target in upstream.targets]
    return sorted(rows, key=lambda row: [str(state) for state in _ORDER].index(row.state))


def summary(rows: list[BreakerRow]) -> str:
    """`1 open, 7 closed`."""
    counts = {state: sum(row.state == state for row in rows) for state in map(str, _ORDER)}
    return ", ".join(f"{n} {breaker_word(state)}" for state, n in counts.items() if n)


def _row(target: Target, policy: BreakerPolicy, now: float) -> BreakerRow:
    breaker = target.breaker
    state, parts = str(breaker.state), []
    if (
        breaker.state is BreakerState.CLOSED
        and target.ejected_until is not None
        and target.ejected_until > now
    ):
        state = EJECTED
        parts.append(tr("back in {s} s", s=_left(target.ejected_until, now)))
    elif breaker.state is BreakerState.OPEN and breaker.until is not None:
        parts.append(tr("probe in {s} s", s=_left(breaker.until, now)))
    elif breaker.state is BreakerState.HALF_OPEN:
        parts.append(
            tr("{n} probes at a time", n=policy.probes) if policy.probes > 1 else tr("one probe at a time")
        )
    if breaker.state is BreakerState.CLOSED:
        parts.append(_closed(breaker.calls, breaker.failed, policy))
    elif breaker.calls:
        parts.append(tr("{failed} of {calls} failed", failed=breaker.failed, calls=breaker.calls))
    if target.ejections and state != EJECTED:
        parts.append(
            tr("ejected {n} times", n=target.ejections) if target.ejections > 1 else tr("ejected once")
        )
    since = tr("since {time}", time=figures.clock_time(breaker.since))
    return BreakerRow(
        target.id, state, " · ".join(parts), "\n".join([text for text in (breaker.why, since) if text])
    )


def _closed(calls: int, failed: int, policy: BreakerPolicy) -> str:
    if not policy.enabled:
        return tr("breaker is off")
    opens = policy.failure_percent
    if not calls:
        return tr("no calls, opens at {opens} %", opens=opens)
    percent = figures.decimal(100 * failed / calls, 1 if failed else 0)
    return tr("{percent} % failing, opens at {opens} %", percent=percent, opens=opens)


def _left(until: float, now: float) -> str:
    return figures.decimal(max(0.0, until - now))


def icon_of(state: str) -> str:
    """A breaker's shape: the switch that is closed, open, or on its way."""
    return {"open": "breaker-open", "half-open": "breaker-half-open", EJECTED: "undo"}.get(
        state, "breaker-closed"
    )


def _columns() -> tuple[Column[BreakerRow], ...]:
    return (
        Column(tr("Instance"), lambda row: row.instance, face="body", mark=lambda row: row.state, sample="notification-2"),
        Column(
            tr("Breaker"), lambda row: breaker_word(row.state), tone=lambda row: breaker_tone(row.state), face="body",
            sample="half-open",
        ),
        Column(
            tr("Why"), lambda row: row.detail, tone="text_secondary", tooltip=lambda row: row.tooltip, stretch=True
        ),
    )  # fmt: skip


class BreakersModel(RowTableModel[BreakerRow]):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_columns(), key=lambda row: row.instance, parent=parent)
        self._all: Sequence[BreakerRow] = ()
        self._focus: Focus | None = None

    def show_rows(self, rows: Sequence[BreakerRow]) -> None:
        self._all = rows
        focus = self._focus
        self.apply([row for row in rows if focus is None or row.service in focus.services])

    def focus_on(self, focus: Focus | None) -> None:
        """Only those of its services, all again with None."""
        self._focus = focus
        self.show_rows(self._all)
