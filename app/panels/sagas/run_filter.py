"""Which runs are listed: by state, text and time. What the orchestrator is asked, and whether a run that moved belongs
to it. Pure."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from app.core.focus import BEFORE_S, Focus
from app.core.language import tr
from embedded_services.contracts.sagas import Saga, SagaQuery, SagaState

ANY: Final = ""
BETWEEN: Final = "between"
SPANS: Final[Mapping[str, float]] = {"1m": 60.0, "15m": 900.0, "1h": 3600.0, "24h": 86400.0}
"""The newest so many seconds."""
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_DAY: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")


@dataclass(frozen=True)
class RunFilter:
    """`span` is `ANY`, a key of `SPANS`, or `BETWEEN`, where `since` and `until` hold, each unless it is None."""

    state: SagaState | None = None
    text: str = ""
    span: str = ANY
    since: float | None = None
    until: float | None = None

    @property
    def is_active(self) -> bool:
        return self != RunFilter()

    def bounds(self, now: float) -> tuple[float | None, float | None]:
        if self.span == BETWEEN:
            return self.since, self.until
        return (now - SPANS[self.span] if self.span in SPANS else None), None

    def query(self, now: float, limit: int, cursor: str = "") -> SagaQuery:
        since, until = self.bounds(now)
        return SagaQuery(state=self.state, q=self.text, since=since, until=until, limit=limit, cursor=cursor)

    def accepts(self, saga: Saga, now: float) -> bool:
        """As the orchestrator would, but for the data of a saga that is brief: there it may say no too often."""
        since, until = self.bounds(now)
        return (
            (self.state is None or saga.state is self.state)
            and (since is None or saga.started_at >= since)
            and (until is None or saga.started_at < until)
            and (not self.text or self._has_text(saga))
        )

    def _has_text(self, saga: Saga) -> bool:
        wanted = self.text.casefold()
        data = msgspec.json.encode(saga.data).decode(errors="replace")
        return any(wanted in said.casefold() for said in (saga.id, saga.name, saga.failure, data))


def filter_of(focus: Focus) -> RunFilter | None:
    """What lists the sagas that belong to it: the one, or all since it began; None if it says nothing of sagas."""
    if not focus.sagas:
        return None
    if len(focus.sagas) == 1 and not focus.many_sagas:
        return RunFilter(text=next(iter(focus.sagas)))
    return RunFilter(span=BETWEEN, since=float(int(focus.since - BEFORE_S)))


def span_words() -> Mapping[str, str]:
    return {
        ANY: tr("Any time"), "1m": tr("Last minute"), "15m": tr("Last 15 minutes"), "1h": tr("Last hour"),
        "24h": tr("Last 24 hours"), BETWEEN: tr("Between…"),
    }  # fmt: skip


def moment_of(text: str, now: float) -> float | None:
    """`14:32`, `14:32:08` (today), `2026-11-23`, `2026-11-23 14:32`: a moment in the user's own time; None for nothing.
    Raises ValueError for anything else."""
    text = text.strip()
    if not text:
        return None
    if found := _CLOCK.fullmatch(text):
        day = time.localtime(now)
        return _local(day.tm_year, day.tm_mon, day.tm_mday, *(int(part or 0) for part in found.groups()))
    if found := _DAY.fullmatch(text):
        return _local(*(int(part or 0) for part in found.groups()))
    raise ValueError(tr("A time as 14:32 or 2026-11-23 14:32."))


def _local(*parts: int) -> float:
    year, month, day, hour, minute, second = parts
    if not (
        1970 <= year <= 9999
        and 1 <= month <= 12
        and 1 <= day <= 31
        and hour < 24
        and minute < 60
        and second < 60
    ):
        raise ValueError(tr("A time as 14:32 or 2026-11-23 14:32."))
    return time.mktime((year, month, day, hour, minute, second, 0, 0, -1))
