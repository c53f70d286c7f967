"""What each instance has still to tell the broker, as the table shows it, and in a sentence. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.core import figures
from app.core.language import tr
from app.qt.columns import Column, Span
from embedded_services.contracts.events import InstanceOutbox


@dataclass(frozen=True)
class OutboxRow:
    instance: str
    waiting: int
    delayed: int
    relayed: int
    connected: bool
    oldest_at: float | None
    problem: str


def outbox_rows(outboxes: Iterable[InstanceOutbox]) -> list[OutboxRow]:
    return [
        OutboxRow(
            instance=row.instance,
            waiting=row.waiting,
            delayed=row.delayed,
            relayed=row.relayed,
            connected=row.connected,
            oldest_at=row.oldest_at if row.waiting else None,
            problem=row.problem,
        )
        for row in sorted(outboxes, key=lambda row: (row.service, row.instance))
    ]


def waiting_in(rows: Iterable[OutboxRow]) -> int:
    return sum(row.waiting for row in rows)


def subtitle(rows: Sequence[OutboxRow]) -> str:
    waiting = waiting_in(rows)
    if not rows:
        return tr("no instance has told of one yet")
    if not waiting:
        return tr("nothing waits: the broker confirmed all")
    oldest = min((row.oldest_at for row in rows if row.oldest_at is not None), default=None)
    if oldest is None:
        return tr("{n:,} wait for the broker", n=waiting)
    return tr("{n:,} wait for the broker since {time}", n=waiting, time=figures.clock_time(oldest))


def _state(row: OutboxRow) -> Sequence[Span]:
    if row.connected and not row.waiting:
        return (Span(tr("confirmed as it goes"), "text_muted"),)
    if row.connected:
        return (Span(tr("on their way"), "text"),)
    if row.oldest_at is None:
        text = tr("no broker")
    else:
        text = tr("waits for the broker since {time}", time=figures.clock_time(row.oldest_at))
    why = f" · {row.problem}" if row.problem else ""
    return (Span(text, "warn"), Span(why, "text_secondary"))


def _text(row: OutboxRow) -> str:
    return "".join(span.text for span in _state(row))


def columns() -> tuple[Column[OutboxRow], ...]:
    return (
        Column(
            tr("Instance"), lambda row: row.instance, face="body", sample="notification-2",
            mark=lambda row: "healthy" if row.connected else "degraded",
        ),
        Column(
            tr("Waiting"), lambda row: figures.count(row.waiting), align="right", sample="10,000",
            tone=lambda row: "warn" if row.waiting and not row.connected else "text",
        ),
        Column(
            tr("Later"), lambda row: figures.count(row.delayed), align="right", tone="text_secondary",
            tooltip=lambda _: tr("To be published at a later time"), sample="1,000",
        ),
        Column(
            tr("Confirmed"), lambda row: figures.count(row.relayed), align="right", tone="text_secondary",
            tooltip=lambda _: tr("Since the process started"), sample="100,000",
        ),
        Column(tr("State and why"), _text, spans=_state, tooltip=_text, stretch=True),
    )  # fmt: skip
