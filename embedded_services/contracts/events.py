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


class NewEvent(Request, frozen=True):
    """An event that a person or script publishes. `type` is its routing key too."""

    type: EventType
    data: dict[str, Any] = {}
    source: Annotated[str, Meta(min_length=1, max_length=60)] = "person"
