"""What an endpoint is, what its handler is asked, and what it answers.

A service is a table of endpoints. Each names the one type that its request is decoded into: the query of a GET or
DELETE, the JSON body of the others (an absent body counts as `{}`). The handler sees only what passed.
"""

import posixpath
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import msgspec

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.wire import Request
from embedded_services.services.kit.roles import PERMISSIONS, Permission, Role

In = TypeVar("In")
Asked = TypeVar("Asked", covariant=True)

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class Nothing(Request, frozen=True):
    """The request of an endpoint that takes none: no query, or an empty body."""


@dataclass(frozen=True)
class Caller:
    id: str
    role: Role

    def may(self, permission: Permission) -> bool:
        return permission in PERMISSIONS[self.role]

    def must(self, permission: Permission) -> None:
        """Raises ApiError FORBIDDEN."""
        if not self.may(permission):
            raise ApiError("FORBIDDEN", f"This needs the permission {permission}")

    def must_see(self, owner: str, permission: Permission, what: str) -> None:
        """Raises ApiError NOT_FOUND for what is neither the caller's nor within `permission`: as if it were not there."""
        if owner != self.id and not self.may(permission):
            raise not_found(what)

    def must_change(self, owner: str, read: Permission, write: Permission, what: str) -> None:
        """Raises ApiError NOT_FOUND for what the caller cannot see, FORBIDDEN for what they can only see."""
        self.must_see(owner, read, what)
        if owner != self.id:
            self.must(write)

    def whose(self, wanted: str | None, permission: Permission) -> str | None:
        """Whose rows a list shows, null for everyone's. Raises ApiError FORBIDDEN for another's without `permission`."""
        if self.may(permission):
            return wanted
        if wanted not in (None, self.id):
            raise ApiError("FORBIDDEN", f"To see what belongs to others needs the permission {permission}")
        return self.id


@dataclass(frozen=True)
class Ask(Generic[Asked]):
    """A request that passed. `params` are the path's; `idempotency_key` is null when none was sent. `query` is what came
    beside a body, for an endpoint that reads it."""

    input: Asked
    params: dict[str, str]
    identity: Caller | None
    idempotency_key: str | None
    method: str
    path: str
    request_id: str
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def caller(self) -> Caller:
        """Who asks. Only a public endpoint can be asked by nobody, and must not look."""
        if self.identity is None:
            raise RuntimeError(f"{self.method} {self.path} is public and has no caller")
        return self.identity


@dataclass(frozen=True)
class Answer:
    """A status, the encoded JSON body (empty for none) and headers."""

    status: int
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoint(Generic[In]):
    """A handler answers an `Answer`, or a message that is answered with 200.

    `needs` is the permission without which a caller is refused; a `public` endpoint may be called by anyone, an `internal`
    one by the system's own processes alone.
    """

    method: str
    path: str
    handler: Callable[[Ask[In]], Awaitable[object]]
    takes: type[In]
    needs: Permission | None = None
    public: bool = False
    internal: bool = False
    reads_query: bool = False

    @property
    def has_body(self) -> bool:
        return self.method not in ("GET", "DELETE")


Endpoints = list[Endpoint[Any]]


def answer(body: object, status: int = 200, *, location: str | None = None, asked: str = "/") -> Answer:
    """`location` is the path of what was made, `asked` the path of the request.

    It is sent as a relative reference, which holds under whatever prefix the gateway has mounted the service.
    """
    headers = {} if location is None else {"Location": posixpath.relpath(location, posixpath.dirname(asked))}
    return Answer(status, _encode(body), headers)


NO_CONTENT: Final = Answer(204)


def not_found(what: str) -> ApiError:
    return ApiError("NOT_FOUND", f"There is no such {what}")
