"""Which endpoint a request is for: pure matching of methods and paths.

A path is matched as it was sent, segment by segment; `{name}` stands for one segment of letters, digits, `_`, `-` and
`.`, which is all that our ids are made of. A GET endpoint answers HEAD too.
"""

import re
from collections.abc import Iterable
from typing import Final, Generic, Protocol, TypeVar

from embedded_services.contracts.errors import ApiError

_VALUE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Routed(Protocol):
    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...


E = TypeVar("E", bound=Routed)


class MethodNotAllowedError(ApiError):
    """The path exists; `allow` lists the methods that it takes."""

    def __init__(self, allow: list[str]) -> None:
        super().__init__("METHOD_NOT_ALLOWED", f"Only {', '.join(allow)}")
        self.allow = allow


class Routes(Generic[E]):
    def __init__(self, endpoints: Iterable[E]) -> None:
        self._static: dict[str, dict[str, E]] = {}
        self._dynamic: dict[int, list[tuple[list[str], dict[str, E]]]] = {}
        for endpoint in endpoints:
            self._methods_of(endpoint.path)[endpoint.method] = endpoint

    def match(self, method: str, path: str) -> tuple[E, dict[str, str]]:
        """The endpoint, and what its `{name}`s stand for. Raises ApiError NOT_FOUND, or MethodNotAllowedError."""
        methods, params = self._find(path)
        endpoint = methods.get("GET" if method == "HEAD" else method)
        if endpoint is None:
            raise MethodNotAllowedError(sorted({*methods, *(["HEAD"] if "GET" in methods else [])}))
        return endpoint, params

    def _find(self, path: str) -> tuple[dict[str, E], dict[str, str]]:
        if methods := self._static.get(path):
            return methods, {}
        segments = path.split("/")
        for pattern, methods in self._dynamic.get(len(segments), ()):
            if (params := _fit(pattern, segments)) is not None:
                return methods, params
        raise ApiError("NOT_FOUND", "There is nothing at this path", path=path)

    def _methods_of(self, path: str) -> dict[str, E]:
        if "{" not in path:
            return self._static.setdefault(path, {})
        pattern = path.split("/")
        same_length = self._dynamic.setdefault(len(pattern), [])
        for other, methods in same_length:
            if other == pattern:
                return methods
        same_length.append((pattern, {}))
        return same_length[-1][1]


def _fit(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    params = {}
    for wanted, given in zip(pattern, segments, strict=True):
        if wanted.startswith("{"):
            if not _VALUE.fullmatch(given):
                return None
            params[wanted[1:-1]] = given
        elif wanted != given:
            return None
    return params
