"""Carries out what a person wants of a saga: next, retry, skip, cancel; and copies it, and finds what its trace leads to."""

from collections.abc import Mapping
from typing import Final

import msgspec
from PySide6.QtCore import QObject

from app.core.feed import PROCESSES, REQUESTS, SAGAS
from app.core.language import tr
from app.core.messages import to_message
from app.core.session import Port
from app.panels.sagas.order_data import start_data
from app.panels.sagas.saga_look import SagaLook
from app.panels.sagas.sagas_panel import SagasPanel
from app.panels.sagas.step_target import StepTarget
from app.panels.sagas.words import short_id
from app.qt.tasks import spawn
from embedded_services.client.control_client import SagaActionName
from embedded_services.contracts.sagas import ORCHESTRATOR, Saga

EVENTS: Final = "events"
GATEWAY: Final = "gateway"
_MOVES: Final[Mapping[str, SagaActionName]] = {
    "next": "next", "retry": "retry", "skip": "skip", "cancel": "cancel",
}  # fmt: skip


class Repairing(QObject):
    def __init__(self, panel: SagasPanel, look: SagaLook, port: Port, parent: QObject) -> None:
        super().__init__(parent)
        self._panel, self._look, self._port = panel, look, port
        panel.saga_asked.connect(self._on_asked)
        panel.step_copy_requested.connect(self._on_step_copy)
        panel.orchestrator_asked.connect(self._on_orchestrator)

    def _on_asked(self, saga: str, key: str, reason: str) -> None:
        if key in ("skip", "cancel") and saga != self._look.id:
            self._panel.look_at(saga)  # where its reason is asked for
            self._panel.pane.ask(key)
        elif key == "skip" and not reason:
            self._panel.pane.ask(key)
        elif key in _MOVES:
            self._panel.pane.clear_error()
            _ = spawn(self, self._act(saga, _MOVES[key], reason), f"{key} {saga}", on_error=self._refuse)
        elif key == "id":
            self._panel.copy(saga, tr("Copied: {id}", id=saga))
        else:
            _ = spawn(self, self._with(saga, key), f"{key} {saga}", on_error=self._refuse)

    async def _act(self, saga: str, key: SagaActionName, reason: str) -> None:
        head = self._panel.pane.head
        head.set_busy(key, busy=True)
        try:
            moved = await self._port.control().act_on_saga(saga, key, reason)
        finally:
            head.set_busy(key, busy=False)
            self._look.refresh()
        self._look.show(moved)

    async def _with(self, id_: str, key: str) -> None:
        """What needs the saga itself."""
        saga = await self._saga(id_)
        match key:
            case "copy":
                whole = await self._port.control().saga(id_)
                text = msgspec.json.format(msgspec.json.encode(whole)).decode()
                self._panel.copy(text, tr("Copied as JSON."))
            case "trace":
                self._panel.copy(saga.trace_id, tr("Copied: {id}", id=saga.trace_id))
            case "traceEvents":
                self._panel.navigation_requested.emit(EVENTS, saga.trace_id)
            case "traceRequest":
                self._show_request(saga)
            case "again":
                self._panel.form.fill(saga.name, start_data(saga.name, saga.data))
            case _:
                raise ValueError(f"there is no action {key}")

    async def _saga(self, id_: str) -> Saga:
        shown = self._panel.pane.saga
        if shown is not None and shown.id == id_:
            return shown
        told = self._port.feed.rows(SAGAS).get(id_)
        return told if told is not None and not told.brief else await self._port.control().saga(id_)

    def _show_request(self, saga: Saga) -> None:
        tail = self._port.feed.tail(REQUESTS)
        found = next((record for _, record in reversed(tail.after(0)) if record.trace == saga.trace_id), None)
        if found is None:
            said = tr(
                "No request of this trace is held: {id} was started here, or long ago.", id=short_id(saga.id)
            )
            self._panel.toast_requested.emit(said)
        else:
            self._panel.navigation_requested.emit(GATEWAY, found.id)

    def _on_step_copy(self, target: StepTarget) -> None:
        step = next(step for step in target.saga.steps if step.name == target.step)
        text = msgspec.json.format(msgspec.json.encode(step)).decode()
        self._panel.copy(text, tr("Copied as JSON."))

    def _on_orchestrator(self, key: str) -> None:
        if ORCHESTRATOR in self._port.feed.rows(PROCESSES):
            _ = spawn(self, self._mend(key), f"{key} orchestrator", on_error=self._panel.show_failure)

    async def _mend(self, key: str) -> None:
        control = self._port.control()
        await control.act_on_process(ORCHESTRATOR, "thaw" if key == "thaw" else "restart")

    def _refuse(self, error: Exception) -> None:
        self._panel.pane.show_error(to_message(error))
