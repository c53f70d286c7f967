"""Where the broker is, and from when on the processes are told.

The port of our own broker is known for good when its process listens: what was free when it was chosen may be
somebody else's by then, and so may its old port after a crash. What waits to be told must not go to a stranger's
broker, so without an address everybody holds it back, and nobody is kept from starting.

The event desk hears of it first: what is told before its tap listens, nobody sees.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from embedded_services.broker.address import url_of
from embedded_services.common.tasks import Tasks
from embedded_services.control.events.desk import EventDesk

TAP_WITHIN_S: Final = 1.0


class BrokerAddress:
    """`url` is where it was seen last, `told` what the processes go by: None while it is not there, or not yet listened to."""

    def __init__(
        self, events: EventDesk, tasks: Tasks, changed: Callable[[], None], external: str | None
    ) -> None:
        """`changed` is called when `url` or `told` did. `external` is the address of a broker that is not ours."""
        self._events = events
        self._tasks = tasks
        self._changed = changed
        self.embedded = external is None
        self.url = external
        self.told: str | None = None
        self.settled = asyncio.Event()
        """Set when the processes were told for the first time."""
        self._is_there = False
        self._telling: Callable[[], None] = _nothing

    def start(self) -> None:
        """While the event desk serves."""
        self._events.connect(self.url, embedded=self.embedded)
        if self.url is not None:
            self._found(self.url)

    def listens(self, port: int) -> None:
        """Our own broker serves there."""
        url = url_of(port)
        if url != self.url or not self._is_there:
            self._events.move(url)
            self._found(url)

    def ended(self) -> None:
        """Our own broker's process is gone. May be said again."""
        if not self._is_there:
            return
        self._is_there = False
        self._telling()
        self._events.move(None)
        self.told = None
        self._changed()

    def _found(self, url: str) -> None:
        self._telling()
        self._is_there = True
        self.url, self.told = url, None
        self._changed()
        self._telling = self._tasks.spawn(self._tell_in_time(url), "broker's address")

    async def _tell_in_time(self, url: str) -> None:
        await self._events.listening(TAP_WITHIN_S)
        self.told = url
        self._changed()
        self.settled.set()


def _nothing() -> None: ...
