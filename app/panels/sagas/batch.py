"""Starts a saga many times at a rate, and keeps count of what became of each. Open-loop: the next one is begun when it is due,
whatever the ones before are doing."""

import asyncio
from collections import Counter
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.feed import SAGAS
from app.core.messages import to_message
from app.core.session import Port
from app.panels.sagas.batch_row import BatchProgress
from app.qt.tasks import Latest, spawn
from embedded_services.client.errors import ControlError
from embedded_services.common.clock import Clock
from embedded_services.contracts.sagas import ENDED, NewSaga, Saga, SagaState

AT_ONCE: Final = 16
SHOW_MS: Final = 200
LOOKED_UP: Final = 5
"""Runs that the stream no longer tells of are asked for, so many at a time."""
PATIENCE_S: Final = 1.0
GIVES_UP: Final = 10
"""So many refusals in a row end it."""


class Batch(QObject):
    """`progressed(BatchProgress)`; `refused(Exception)` when what is to be started cannot be: then nothing more is begun."""

    progressed = Signal(object)
    refused = Signal(object)

    def __init__(self, port: Port, clock: Clock, parent: QObject) -> None:
        super().__init__(parent)
        self._port, self._clock = port, clock
        self._progress = BatchProgress(0, is_running=False)
        self._states: dict[str, SagaState] = {}
        self._settled: set[str] = set()
        self._last_move = 0.0
        self._in_a_row = 0
        self._error = ""
        self._refusals = 0
        self._run, self._look = Latest(self), Latest(self)
        self._room = asyncio.Semaphore(AT_ONCE)
        self._timer = QTimer(self)
        self._timer.setInterval(SHOW_MS)
        self._timer.timeout.connect(self._watch)

    @property
    def is_running(self) -> bool:
        return self._progress.is_running

    def start(self, asked: NewSaga, count: int, rate: float) -> None:
        self._run.cancel()
        self._states, self._settled, self._room = {}, set(), asyncio.Semaphore(AT_ONCE)
        self._in_a_row = self._refusals = 0
        self._error = ""
        self._last_move = self._clock.monotonic()
        self._progress = BatchProgress(count)
        self._timer.start()
        self._run.spawn(self._begin_all(asked, count, rate), "many runs")
        self._tell(is_running=True)

    def cancel(self) -> None:
        """Begin no more; those that run go on."""
        if self.is_running:
            self._run.cancel()
            self._tell(is_running=False, was_cancelled=True)

    async def _begin_all(self, asked: NewSaga, count: int, rate: float) -> None:
        began = self._clock.monotonic()
        for number in range(count):
            wait = began + number / rate - self._clock.monotonic()
            if wait > 0:
                await self._clock.sleep(wait)
            await self._room.acquire()
            if not self.is_running:
                self._room.release()
                return
            _ = spawn(self, self._begin(asked), "one of many runs")
        for _ in range(AT_ONCE):
            await self._room.acquire()
        self._tell(is_running=False)

    async def _begin(self, asked: NewSaga) -> None:
        try:
            started = await self._port.control().start_saga(asked)
            self._states[started.id] = started.state
            self._in_a_row = 0
        except Exception as error:  # noqa: BLE001 - counted, shown, and after some of them the end
            self._on_refused(error)
        finally:
            self._room.release()
        self._last_move = self._clock.monotonic()

    def _on_refused(self, error: Exception) -> None:
        self._refusals += 1
        self._in_a_row += 1
        self._error = to_message(error).text
        is_wrong = isinstance(error, ControlError) and error.status is not None and error.status < 500
        if (is_wrong or self._in_a_row >= GIVES_UP) and self.is_running:
            self._run.cancel()
            self._tell(is_running=False)
            if is_wrong:
                self.refused.emit(error)

    # --- what becomes of them -------------------------------------------------------------------------------------

    def _watch(self) -> None:
        told = self._port.feed.rows(SAGAS)
        before = len(self._settled)
        for id_ in self._states.keys() - self._settled:
            if (saga := told.get(id_)) is not None:
                self._see(saga)
        now = self._clock.monotonic()
        if len(self._settled) > before:
            self._last_move = now
        open_ = [id_ for id_ in self._states if id_ not in self._settled and id_ not in told]
        if open_ and now - self._last_move > PATIENCE_S and not self._look.is_running:
            self._look.spawn(self._look_up(open_[:LOOKED_UP]), "runs of many", on_error=lambda _: None)
        self._tell(is_running=self.is_running)
        if not self.is_running and len(self._settled) == len(self._states):
            self._timer.stop()

    async def _look_up(self, ids: list[str]) -> None:
        for id_ in ids:
            self._see(await self._port.control().saga(id_))

    def _see(self, saga: Saga) -> None:
        self._states[saga.id] = saga.state
        waits = saga.hold is not None and saga.hold.reason != "service"
        if saga.state in ENDED or waits:
            self._settled.add(saga.id)

    def _tell(self, *, is_running: bool, was_cancelled: bool = False) -> None:
        self._progress = BatchProgress(
            self._progress.total, len(self._states), self._refusals, Counter(self._states.values()), self._error,
            is_running, was_cancelled or self._progress.was_cancelled,
        )  # fmt: skip
        self.progressed.emit(self._progress)
