"""What faults did to one request and to all that was asked for its sake, and how that is told to whoever asked.

A process that answers requests begins a `Touches` for each while anything is armed; whatever injects a fault for the
request's sake notes it there, through the context. In the answer to another process of the system they travel in
`X-Faultdeck-Faults`, which the gateway takes off in both directions: no client sees it, and none can send it.
"""

import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

HEADER: Final = "X-Faultdeck-Faults"
FIELD: Final = HEADER.encode()
FIELD_LOWER: Final = FIELD.lower()
_LENGTH: Final = len(FIELD)
MOST: Final = 16
"""Faults that one request tells of."""
_ENTRY: Final = re.compile(r"([A-Za-z0-9_]{1,40})=([0-9]{1,7}(?:\.[0-9]{1,3})?)(!?)")


class Touches:
    """`faults` has for each what it added, in seconds; `ruined` are those that spoilt an answer whose status does not say so.

    Every request gets one while anything is armed, and hardly any has something to note: so one that is empty is no more
    than an object.
    """

    request_id: str = ""
    trace_id: str = ""
    faults: Mapping[str, float] = MappingProxyType({})
    ruined: frozenset[str] = frozenset()

    def add(self, fault: str, added_s: float = 0.0, *, ruined: bool = False) -> None:
        if fault not in self.faults and len(self.faults) >= MOST:
            return
        self.faults = {**self.faults, fault: self.faults.get(fault, 0.0) + added_s}
        if ruined:
            self.ruined |= {fault}

    def tell(self) -> str:
        """The header's value; empty if there is nothing to tell."""
        return ", ".join(
            f"{fault}={min(added_s, 3600.0) * 1000:.1f}{'!' if fault in self.ruined else ''}"
            for fault, added_s in self.faults.items()
        )

    def hear(self, fields: Sequence[tuple[bytes, bytes]]) -> None:
        """Take in what the process whose answer has these header fields tells. What cannot be read is passed over."""
        for name, value in fields:
            if len(name) == _LENGTH and name.lower() == FIELD_LOWER:
                self._read(value.decode("latin-1"))

    def waited(self, seconds: float) -> None:
        """What was struck last is why there was a wait before another try."""
        if self.faults:
            self.add(next(reversed(list(self.faults))), seconds)

    def _read(self, value: str) -> None:
        for entry in value[: MOST * 60].split(",")[:MOST]:
            found = _ENTRY.fullmatch(entry.strip())
            if found is not None:
                self.add(found[1], float(found[2]) / 1000, ruined=bool(found[3]))


_current: ContextVar[Touches | None] = ContextVar("touched by faults", default=None)


def current() -> Touches | None:
    """Of the request that is being answered here."""
    return _current.get()


def begin(request_id: str = "", traceparent: str = "") -> Touches:
    """For the request that is answered in this context from now on."""
    touches = Touches()
    touches.request_id, touches.trace_id = request_id, traceparent[3:35]
    _current.set(touches)
    return touches


def end() -> None:
    """Nothing is being answered in this context any more."""
    _current.set(None)
