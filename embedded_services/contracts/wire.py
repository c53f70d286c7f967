"""The base of every message: camelCase on the wire, snake_case in Python, unknown fields refused.

A boundary decodes with `msgspec`, which checks types and bounds and names the offending field, so a handler only
ever sees a valid message. Messages that *we* write may grow; `Message` therefore ignores fields it does not know, and
`Request` (what a person or script sends to us) refuses them, because a misspelt field must not be dropped in silence.
"""

from typing import Annotated, Generic, TypeVar

import msgspec


class Message(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Something the system says."""


class Request(msgspec.Struct, rename="camel", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that is asked of the system from outside."""


T = TypeVar("T")


class Page(Message, Generic[T], frozen=True):
    """One page of a list. `next_cursor` is null on the last page; the empty cursor asks for the first."""

    items: list[T]
    next_cursor: str | None = None


END = r"(?!\n)$"
"""The end of a pattern. `$` alone is also true before a final line feed."""

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,39}" + END)]
Weight = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Timestamp = float
"""Seconds since the epoch, UTC, with a fraction."""
