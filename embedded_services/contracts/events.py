"""Events as they travel between services, in the body of an AMQP message, and what is known of their way."""

from typing import Annotated, Any

from msgspec import Meta

from embedded_services.contracts.wire import END, Message, Request, Timestamp

EventType = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*){1,7}" + END, max_length=200)]


MAX_SEQ = 2**53 - 1


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
    `size` is bytes of the body, of which `body` may be the beginning only. Numbers go on from run to run."""

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


class InstanceOutbox(OutboxState, frozen=True, kw_only=True):
    """`OutboxState` of one instance, as it said last. It may be gone since."""

    instance: str
    service: str


class BusState(Message, frozen=True):
    """How the control plane listens to the broker. `url` is without the password, `kind` is `embedded` or `external`;
    `problem` says why it is not `connected`. `total` events passed in this run, of which `dropped` were too many to be
    read or written; those that passed in the `gaps` while we were away nobody could count, the last one ended at
    `gap_at`. `dead_letters` are held and shown, of `dead_letters_total`."""

    url: str
    kind: str
    connected: bool
    problem: str
    events_per_s: float
    handled_per_s: float
    total: int
    dropped: int
    gaps: int
    gap_at: Timestamp | None
    dead_letters: int
    dead_letters_total: int


class Published(Message, frozen=True):
    """The broker has it. `routed` is false when no queue wanted it, null where that cannot be known."""

    message_id: str
    routed: bool | None


class BrokerTest(Message, frozen=True):
    """Whether a broker can be used by this URL, and if not, why not. `product` is what it says of itself."""

    ok: bool
    message: str
    took_ms: float
    product: str = ""
    version: str = ""


class BrokerTestQuery(Request, frozen=True):
    url: Annotated[str, Meta(min_length=1, max_length=500)]


class NewEvent(Request, frozen=True):
    """An event that a person or script publishes. `type` is its routing key too."""

    type: EventType
    data: dict[str, Any] = {}
    source: Annotated[str, Meta(min_length=1, max_length=60)] = "person"


class EventQuery(Request, frozen=True):
    """Events with `after` < seq < `before` (0: without bound), the newest first. `type` is a binding pattern (`order.*`,
    `saga.#`), `q` is looked for anywhere in the body whatever its case, `trace` is a whole trace id."""

    after: Annotated[int, Meta(ge=0, le=MAX_SEQ)] = 0
    before: Annotated[int, Meta(ge=0, le=MAX_SEQ)] = 0
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
