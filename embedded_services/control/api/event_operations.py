"""The rows of the control API that are about events, queues and dead letters."""

from collections.abc import Callable
from dataclasses import dataclass

from embedded_services.common.clock import Clock
from embedded_services.contracts.events import (
    BrokerTest,
    BrokerTestQuery,
    EventPage,
    EventQuery,
    InstanceOutbox,
    NewEvent,
    Published,
)
from embedded_services.contracts.queues import (
    DeadLetter,
    DeadLetterPage,
    DeadLetterQuery,
    QueueState,
    Replay,
    ReplayGroup,
    ReplayOptions,
    ReplayRequest,
)
from embedded_services.contracts.secret_fields import with_known_password
from embedded_services.contracts.wire import Page
from embedded_services.control.api.paging import page_of
from embedded_services.control.api.table import Call, Operation, PageQuery
from embedded_services.control.events.desk import EventDesk
from embedded_services.control.events.replays import in_group
from embedded_services.control.events.trial import check_url, try_broker


@dataclass(frozen=True)
class EventHandlers:
    desk: EventDesk
    clock: Clock
    broker_url: Callable[[], str | None]
    """That of the settings, whose password a mask stands for."""

    async def search(self, call: Call) -> EventPage:
        return await self.desk.search(call.query)

    async def publish(self, call: Call) -> Published:
        return await self.desk.publish(call.body)

    async def queues(self, call: Call) -> Page[QueueState]:
        return page_of(list(self.desk.queues.rows().values()), lambda row: row.name, call.query)

    async def outbox(self, call: Call) -> Page[InstanceOutbox]:
        outbox = self.desk.reports.outbox
        return page_of([outbox[name] for name in sorted(outbox)], lambda row: row.instance, call.query)

    async def letters(self, call: Call) -> DeadLetterPage:
        query: DeadLetterQuery = call.query
        held = self.desk.letters()
        group = ReplayGroup(queue=query.queue, reason=query.reason, type=query.type)
        text = query.q.casefold()
        found = [
            letter
            for letter in held
            if in_group(letter, group) and text in f"{letter.reason}\n{letter.body}".casefold()
        ]
        page = page_of(found, lambda letter: letter.id, PageQuery(limit=query.limit, cursor=query.cursor))
        return DeadLetterPage(
            items=page.items,
            total=len(found),
            held=len(held),
            in_queues=self.desk.letters_in_queues(),
            next_cursor=page.next_cursor,
        )

    async def letter(self, call: Call) -> DeadLetter:
        return self.desk.letter(call.path["id"])

    async def replay(self, call: Call) -> Published:
        return await self.desk.replays.one(call.path["id"], call.body or ReplayOptions())

    async def discard(self, call: Call) -> None:
        await self.desk.replays.discard(call.path["id"])

    async def replay_many(self, call: Call) -> Replay:
        return self.desk.replays.many(call.body)

    async def read_replay(self, call: Call) -> Replay:
        return self.desk.replays.get(call.path["id"])

    async def stop_replay(self, call: Call) -> Replay:
        return self.desk.replays.stop(call.path["id"])

    async def test_broker(self, call: Call) -> BrokerTest:
        check_url(call.body.url)
        url = with_known_password("url", call.body.url, self.broker_url())
        return await try_broker(url, self.clock)


def event_operations(do: EventHandlers) -> list[Operation]:
    return [
        Operation(
            method="GET",
            path="/v1/events",
            summary="Events that passed the exchange, newest first, by number, type, trace and text",
            handler=do.search,
            response=EventPage,
            query=EventQuery,
            errors=("SERVICE_UNAVAILABLE",),
        ),
        Operation(
            method="POST",
            path="/v1/events",
            summary="Publish an event; answered when the broker has it",
            handler=do.publish,
            response=Published,
            body=NewEvent,
            status=201,
            errors=("SERVICE_UNAVAILABLE",),
        ),
        Operation(
            method="GET",
            path="/v1/queues",
            summary="The broker's queues: what is ready, with whom, and how fast it moves",
            handler=do.queues,
            response=Page[QueueState],
            query=PageQuery,
        ),
        Operation(
            method="GET",
            path="/v1/outbox",
            summary="What each instance has still to tell the broker",
            handler=do.outbox,
            response=Page[InstanceOutbox],
            query=PageQuery,
        ),
        Operation(
            method="GET",
            path="/v1/dead-letters",
            summary="Messages that no attempt succeeded with, newest first; looking at them changes nothing",
            handler=do.letters,
            response=DeadLetterPage,
            query=DeadLetterQuery,
        ),
        Operation(
            method="GET",
            path="/v1/dead-letters/{id}",
            summary="One dead letter, with its body as a whole",
            handler=do.letter,
            response=DeadLetter,
            errors=("NOT_FOUND", "SERVICE_UNAVAILABLE"),
        ),
        Operation(
            method="POST",
            path="/v1/dead-letters/{id}/replay",
            summary="Send it again, edited if wanted, and take it away when the broker has the copy; by default under its own id to the queue that failed",
            handler=do.replay,
            response=Published,
            body=ReplayOptions,
            body_required=False,
            errors=("NOT_FOUND", "CONFLICT", "SERVICE_UNAVAILABLE"),
        ),
        Operation(
            method="DELETE",
            path="/v1/dead-letters/{id}",
            summary="Throw it away",
            handler=do.discard,
            response=None,
            status=204,
            errors=("NOT_FOUND", "CONFLICT", "SERVICE_UNAVAILABLE"),
        ),
        Operation(
            method="POST",
            path="/v1/dead-letters/replay",
            summary="Begin to send several again: a list, a group, or all; the stream tells how far it is",
            handler=do.replay_many,
            response=Replay,
            body=ReplayRequest,
            status=202,
            errors=("CONFLICT", "SERVICE_UNAVAILABLE"),
        ),
        Operation(
            method="GET",
            path="/v1/dead-letters/replays/{id}",
            summary="How far a replay of several is",
            handler=do.read_replay,
            response=Replay,
            errors=("NOT_FOUND", "SERVICE_UNAVAILABLE"),
        ),
        Operation(
            method="DELETE",
            path="/v1/dead-letters/replays/{id}",
            summary="Stop it: what is under way is finished, and nothing more begun",
            handler=do.stop_replay,
            response=Replay,
            errors=("NOT_FOUND", "SERVICE_UNAVAILABLE"),
        ),
        Operation(
            method="POST",
            path="/v1/broker/test",
            summary="Whether a broker can be used by a URL, and if not, why not",
            handler=do.test_broker,
            response=BrokerTest,
            body=BrokerTestQuery,
        ),
    ]
