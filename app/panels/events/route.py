"""The way of one event, as far as it is known: who told it, the exchange, each queue, who worked on it and how often. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.core import figures
from app.core.language import tr
from app.panels.events.event_rows import EventRow
from app.panels.events.handled_book import HandledBook
from embedded_services.contracts.events import Handled
from embedded_services.contracts.queues import DeadLetter

EXCHANGE: Final = "events"
AT_ONCE_S: Final = 0.0001


@dataclass(frozen=True)
class Step:
    """`mark` is an icon's name, or empty for a plain dot; `tone` is that of the mark; `lines` say more."""

    title: str
    lines: tuple[str, ...] = ()
    mark: str = ""
    tone: str = "ok"


def route_of_event(row: EventRow, book: HandledBook) -> list[Step]:
    tries = book.tries(row.message_id)
    steps = [
        Step(row.source or tr("somebody"), (_how(row.source),)),
        Step(
            tr("exchange {name}", name=EXCHANGE), (tr("passed at {time}", time=figures.precise_time(row.at)),)
        ),
    ]
    if not tries:
        return [*steps, *_unknown(row, book)]
    for queue in dict.fromkeys(handled.queue for handled in tries):
        mine = [handled for handled in tries if handled.queue == queue]
        first = mine[0]
        waited = max(0.0, first.at - first.took_ms / 1000 - row.at)
        said = (
            tr("waited {ms} ms", ms=figures.decimal(waited * 1000))
            if waited > AT_ONCE_S
            else tr("taken at once")
        )
        steps.append(Step(queue, (said,) if first.attempt == 1 else ()))
        steps.extend(_step(handled) for handled in mine)
    return steps


def route_of_letter(letter: DeadLetter) -> list[Step]:
    where = letter.first_exchange or tr("no exchange, to the queue by name")
    key = tr("key {key}", key=letter.first_key) if letter.first_key else ""
    steps = [
        Step(letter.source or tr("somebody")),
        Step(where, (key,) if key else ()),
        Step(letter.queue.removesuffix(".dead")),
    ]
    first = letter.attempts - len(letter.failures) + 1
    said = ""
    for number, failure in enumerate(letter.failures, max(1, first)):
        title = tr("{instance}, try {n}", instance=failure.instance, n=number)
        at = figures.precise_time(failure.at)
        reason = tr("the same") if failure.reason == said else failure.reason
        said = failure.reason
        steps.append(Step(title, (f"{at} · {reason}",), "close", "bad"))
    at = figures.precise_time(letter.dead_at) if letter.dead_at is not None else ""
    return [
        *steps,
        Step(letter.queue, (tr("lies here since {time}", time=at),) if at else (), "close", "bad"),
    ]


def _how(source: str) -> str:
    if source == "person":
        return tr("published by a person or script")
    return tr("outbox, with the change in one transaction")


def _unknown(row: EventRow, book: HandledBook) -> Sequence[Step]:
    if usual := book.usual(row.type):
        why = tr("nobody has said yet what became of it, or it is no longer held")
        return [Step(queue, (why,), tone="text_muted") for queue in usual]
    if book.since is not None and row.at >= book.since:
        return [
            Step(tr("kept in the stream"), (tr("no service has said that it reacts"),), tone="text_muted")
        ]
    return [Step(tr("not known"), (tr("it passed before this window listened"),), tone="text_muted")]


def _step(handled: Handled) -> Step:
    said = [tr("try {n}", n=handled.attempt), tr("{ms} ms", ms=figures.decimal(handled.took_ms))]
    match handled.outcome:
        case "done":
            said.append(tr("acked, in the inbox"))
            mark, tone = "check", "ok"
        case "duplicate":
            said.append(tr("known already: no second effect"))
            mark, tone = "check", "text_muted"
        case "ignored":
            said.append(tr("acked, nobody here reacts to it"))
            mark, tone = "minus", "text_muted"
        case "retry":
            said.append(tr("again in {s} s", s=f"{handled.wait_s:g}"))
            mark, tone = "undo", "warn"
        case _:
            said.append(tr("given up: a dead letter"))
            mark, tone = "close", "bad"
    lines = (" · ".join(said), handled.error) if handled.error else (" · ".join(said),)
    return Step(handled.instance, lines, mark, tone)
