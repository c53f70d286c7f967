"""Pages of lists that are held in memory, by the key of the last row: stable while rows come and go."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from embedded_services.common.ring import Ring
from embedded_services.contracts.errors import ApiError, ErrorDetail
from embedded_services.contracts.wire import Page
from embedded_services.control.api.table import PageQuery

T = TypeVar("T")


def page_of(rows: Sequence[T], key: Callable[[T], str], query: PageQuery) -> Page[T]:
    """Raises VALIDATION_FAILED for a cursor that names no row (any more)."""
    start = 0
    if query.cursor:
        keys = [key(row) for row in rows]
        if query.cursor not in keys:
            raise _bad_cursor(query.cursor)
        start = keys.index(query.cursor) + 1
    items = list(rows[start : start + query.limit])
    more = start + query.limit < len(rows)
    return Page(items=items, next_cursor=key(items[-1]) if more else None)


class Cursor(Protocol):
    @property
    def limit(self) -> int: ...
    @property
    def cursor(self) -> str: ...


def newest_first(ring: Ring[T], query: Cursor, wanted: Callable[[T], bool] = lambda _: True) -> Page[T]:
    """The newest entries that are wanted first; the cursor is the number of the last one given."""
    if query.cursor and not query.cursor.isdecimal():
        raise _bad_cursor(query.cursor)
    found = ring.before(int(query.cursor) if query.cursor else None, query.limit + 1, wanted)
    more = len(found) > query.limit
    found = found[: query.limit]
    return Page(items=[item for _, item in found], next_cursor=str(found[-1][0]) if more else None)


def _bad_cursor(cursor: str) -> ApiError:
    detail = ErrorDetail(field="cursor", message="not a cursor of this list; start again with an empty one")
    return ApiError("VALIDATION_FAILED", f"cursor: {detail.message} (got {cursor!r})", details=[detail])
