"""Instances that were registered from this window: entered, and renewed while it is open."""

import asyncio
import logging
from typing import Any, Final

from PySide6.QtCore import QObject

from app.core.messages import NotConnectedError
from app.core.session import Port
from app.panels.services.register_form import Wish
from app.qt.tasks import spawn
from embedded_services.client.errors import ControlError
from embedded_services.common.clock import Clock

RENEWALS: Final = 3
"""Attempts within one ttl, so that a single one that fails costs nothing."""

log = logging.getLogger(__name__)


class Registrations(QObject):
    def __init__(self, port: Port, clock: Clock, parent: QObject) -> None:
        super().__init__(parent)
        self._port = port
        self._clock = clock
        self._renewing: dict[str, asyncio.Task[Any]] = {}

    async def register(self, wish: Wish) -> None:
        """Raises ControlError, NotConnectedError."""
        await self._port.control().register(wish.service, wish.id, wish.registration)
        self.stop_renewing(wish.id)
        if wish.keep:
            self._renewing[wish.id] = spawn(self, self._renew(wish), f"renew {wish.id}")

    def stop_renewing(self, instance: str) -> None:
        task = self._renewing.pop(instance, None)
        if task is not None:
            task.cancel()

    async def _renew(self, wish: Wish) -> None:
        """Until it is not known any more. That a renewal failed is no news: the panel shows what comes of it."""
        while True:
            await self._clock.sleep(wish.registration.ttl / RENEWALS)
            try:
                await self._port.control().heartbeat(wish.service, wish.id)
            except ControlError as error:
                if error.code == "NOT_FOUND":
                    return
                log.info("%s could not be renewed: %s", wish.id, error)
            except NotConnectedError:
                log.info("%s could not be renewed: there is no system", wish.id)
