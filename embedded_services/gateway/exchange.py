"""What is known of one request while it is being answered: filled in step by step, told at the end."""

from dataclasses import dataclass, field
from typing import NamedTuple, Self

from embedded_services.faults.touched import Touches
from embedded_services.gateway.http import Request
from embedded_services.gateway.story import Calling, Story
from embedded_services.upstream.messages import Pairs, field_block


class Trace(NamedTuple):
    """Where a request stands in a distributed trace (W3C Trace Context): ids in lower-case hex."""

    trace_id: str
    span_id: str
    flags: str = "01"
    state: bytes | None = None
    parent: str | None = None
    """The client's span, if it has one."""

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a verified token says is asking."""

    user: str
    role: str
    block: bytes
    """The fields by which the services are told, as they go on the wire."""

    @classmethod
    def of(cls, user: str, role: str) -> Self:
        fields = [(b"X-User-ID", user.encode())]
        if role:
            fields.append((b"X-User-Role", role.encode()))
        return cls(user, role, field_block(fields))


@dataclass(slots=True)
class Exchange:
    """`started` is the monotonic clock's, `at` the wall clock's. `fields` are added to the answer, whatever it is, and so
    is `block`, which is some more of them as they go on the wire.

    `note` says in a few words what a status alone does not tell. `sampled`: it is recorded with every detail,
    for which it has a `story`. `calls` are those to services that are worth telling: all of a sampled request, otherwise
    those that did not go through at once. `touches` is there while faults are armed, and hears which of them it met.
    """

    request: Request
    id: str
    at: float
    started: float
    trace: Trace
    fields: Pairs = field(default_factory=list)
    block: bytes = b""
    identity: Identity | None = None
    route: str | None = None
    service: str | None = None
    instance: str | None = None
    tries: int = 0
    note: str = ""
    sampled: bool = False
    story: Story | None = None
    calls: tuple[Calling, ...] = ()
    touches: Touches | None = None
