"""The broker's queues and the dead letters in some of them, as the control plane shows them."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from embedded_services.contracts.events import EventType, Failure
from embedded_services.contracts.wire import Message, Request, Timestamp

MAX_IDS = 10_000
MAX_EDITED = 512 * 1024

Target = Literal["exchange", "queue"]
"""Where a replayed message goes: as it was published first, to all who react, or to the one queue whose service failed."""


class QueueState(Message, frozen=True):
    """`ready` messages wait, `unacked` are with consumers; rates are per second over the last look. Null is what a broker
    does not tell. Dead letters that are merely shown count as `ready`. `idle_since`: nothing moved since then. `bound` are
    the patterns by which it gets events."""

    name: str
    type: str
    durable: bool
    ready: int
    unacked: int | None
    consumers: int
    exclusive: bool = False
    auto_delete: bool = False
    bytes: int | None = None
    published_per_s: float | None = None
    delivered_per_s: float | None = None
    acknowledged_per_s: float | None = None
    arguments: dict[str, Any] = {}
    bound: list[str] | None = None
    idle_since: Timestamp | None = None


class DeadLetter(Message, frozen=True):
    """A message that no attempt succeeded with, and that lies in `queue`. `id` stays the same as long as it lies there.
    `body` may be the beginning only of its `size` bytes; `replays` counts how often it was sent again before it came back.
    """

    id: str
    queue: str
    type: str
    source: str
    message_id: str
    reason: str
    attempts: int
    failures: list[Failure]
    first_exchange: str
    first_key: str
    trace: str
    dead_at: Timestamp | None
    size: int
    body: str
    replays: int = 0


class DeadLetterQuery(Request, frozen=True):
    """Of one `queue`, `reason` or event `type` only; `q` is looked for in body and reason whatever its case."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: Annotated[str, Meta(max_length=200)] = ""
    queue: Annotated[str, Meta(max_length=255)] = ""
    reason: Annotated[str, Meta(max_length=500)] = ""
    type: Annotated[str, Meta(max_length=255)] = ""
    q: Annotated[str, Meta(max_length=200)] = ""


class DeadLetterPage(Message, frozen=True):
    """Newest first. `total` match of the `held` ones; `in_queues` lie in the queues, which are more when there are too many
    to be held."""

    items: list[DeadLetter]
    total: int
    held: int
    in_queues: int
    next_cursor: str | None = None


class ReplayOptions(Request, frozen=True):
    """Without options a replay makes nobody act twice: only the queue that failed gets it, under the id by which whoever has
    handled it passes over it. With a new id (`keep_id` false) it counts as new, and at the exchange all who react act again.
    `type` and `body` (a whole event, as JSON) replace the message's own."""

    keep_id: bool = True
    to: Target = "queue"
    type: EventType | None = None
    body: Annotated[str, Meta(max_length=MAX_EDITED)] | None = None


class ReplayGroup(Request, frozen=True):
    """Dead letters of this queue, reason and type; what is empty may be any."""

    queue: Annotated[str, Meta(max_length=255)] = ""
    reason: Annotated[str, Meta(max_length=500)] = ""
    type: Annotated[str, Meta(max_length=255)] = ""


class ReplayRequest(Request, frozen=True):
    """Those with `ids`, or those of `group` (an empty one is all); the rest as in `ReplayOptions`."""

    ids: Annotated[list[str], Meta(max_length=MAX_IDS)] = []
    group: ReplayGroup | None = None
    keep_id: bool = True
    to: Target = "queue"


class Replay(Message, frozen=True):
    """A replay of several. `state` is `running`, `done` or `stopped`; `failed` ones still lie where they lay, `problem` says
    why."""

    id: str
    at: Timestamp
    total: int
    done: int
    failed: int
    state: str
    problem: str = ""


def is_handled(queue: str) -> bool:
    """Whether a service handles what is in it, which no waiting room, no queue of dead letters and no tap is."""
    return queue.endswith((".events", ".deliveries"))


def handled_by(queue: str) -> str:
    """The service that handles what is in it."""
    return queue.rpartition(".")[0]
