"""What the user asks of the system from this panel, carried out one at a time for each instance and service.

`asked` holds what is under way; it is given up when the stream shows what came of it, so that a row never falls back
to what was before. `changed` tells of every change of `asked`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final

import shiboken6
from PySide6.QtCore import QObject, Signal

from app.core.feed import INSTANCES, SERVICES
from app.core.session import Port
from app.panels.services.services_rows import Asked
from embedded_services.client.control_client import Action
from embedded_services.contracts.settings import ServicePatch

SEEN_WITHIN_S: Final = 0.5
"""How long the stream is given to show what was done; it may change nothing that is shown."""


class ServicesCommands(QObject):
    """First `begin`, which shows at once; then the coroutine, which raises ControlError or NotConnectedError."""

    changed = Signal()

    def __init__(self, port: Port, parent: QObject) -> None:
        super().__init__(parent)
        self._port = port
        self.asked = Asked()

    def begin(self, instance: str, action: str) -> bool:
        """Mark it as under way. False when something is already: then it is not to be done."""
        if instance in self.asked.actions:
            return False
        self.asked.actions[instance] = action
        self.changed.emit()
        return True

    async def act(self, instance: str, action: Action) -> None:
        async with self._until_shown(instance):
            await self._port.control().act_on_instance(instance, action)

    async def remove(self, service: str, instance: str) -> None:
        """Take the registration of an external instance back."""
        async with self._until_shown(instance):
            await self._port.control().deregister(service, instance)

    def begin_scaling(self, service: str, replicas: int) -> bool:
        """Mark the wish. False when `scale` runs already for that service: it takes the new wish in."""
        is_first = service not in self.asked.replicas
        self.asked.replicas[service] = replicas
        self.changed.emit()
        return is_first

    async def scale(self, service: str) -> None:
        """Never two requests at a time: they could overtake each other."""
        wishes = self.asked.replicas
        sent = None
        try:
            while sent != (wanted := wishes[service]):
                await self._port.control().patch_service(service, ServicePatch(replicas=wanted))
                sent = wanted
                await self._until(partial(self._is_scaled, service, sent))
        finally:
            del wishes[service]
            self._tell()

    # --- until it shows -------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _until_shown(self, instance: str) -> AsyncIterator[None]:
        before = self._state_of(instance)
        try:
            yield
            await self._until(lambda: self._state_of(instance) != before)
        finally:
            del self.asked.actions[instance]
            self._tell()

    async def _until(self, holds: Callable[[], bool]) -> None:
        told = asyncio.Event()
        leave = self._port.feed.listen(told.set, INSTANCES, SERVICES)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SEEN_WITHIN_S):
                    while not holds():
                        told.clear()
                        await told.wait()
        finally:
            leave()

    def _tell(self) -> None:
        """A task may end after the window: then there is nobody to tell."""
        if shiboken6.isValid(self):
            self.changed.emit()

    def _state_of(self, instance: str) -> object:
        row = self._port.feed.rows(INSTANCES).get(instance)
        return row and (row.incarnation, row.status, row.in_rotation)

    def _is_scaled(self, service: str, replicas: int) -> bool:
        """As the stream shows it; or the wish has changed meanwhile."""
        row = self._port.feed.rows(SERVICES).get(service)
        return (row is not None and row.replicas == replicas) or self.asked.replicas[service] != replicas
