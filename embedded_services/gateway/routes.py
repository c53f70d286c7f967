"""Where a path leads. Pure.

Paths are compared as they were sent, segment by segment: nothing is decoded, so nothing can mean one thing here and
another behind. A path that a service could read differently (empty or dot segments, encoded or not, encoded slashes,
backslashes, control characters) is refused, not repaired.
"""

import re
from collections.abc import Sequence
from typing import Final

from embedded_services.contracts.settings import Route

API: Final = "/api"

_UNUSUAL: Final = re.compile(r"//|/\.|%|[^!-~]|[\\#?;]")
_ESCAPE: Final = re.compile(r"%(..)", re.DOTALL)
_ESCAPES_THAT_CHANGE_A_PATH: Final = {
    "2f",
    "5c",
    "00",
    "3b",
    *(f"{code:02x}" for code in (*range(0x20), 0x7F)),
}
_DOTS: Final = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)


def is_plain(path: str) -> bool:
    """Whether a path means the same to everybody who reads it."""
    if not path.startswith("/"):
        return False
    if _UNUSUAL.search(path) is None:
        return True
    if "//" in path or not path.isascii() or not path.isprintable() or any(mark in path for mark in " \\#?;"):
        return False
    escapes = [escape.lower() for escape in _ESCAPE.findall(path)]
    if len(escapes) != path.count("%") or not all(_is_hex(escape) for escape in escapes):
        return False
    if not _ESCAPES_THAT_CHANGE_A_PATH.isdisjoint(escapes):
        return False
    return not any(_DOTS.fullmatch(segment) for segment in path.split("/"))


class RouteTable:
    """The longest prefix wins; for the path itself, an exact route wins over one that also covers what is below."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._exact = {route.prefix: route for route in routes if route.exact}
        self._below = {route.prefix: route for route in routes if not route.exact}
        self._depth = max((route.prefix.count("/") for route in routes), default=0)

    def match(self, path: str) -> Route | None:
        route = self._exact.get(path) or self._below.get(path)
        if route is not None:
            return route
        ends, end = [], 0
        for _ in range(self._depth):
            end = path.find("/", end + 1)
            if end < 0:
                break
            ends.append(end)
        for end in reversed(ends):
            if (route := self._below.get(path[:end])) is not None:
                return route
        return None


def _is_hex(digits: str) -> bool:
    return all(digit in "0123456789abcdef" for digit in digits)
