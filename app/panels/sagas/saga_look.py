"""Keeps the saga that is looked at as it is: whole and with its journal, fetched anew whenever it has moved.

What the stream tells of it is shown at once; it lacks the journal, and its data where that is large. While the orchestrator
is away what was fetched last stays.
"""

import logging
from collections.abc import Mapping
from typing import Final

import msgspec
from PySide6.QtCore import QObject, QTimer

from app.core.feed import SAGA_COUNTS, SAGAS
from app.core.language import tr
from app.core.messages import to_message
from app.core.session import Port
from app.panels.sagas.sagas_panel import SagasPanel
from app.qt.tasks import Latest
from app.qt.throttle import Throttle
from embedded_services.client.errors import ControlError
from embedded_services.contracts.sagas import ENDED, Saga, SagaDefinition

log = logging.getLogger(__name__)

SHOW_MS: Final = 80
RETRY_MS: Final = 1_000
MISSING: Final = 404


class SagaLook(QObject):
    def __init__(self, panel: SagasPanel, port: Port, parent: QObject) -> None:
        super().__init__(parent)
        self._panel, self._port = panel, port
        self.definitions: Mapping[str, SagaDefinition] = {}
        self.id = ""
        self._saga: Saga | None = None
        self._fetched: float | None = None
        self._counts: object = None
        self._fetching = Latest(self)
        self._shown = Throttle(panel, self._look, SHOW_MS)
        self._shown.setParent(self)  # it must not outlive what it calls
        self._retry = QTimer(self)
        self._retry.setSingleShot(True)
        self._retry.setInterval(RETRY_MS)
        self._retry.timeout.connect(self._shown.poke)
        leave = [
            port.feed.listen(self._shown.poke, SAGAS, SAGA_COUNTS),
            port.feed.listen_link(self._shown.poke),
        ]
        self.destroyed.connect(lambda: [end() for end in leave])
        panel.saga_wanted.connect(self.choose)

    def choose(self, saga: str) -> None:
        if saga == self.id:
            return
        self._fetching.cancel()
        self._retry.stop()
        self.id, self._saga, self._fetched = saga, None, None
        told = self._port.feed.rows(SAGAS).get(saga)
        if told is not None:
            self.show(told)
        elif saga:
            self._panel.pane.show_loading(tr("Fetching the run"))
        self._fetch()

    def forget(self) -> None:
        """There is no system any more."""
        self._fetching.cancel()
        self._retry.stop()
        self.id, self._saga, self._fetched = "", None, None

    def show(self, saga: Saga) -> None:
        """As it is now, if it is the one that is looked at."""
        if saga.id != self.id:
            return
        held = self._saga
        if held is not None and saga.updated_at < held.updated_at:
            return
        if held is not None and not saga.journal and held.journal:
            saga = msgspec.structs.replace(saga, journal=held.journal)
        self._saga = saga
        self._panel.show_saga(saga, self.definitions.get(saga.name))

    def refresh(self) -> None:
        """The definitions have come."""
        if self._saga is not None:
            self._panel.show_saga(self._saga, self.definitions.get(self._saga.name))

    def _look(self) -> None:
        """It may have moved."""
        if not self.id:
            return
        told = self._port.feed.rows(SAGAS).get(self.id)
        if told is not None:
            if self._fetched is None or told.updated_at > self._fetched:
                self._fetch()
            return
        counts = next(iter(self._port.feed.rows(SAGA_COUNTS).values()), None)
        is_open = self._saga is None or self._saga.state not in ENDED
        if is_open and (counts != self._counts or self._saga is None):
            self._counts = counts
            self._fetch()

    def _fetch(self) -> None:
        if (
            self.id
            and self._port.feed.link.is_live
            and not self._fetching.is_running
            and not self._retry.isActive()
        ):
            self._fetching.spawn(self._ask(self.id), "saga", on_error=self._on_failure)

    async def _ask(self, id_: str) -> None:
        saga = await self._port.control().saga(id_)
        if id_ == self.id:
            self._fetched = saga.updated_at
            self.show(saga)
            told = self._port.feed.rows(SAGAS).get(id_)
            if told is not None and told.updated_at > saga.updated_at:
                self._shown.poke()

    def _on_failure(self, error: Exception) -> None:
        if isinstance(error, ControlError) and error.status == MISSING:
            self._panel.pane.show_missing(to_message(error))
            return
        if self._saga is None:
            self._panel.pane.show_missing(to_message(error))
        log.info("saga %s could not be fetched: %s", self.id, error)
        self._retry.start()
