"""Keeps the Sagas panel true to the stream: runs and the one that is looked at ten times a second, counts and ledger four."""

from typing import Final

from PySide6.QtCore import QObject, QTimer

from app.core.fault_marks import step_faults
from app.core.feed import FAULTS, LEDGER, PROCESSES, SAGA_COUNTS, SAGAS, SYSTEM
from app.core.language import tr
from app.core.messages import to_message
from app.core.session import Port
from app.panels.sagas.ledger_words import rules_of
from app.panels.sagas.orchestrator_words import absence
from app.panels.sagas.repairing import Repairing
from app.panels.sagas.run_history import RunHistory
from app.panels.sagas.runs_model import RunsModel
from app.panels.sagas.saga_look import SagaLook
from app.panels.sagas.sagas_panel import SagasPanel
from app.panels.sagas.starting import Starting
from app.qt.tasks import Latest
from app.qt.throttle import Throttle
from embedded_services.client.errors import ControlError
from embedded_services.common.clock import Clock, SystemClock
from embedded_services.contracts.sagas import ORCHESTRATOR, HoldReason, Saga, SagaCounts, SagaState

FIGURES_MS: Final = 250
RETRY_MS: Final = 1_500
AWAY: Final = 503


class SagasPresenter(QObject):
    def __init__(self, panel: SagasPanel, model: RunsModel, port: Port, clock: Clock | None = None) -> None:
        super().__init__(panel)
        self._panel, self._model, self._port = panel, model, port
        self._clock = clock or SystemClock()
        self._incarnation = 0
        self._order = ""
        self.look = SagaLook(panel, port, self)
        self.history = RunHistory(panel, model, port, self._clock, self._on_first, self)
        self.starting = Starting(panel, port, self._clock, self)
        self.repairing = Repairing(panel, self.look, port, self)
        self._defining = Latest(self)
        self._retry = QTimer(self)
        self._retry.setSingleShot(True)
        self._retry.setInterval(RETRY_MS)
        self._retry.timeout.connect(self._define)
        self._figures = Throttle(panel, self._show, FIGURES_MS)
        self._figures.setParent(self)  # it must not outlive what it calls
        feed = port.feed
        leave = [
            feed.listen(self._figures.poke, SYSTEM, PROCESSES, SAGAS, SAGA_COUNTS, LEDGER, FAULTS),
            feed.listen(self._on_process, PROCESSES),
            feed.listen_link(self._on_link),
        ]
        self.destroyed.connect(lambda: [end() for end in leave])
        self._on_link()

    # --- what is shown --------------------------------------------------------------------------------------------

    def _show(self) -> None:
        feed, panel = self._port.feed, self._panel
        if feed.system is None:
            self.history.clear()
            self.look.forget()
            panel.show_loading(tr("Waiting for the system"), feed.link.reason)
            return
        panel.show_content()
        counts = next(iter(feed.rows(SAGA_COUNTS).values()), None)
        panel.show_counts(counts)
        sagas = feed.rows(SAGAS)
        stuck = [saga.id for saga in sagas.values() if _is_stuck(saga)]
        panel.ledger.show_rules(rules_of(feed.rows(LEDGER), counts, stuck))
        self._show_absence()
        panel.show_faults(step_faults(feed.rows(FAULTS).values()))
        self._offer_order(list(sagas.values()))
        if not self.look.id:
            self._show_none(counts)
        if not self.look.definitions:
            self._define()

    def _show_absence(self) -> None:
        feed = self._port.feed
        gone = absence(feed.rows(PROCESSES).get(ORCHESTRATOR)) if feed.link.is_live else None
        if gone is None:
            self._panel.show_absence(None)
        else:
            self._panel.show_absence(gone.message, gone.mend, gone.words)
        why = gone.message.text if gone is not None else ""
        self._panel.form.set_absence(why if feed.link.is_live else tr("No contact with the control plane."))

    def _show_none(self, counts: SagaCounts | None) -> None:
        if self._model.rowCount():
            self._panel.look_at(self._model.held[0].id)
        elif counts is not None and counts.total:
            self._panel.pane.show_choose()
        elif self.history.is_loaded or counts is not None:
            self._panel.pane.show_nothing()
        else:
            self._panel.pane.show_loading(tr("Fetching the runs"))

    def _offer_order(self, sagas: list[Saga]) -> None:
        """The newest order that was completed is what a refund begins with."""
        for saga in sagas:
            order = saga.data.get("orderId")
            if saga.state is SagaState.COMPLETED and isinstance(order, str) and "paymentId" in saga.data:
                self._panel.form.offer_order(order)
                return

    def _on_first(self) -> None:
        """The newest runs have come."""
        self._figures.poke()

    # --- definitions ----------------------------------------------------------------------------------------------

    def _define(self) -> None:
        live = self._port.feed.link.is_live
        if (
            live
            and not self.look.definitions
            and not self._defining.is_running
            and not self._retry.isActive()
        ):
            self._defining.spawn(self._fetch_definitions(), "definitions", on_error=self._on_undefined)

    async def _fetch_definitions(self) -> None:
        found = (await self._port.control().saga_definitions()).items
        self.look.definitions = {each.name: each for each in found}
        self._panel.form.show_definitions(found)
        self.look.refresh()

    def _on_undefined(self, error: Exception) -> None:
        if isinstance(error, ControlError) and error.status not in (None, AWAY):
            self._panel.show_error(to_message(error))
        self._retry.start()

    # --- contact --------------------------------------------------------------------------------------------------

    def _on_process(self) -> None:
        """An orchestrator that was started again may tell more than the stream did."""
        process = self._port.feed.rows(PROCESSES).get(ORCHESTRATOR)
        incarnation = process.incarnation if process is not None else 0
        if incarnation != self._incarnation:
            self._incarnation = incarnation
            self.history.reload()

    def _on_link(self) -> None:
        self._panel.set_stale(not self._port.feed.link.is_live)
        self._figures.poke()


def _is_stuck(saga: Saga) -> bool:
    waits = saga.hold is not None and saga.hold.reason is HoldReason.PERSON
    return waits or saga.state is SagaState.COMPENSATION_FAILED
