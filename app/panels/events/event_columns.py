"""How the cells of the event list read."""

from collections.abc import Callable, Sequence
from typing import Final

from app.core import figures
from app.core.language import tr
from app.panels.events.event_rows import EventRow, Row
from app.panels.events.handled_book import HandledBook, Handling
from app.qt.columns import Column, Span
from app.qt.tokens import Tone

TYPE_COLUMN: Final = 2
HANDLED_COLUMN: Final = 6
SPARED: Final = (0, 3)
"""The columns that a narrow list does without: the inspector has them too."""
NARROW: Final = 920
"""Pixels of width below which a list is narrow."""

MARKS: Final[dict[str, tuple[str, Tone]]] = {
    "done": ("check", "ok"),
    "retry": ("undo", "warn"),
    "dead": ("close", "bad"),
}
"""The icon of each verdict, and its tone."""


def columns(book: HandledBook) -> tuple[Column[Row], ...]:
    def went(row: EventRow) -> Sequence[Span]:
        return went_to(row, book)

    def done(row: EventRow) -> Sequence[Span]:
        return handled_in(book.of(row.message_id))

    return (
        Column(
            tr("#"), lambda row: f"{row.seq}", face="small", tone="text_muted", sample="1000000",
        ),
        Column(
            tr("Published"), _of(lambda row: figures.precise_time(row.at)), face="mono", tone="text_muted",
            tooltip=_of(lambda row: figures.moment(row.at)), sample="00:00:00.000",
        ),
        Column(tr("Type"), _of(lambda row: row.type), face="body", sample="saga.step.compensated M"),
        Column(tr("Publisher"), _of(lambda row: row.source), tone="text_secondary", sample="orchestrator"),
        Column(tr("What"), _what, tone=_what_tone, stretch=True),
        Column(
            tr("Went to"), _of(lambda row: _joined(went(row))), spans=_spans_of(went), face="mono",
            tooltip=_of(lambda row: _why_there(row, book)), sample="notification.deliveries",
        ),
        Column(
            tr("Handled in"), _of(lambda row: _joined(done(row))), spans=_spans_of(done), align="right",
            tooltip=_of(lambda row: _why_so(book, row)), sample=_longest(),
        ),
    )  # fmt: skip


def _longest() -> str:
    return f"{tr('try {n}', n=2)}  {tr('{ms} ms', ms='100.0')}  ✓"


def went_to(row: EventRow, book: HandledBook) -> Sequence[Span]:
    queues = book.of(row.message_id).queues
    if queues:
        return (Span(", ".join(queues), "text_secondary"),)
    if usual := book.usual(row.type):
        return (Span(", ".join(usual), "text_muted"),)
    if book.since is not None and row.at >= book.since:
        return (Span(tr("kept in the stream"), "text_muted", face="small"),)
    return (Span(figures.NONE, "text_muted"),)


def handled_in(handling: Handling) -> Sequence[Span]:
    match handling.verdict:
        case "unknown":
            return (Span(figures.NONE, "text_muted"),)
        case "dead":
            return (Span(tr("dead, try {n}", n=handling.tries), "bad"),)
        case "retry":
            return (Span(tr("try {n} failed", n=handling.tries), "warn"),)
        case _:
            took = tr("{ms} ms", ms=figures.decimal(handling.took_ms))
            if handling.tries > 1:
                return (Span(tr("try {n}", n=handling.tries) + "  ", "warn"), Span(took, "text"))
            return (Span(took, "text"),)


def _of(call: Callable[[EventRow], str]) -> Callable[[Row], str]:
    return lambda row: call(row) if isinstance(row, EventRow) else ""


def _spans_of(call: Callable[[EventRow], Sequence[Span]]) -> Callable[[Row], Sequence[Span]]:
    return lambda row: call(row) if isinstance(row, EventRow) else ()


def _joined(spans: Sequence[Span]) -> str:
    return "".join(span.text for span in spans)


def _what(row: Row) -> str:
    if isinstance(row, EventRow):
        return row.what
    return tr("lost: more came than could be read or written") if row.is_lost else "…"


def _what_tone(row: Row) -> Tone:
    if isinstance(row, EventRow):
        return "text"
    return "warn" if row.is_lost else "text_disabled"


def _why_there(row: EventRow, book: HandledBook) -> str:
    if book.of(row.message_id).queues:
        return ""
    if book.usual(row.type):
        return tr(
            "Where events of this type go. What became of this one nobody has said, or it is no longer held."
        )
    if book.since is not None and row.at >= book.since:
        return tr("No service has said that it reacts to events of this type.")
    return tr("It passed before this window listened.")


def _why_so(book: HandledBook, row: EventRow) -> str:
    lines = []
    for handled in book.tries(row.message_id):
        took = tr("{ms} ms", ms=figures.decimal(handled.took_ms))
        line = f"{handled.queue} · {handled.instance} · {tr('try {n}', n=handled.attempt)} · {took}"
        lines.append(f"{line} · {handled.error}" if handled.error else line)
    return "\n".join(lines)
