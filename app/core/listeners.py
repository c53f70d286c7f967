"""Those who want to hear that something changed. Plain calls, in the order of joining, in the window's one thread."""

import logging
from collections.abc import Callable
from typing import Generic, ParamSpec

P = ParamSpec("P")

log = logging.getLogger(__name__)


class Listeners(Generic[P]):
    """Told through `tell(…)`. A listener may leave while being told. One that fails is a bug and logged as such, and takes
    nothing from the others: one panel must not blind the window."""

    def __init__(self) -> None:
        self._listeners: list[Callable[P, None]] = []

    def join(self, listener: Callable[P, None]) -> Callable[[], None]:
        """Returns what makes it leave again; leaving twice does no harm."""
        self._listeners.append(listener)

        def leave() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return leave

    def tell(self, *args: P.args, **kwargs: P.kwargs) -> None:
        for listener in list(self._listeners):
            try:
                listener(*args, **kwargs)
            except Exception:
                log.exception("%s failed", getattr(listener, "__qualname__", listener))
