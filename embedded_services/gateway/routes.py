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

_REMEMBERED: Final = 4096
_REMEMBERED_LENGTH: Final = 100

_ORDINARY: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
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
    if _ORDINARY.fullmatch(path) is not None:
        return True
    if not path.startswith("/"):
        return False
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
        self._root = _Node()
        self._depth = 0
        self._known: dict[str, Route | None] = {}
        for route in routes:
            segments = route.prefix.split("/")
            node = self._root
            for segment in segments:
                node = node.children.setdefault(segment, _Node())
            if route.exact:
                node.exact = route
            else:
                node.below = route
            self._depth = max(self._depth, len(segments))

    def match_method(self, path: str, method: str) -> Route | None:
        """The route of a request: an exact one that does not take its method leaves it to the one that covers the path. Where
        none takes it, the exact one says what is taken."""
        route = self.match(path)
        if route is None or not route.exact or route.methods is None or method in route.methods:
            return route
        return self._match(path, exact=False) or route

    def match(self, path: str) -> Route | None:
        """The route of a path. Those that were asked for lately are remembered, up to a bound."""
        try:
            return self._known[path]
        except KeyError:
            pass
        route = self._match(path)
        if len(path) <= _REMEMBERED_LENGTH:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[path] = route
        return route

    def _match(self, path: str, *, exact: bool = True) -> Route | None:
        segments = path.split("/", self._depth)
        node, found = self._root, None
        for place, segment in enumerate(segments, 1):
            following = node.children.get(segment)
            if following is None:
                break
            node = following
            if exact and node.exact is not None and place == len(segments):
                return node.exact
            found = node.below or found
        return found


class _Node:
    """The end of a prefix, or a step on the way to one."""

    __slots__ = ("below", "children", "exact")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.exact: Route | None = None
        self.below: Route | None = None


def _is_hex(digits: str) -> bool:
    return all(digit in "0123456789abcdef" for digit in digits)
