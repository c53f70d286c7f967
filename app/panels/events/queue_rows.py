"""The broker's queues as the table shows them: those that services read first, then the waiting rooms and dead letters.

The waiting rooms of a queue (`<queue>.retry.<ms>`, one for each wait) are one row: what matters is how much waits. Pure.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar

from app.core import figures
from app.core.fault_marks import Marks
from app.core.language import tr
from app.qt.columns import Column, Span
from app.qt.tokens import Tone
from embedded_services.contracts.queues import QueueState

DEPTHS: Final = 60
_ROOM: Final = re.compile(r"(.+)\.retry\.\d+")
_DEAD: Final = ".dead"
_OWN: Final = "faultdeck."
"""What reads along, to show it here, has queues of its own."""

Figure = TypeVar("Figure", int, float)


@dataclass(frozen=True)
class QueueRow:
    """`kind` is `queue`, `retry`, `dead`, or `own` for those of the control plane; `parts` are the queues of a row that stands for several. Rates are None where
    the broker does not tell them. `fault` says which faults act on what is taken from it.
    """

    name: str
    kind: str
    ready: int
    unacked: int | None
    consumers: int
    in_per_s: float | None
    out_per_s: float | None
    idle_since: float | None
    depths: tuple[float, ...]
    parts: tuple[QueueState, ...]
    fault: str = ""


class Depths:
    """How deep each queue was at the last looks, at most one a second."""

    def __init__(self) -> None:
        self._series: dict[str, deque[float]] = {}
        self._at = 0.0

    def see(self, queues: Mapping[str, QueueState], now: float) -> None:
        if now - self._at < 1.0:
            return
        self._at = now
        depths: dict[str, int] = {}
        for queue in queues.values():
            name = _place(queue.name)[0]
            depths[name] = depths.get(name, 0) + queue.ready
        for name in self._series.keys() - depths.keys():
            del self._series[name]
        for name, depth in depths.items():
            self._series.setdefault(name, deque(maxlen=DEPTHS)).append(float(depth))

    def of(self, name: str) -> tuple[float, ...]:
        return tuple(self._series.get(name, ()))


def queue_rows(
    queues: Iterable[QueueState], depths: Depths, broken: Marks = MappingProxyType({})
) -> list[QueueRow]:
    """In the order of the alphabet, each queue before its waiting rooms and its dead letters; our own come last."""
    groups: dict[tuple[str, str], list[QueueState]] = {}
    for queue in queues:
        groups.setdefault(_place(queue.name), []).append(queue)

    def order(place: tuple[str, str]) -> tuple[bool, str, int]:
        name, kind = place
        base = name.rpartition(".")[0] if kind in ("retry", "dead") else name
        return kind == "own", base, _KINDS.index(kind)

    return [
        _row(name, kind, groups[name, kind], depths.of(name), broken.get(name, ""))
        for name, kind in sorted(groups, key=order)
    ]


def subtitle(rows: Sequence[QueueRow]) -> str:
    read = sum(1 for row in rows if row.kind == "queue" and row.consumers)
    unread = sum(1 for row in rows if row.kind == "queue" and not row.consumers)
    rooms = sum(1 for row in rows if row.kind == "retry")
    parts = [tr("{n} with consumers", n=read)]
    if unread:
        parts.append(tr("{n} without", n=unread))
    if rooms:
        parts.append(tr("{n} waiting rooms for retries", n=rooms))
    return ", ".join(parts)


_KINDS: Final = ("queue", "retry", "dead", "own")


def _place(queue: str) -> tuple[str, str]:
    if room := _ROOM.fullmatch(queue):
        return f"{room[1]}.retry", "retry"
    if queue.startswith(_OWN):
        return queue, "own"
    return queue, "dead" if queue.endswith(_DEAD) else "queue"


def _row(
    name: str, kind: str, parts: Sequence[QueueState], depths: tuple[float, ...], fault: str
) -> QueueRow:
    idle = [part.idle_since for part in parts]
    return QueueRow(
        name=name,
        kind=kind,
        ready=sum(part.ready for part in parts),
        unacked=_sum([part.unacked for part in parts]),
        consumers=sum(part.consumers for part in parts),
        in_per_s=_sum([part.published_per_s for part in parts]),
        out_per_s=_sum([part.delivered_per_s for part in parts]),
        idle_since=None if None in idle else max(since for since in idle if since is not None),
        depths=depths,
        parts=tuple(parts),
        fault=fault,
    )


def _sum(values: Sequence[Figure | None]) -> Figure | None:
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def _rate(value: float | None) -> str:
    if value is None:
        return figures.NONE
    return "0" if not value else figures.decimal(value, 1 if value < 100 else 0)


def _name(row: QueueRow) -> Sequence[Span]:
    """What belongs to a queue stands under it, by its last word."""
    if row.kind in ("queue", "own"):
        name = Span(row.name, "text" if row.kind == "queue" else "text_muted")
        return (name, Span("  "), Span(row.fault, "fault", face="small", tag=True)) if row.fault else (name,)
    return (Span(f"  .{row.name.rpartition('.')[2]}", "text_secondary"),)


def _ready_tone(row: QueueRow) -> Tone:
    if not row.ready:
        return "text_secondary"
    if row.kind == "dead":
        return "bad"
    return "warn" if row.kind == "retry" or not row.consumers else "text"


def _consumers_tone(row: QueueRow) -> Tone:
    return "warn" if row.kind == "queue" and not row.consumers else "text_secondary"


def columns() -> tuple[Column[QueueRow], ...]:
    return (
        Column(
            tr("Queue"), lambda row: row.name, spans=_name, face="mono", stretch=True, tooltip=_tooltip,
        ),
        Column(
            tr("Ready"), lambda row: figures.count(row.ready), align="right", tone=_ready_tone, sample="00,000",
        ),
        Column(
            tr("Unacked"), lambda row: figures.count(row.unacked), align="right", tone="text_secondary",
            sample="0,000",
        ),
        Column(
            tr("Consumers"), lambda row: figures.count(row.consumers) if row.kind in ("queue", "own") else figures.NONE,
            align="right", tone=_consumers_tone, sample="00",
        ),
        Column(
            tr("In /s"), lambda row: _rate(row.in_per_s), align="right", tone="text_secondary", sample="1,000",
        ),
        Column(
            tr("Out /s"), lambda row: _rate(row.out_per_s), align="right", tone="text_secondary", sample="1,000",
        ),
        Column(
            tr("Depth"), lambda _: "", series=lambda row: row.depths, sample="000000",
            tooltip=lambda _: tr("Messages that waited, over the last minute"),
        ),
    )  # fmt: skip


def _tooltip(row: QueueRow) -> str:
    lines = (
        [tr("The control plane reads along here, so that the events can be shown.")]
        if row.kind == "own"
        else []
    )
    if row.fault:
        lines.append(tr("broken by {faults}", faults=row.fault))
    for part in row.parts:
        told = [part.name, part.type, tr("durable") if part.durable else tr("not durable")]
        if len(row.parts) > 1:
            told.append(tr("{n} ready", n=figures.count(part.ready)))
        if part.bytes is not None:
            told.append(figures.size(part.bytes))
        told += [f"{name}={value}" for name, value in sorted(part.arguments.items())]
        lines.append(" · ".join(told))
    if row.idle_since is not None:
        lines.append(tr("nothing moved since {time}", time=figures.clock_time(row.idle_since)))
    return "\n".join(lines)
