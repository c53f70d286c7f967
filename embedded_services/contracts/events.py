"""Events as they travel between services, in the body of an AMQP message, and what is known of their way."""

from typing import Annotated, Any

from msgspec import Meta

from embedded_services.contracts.wire import END, Message, Request, Timestamp

EventType = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*){1,7}" + END, max_length=200)]


class Envelope(Message, frozen=True):
    """`timestamp` is ISO 8601 in UTC; `data` is the event's own. `message_id` is what a consumer knows a repetition by."""

    type: EventType
    data: dict[str, Any]
    source: Annotated[str, Meta(min_length=1, max_length=60)]
    timestamp: str
    message_id: Annotated[str, Meta(min_length=1, max_length=100)]
    version: str = "1.0"


class Failure(Message, frozen=True):
    """One attempt at an event that did not succeed. `instance` made it."""

    at: Timestamp
    instance: str
    reason: str


class Seen(Message, frozen=True):
    """An event that passed the `events` exchange, as the tap read it. `trace` is its trace id, empty if it carried none;
    `size` is bytes of the body."""

    seq: int
    at: Timestamp
    type: str
    source: str
    message_id: str
    routing_key: str
    trace: str
    size: int
    body: str


class Handled(Message, frozen=True):
    """What a service did with an event: `done`, `duplicate`, `retry` (again in `wait_s`), `dead`, or `ignored`."""

    at: Timestamp
    message_id: str
    type: str
    queue: str
    instance: str
    outcome: str
    attempt: int
    took_ms: float
    error: str = ""
    wait_s: float = 0.0


class OutboxState(Message, frozen=True):
    """What an instance of a service has still to tell. `waiting` messages are due, the oldest written at `oldest_at`, and
    `delayed` ones are not yet; those that a vanished sibling left count at whoever adopts them. `relayed` counts what the
    broker confirmed since the process started; `problem` says why it is not `connected`."""

    waiting: int
    oldest_at: Timestamp | None
    delayed: int
    relayed: int
    connected: bool
    problem: str = ""


class NewEvent(Request, frozen=True):
    """An event that a person or script publishes. `type` is its routing key too."""

    type: EventType
    data: dict[str, Any] = {}
    source: Annotated[str, Meta(min_length=1, max_length=60)] = "person"


class EventQuery(Request, frozen=True):
    """Events with `after` < seq < `before` (0: without bound), the newest first. `type` is a binding pattern (`order.*`,
    `saga.#`), `q` is looked for anywhere in the body whatever its case, `trace` is a whole trace id."""

    after: Annotated[int, Meta(ge=0)] = 0
    before: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    type: Annotated[str, Meta(max_length=200)] = ""
    q: Annotated[str, Meta(max_length=200)] = ""
    trace: Annotated[str, Meta(max_length=32)] = ""


class EventPage(Message, frozen=True):
    """`total` events match, of those from `first_seq` to `last_seq` that are kept; `dropped` came and are kept no more, or
    never were."""

    items: list[Seen]
    total: int
    first_seq: int
    last_seq: int
    dropped: int
