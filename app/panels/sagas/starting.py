"""Starts what the form asks for: one run, which is then looked at, or many at a rate."""

from PySide6.QtCore import QObject

from app.core.messages import to_message
from app.core.session import Port
from app.panels.sagas.batch import Batch
from app.panels.sagas.sagas_panel import SagasPanel
from app.qt.tasks import spawn
from embedded_services.client.errors import ControlError
from embedded_services.common.clock import Clock
from embedded_services.contracts.sagas import NewSaga


class Starting(QObject):
    def __init__(self, panel: SagasPanel, port: Port, clock: Clock, parent: QObject) -> None:
        super().__init__(parent)
        self._panel, self._port, self._form = panel, port, panel.form
        self.batch = Batch(port, clock, self)
        self._form.run_requested.connect(self._on_run)
        self._form.batch_requested.connect(self._on_batch)
        self._form.batch_cancelled.connect(self.batch.cancel)
        self.batch.progressed.connect(self._form.batch.show_progress)
        self.batch.refused.connect(self._refuse)

    def _on_run(self, asked: NewSaga) -> None:
        self._form.set_busy(busy=True)
        _ = spawn(self, self._run(asked), f"run {asked.name}", on_error=self._refuse)

    async def _run(self, asked: NewSaga) -> None:
        try:
            started = await self._port.control().start_saga(asked)
        finally:
            self._form.set_busy(busy=False)
        self._form.started()
        self._panel.open_at(started.id)

    def _on_batch(self, asked: NewSaga, count: int, rate: float) -> None:
        self.batch.start(asked, count, rate)
        self._form.started()

    def _refuse(self, error: Exception) -> None:
        fields = {}
        if isinstance(error, ControlError):
            fields = {detail.field: detail.message for detail in error.details}
        self._form.show_refusal(to_message(error), fields)
