"""Pages of a list, by keyset: a page starts after the last key seen, so it is stable while rows are added.

A cursor is opaque to callers: base64url of the list's name and the last key. One that was not made for this list is
refused. The empty cursor asks for the first page.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta
from sqlalchemy import Column, Connection, Select

from embedded_services.contracts.validation import invalid
from embedded_services.contracts.wire import Page, Request
from embedded_services.services.kit.database import AnyRow

MAX_LIMIT: Final = 100

Key = TypeVar("Key", int, str)
_Key = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] | Annotated[str, Meta(max_length=200)]
_decode: Final = msgspec.json.Decoder(tuple[str, _Key]).decode
T = TypeVar("T")


class Paging(Request, frozen=True):
    """The query of every list; a list with filters adds them."""

    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT, extra_json_schema={"x-unit": "items"})] = 20
    cursor: Annotated[str, Meta(max_length=512)] = ""


def encode_cursor(of: str, key: int | str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([of, key])).decode().rstrip("=")


def decode_cursor(of: str, cursor: str, kind: type[Key]) -> Key | None:
    """The key that the next page starts after; None for the first page. Raises ApiError VALIDATION_FAILED."""
    if not cursor:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        name, key = _decode(raw)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise invalid("cursor", "is not one that this list gave out") from error
    if name != of:
        raise invalid("cursor", "belongs to another list")
    if not isinstance(key, kind):
        raise invalid("cursor", "is not one that this list gave out")
    return key


def rows_of_page(
    connection: Connection,
    rows: Select[*tuple[Any, ...]],
    key: Column[Key],
    paging: Paging,
    *,
    of: str,
    newest_first: bool = True,
) -> tuple[Sequence[AnyRow], str | None]:
    """One page of `rows`, and the cursor of the next. `rows` must select `key`, which must be unique."""
    after = decode_cursor(of, paging.cursor, key.type.python_type)
    if after is not None:
        rows = rows.where(key < after if newest_first else key > after)
    rows = rows.order_by(key.desc() if newest_first else key.asc()).limit(paging.limit + 1)
    found = connection.execute(rows).all()
    kept = found[: paging.limit]
    more = len(found) > len(kept)
    return kept, encode_cursor(of, kept[-1]._mapping[key]) if more else None


def page_of(items: Sequence[T], key: Callable[[T], str], paging: Paging, *, of: str) -> Page[T]:
    """One page of a list that is not in the database, in the order of its keys."""
    after = decode_cursor(of, paging.cursor, str)
    rest = sorted((item for item in items if after is None or key(item) > after), key=key)
    kept = rest[: paging.limit]
    more = len(rest) > len(kept)
    return Page(items=kept, next_cursor=encode_cursor(of, key(kept[-1])) if more else None)
