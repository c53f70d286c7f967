"""Keeps the list of runs true: fetches pages as they come into sight, and puts in what the stream tells meanwhile.

The stream tells of some hundred sagas at a time. Where it left out some, the newest page is fetched again. One question of
each kind at a time; none while nobody looks or there is no contact.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from PySide6.QtCore import QObject, QTimer

from app.core.feed import SAGA_COUNTS, SAGAS
from app.core.messages import to_message
from app.core.session import Port
from app.panels.sagas.run_filter import RunFilter
from app.panels.sagas.run_rows import run_row
from app.panels.sagas.runs_model import RunsModel
from app.panels.sagas.sagas_panel import SagasPanel
from app.qt.tasks import Latest
from app.qt.throttle import Throttle
from embedded_services.client.errors import ControlError
from embedded_services.common.clock import Clock
from embedded_services.contracts.sagas import Saga

log = logging.getLogger(__name__)

PAGE: Final = 60
LIVE_MS: Final = 100
AGAIN_MS: Final = 500
RETRY_MS: Final = 1_500
SPINNER_MS: Final = 150
AWAY: Final = 503


class RunHistory(QObject):
    def __init__(
        self, panel: SagasPanel, model: RunsModel, port: Port, clock: Clock, first: Callable[[], None], parent: QObject
    ) -> None:  # fmt: skip
        """`first` is called when the newest page has come."""
        super().__init__(parent)
        self._panel, self._model, self._port, self._clock, self._first = panel, model, port, clock, first
        self._wanted = RunFilter()
        self._cursor = ""
        self._told: Mapping[str, Saga] = {}
        self._top = 0
        self._missed = 0
        self._is_due = False
        self.is_loaded = False
        """Whether what is held is what the filter asked for."""
        self._newest, self._older = Latest(self), Latest(self)
        self._live = Throttle(panel, self._take, LIVE_MS)
        self._again = Throttle(panel, self._load, AGAIN_MS)
        for throttle in (self._live, self._again):
            throttle.setParent(self)  # it must not outlive what it calls
        self._retry = _single_shot(self, RETRY_MS, self.reload)
        self._spinner = _single_shot(self, SPINNER_MS, lambda: panel.list.set_loading(True))
        leave = [port.feed.listen(self._live.poke, SAGAS, SAGA_COUNTS), port.feed.listen_link(self._on_link)]
        self.destroyed.connect(lambda: [end() for end in leave])
        panel.filter_changed.connect(self._search)
        panel.list.end_in_sight.connect(self._fetch_older)

    # --- what the presenter asks ----------------------------------------------------------------------------------

    def reload(self) -> None:
        """Something may have moved that was not told."""
        self._again.poke()

    def clear(self) -> None:
        """There is no system any more."""
        for asking in (self._newest, self._older):
            asking.cancel()
        self._cursor, self._told, self._top, self.is_loaded = "", {}, 0, False
        self._model.clear()

    # --- what moved -----------------------------------------------------------------------------------------------

    def _take(self) -> None:
        rows = self._port.feed.rows(SAGAS)
        if not self.is_loaded:
            self._load_first()
            return
        moved = [saga for id_, saga in rows.items() if self._told.get(id_) is not saga]
        self._told = rows
        if self._has_gap(moved):
            self.reload()
            moved = [saga for saga in moved if saga.seq <= self._top]
        self._put(moved)
        now = self._clock.now()
        since, _ = self._wanted.bounds(now)
        if since is not None:
            self._model.drop_before(since)

    def _put(self, sagas: list[Saga]) -> None:
        now, wanted = self._clock.now(), self._wanted
        fitting = [saga for saga in sagas if wanted.accepts(saga, now)]
        if len(fitting) < len(sagas):
            kept = {saga.seq for saga in fitting}
            self._model.drop(
                [saga.seq for saga in sagas if saga.seq not in kept and not _may_fit(wanted, saga, now)]
            )
        if fitting:
            self._model.put([run_row(saga) for saga in fitting])

    def _has_gap(self, moved: list[Saga]) -> bool:
        """Whether some came that were not told; what is told without a gap raises the top."""
        counts = next(iter(self._port.feed.rows(SAGA_COUNTS).values()), None)
        missed = counts.missed if counts is not None else 0
        was_missed, self._missed = missed > self._missed, missed
        fresh = sorted(saga.seq for saga in moved if saga.seq > self._top)
        if was_missed or (fresh and (fresh[0] != self._top + 1 or fresh[-1] - fresh[0] != len(fresh) - 1)):
            return True
        self._top = fresh[-1] if fresh else self._top
        return False

    # --- the newest page ------------------------------------------------------------------------------------------

    def _search(self, wanted: RunFilter) -> None:
        self._wanted = wanted
        self.is_loaded = False
        self._newest.cancel()
        self._older.cancel()
        self._spinner.start()
        self._load()

    def _load_first(self) -> None:
        if not self._newest.is_running and not self._retry.isActive():
            self._load()

    def _load(self) -> None:
        self._is_due = self._newest.is_running
        if self._port.feed.link.is_live and not self._newest.is_running:
            self._newest.spawn(self._fetch_newest(), "newest runs", on_error=self._on_failure)

    async def _fetch_newest(self) -> None:
        wanted = self._wanted
        page = await self._port.control().sagas(wanted.query(self._clock.now(), PAGE))
        if not self.is_loaded:
            self._model.clear()
        rows = [run_row(saga) for saga in page.items]
        if not self._model.show(rows, is_whole=page.next_cursor is None):
            self._older.cancel()
            self._cursor = page.next_cursor or ""
        # Of what is above the newest page without a filter nothing was told yet; under one, what was told is all there is.
        told = [saga.seq for saga in self._port.feed.rows(SAGAS).values()] if wanted.is_active else []
        self._top = max([self._top, *told, *(row.seq for row in rows[:1])])
        self.is_loaded = True
        self._told = {}
        self._end_wait()
        self._first()
        self._live.poke()
        if self._is_due:
            QTimer.singleShot(0, self, self.reload)  # once this question has ended

    # --- older ones -----------------------------------------------------------------------------------------------

    def _fetch_older(self) -> None:
        model = self._model
        if (
            not self.is_loaded
            or model.is_whole
            or model.is_full
            or self._older.is_running
            or not self._cursor
        ):
            return
        if self._port.feed.link.is_live:
            self._older.spawn(self._page(self._wanted, self._cursor), "older runs", on_error=self._on_failure)

    async def _page(self, wanted: RunFilter, cursor: str) -> None:
        page = await self._port.control().sagas(wanted.query(self._clock.now(), PAGE, cursor))
        self._cursor = page.next_cursor or ""
        self._model.add_older([run_row(saga) for saga in page.items], is_whole=page.next_cursor is None)
        QTimer.singleShot(0, self, self._look_again)

    def _look_again(self) -> None:
        if self._panel.list.sees_end:
            self._fetch_older()

    # --- when it cannot be had ------------------------------------------------------------------------------------

    def _on_link(self) -> None:
        if self._port.feed.link.is_live:
            self.reload()

    def _on_failure(self, error: Exception) -> None:
        """The absence of the orchestrator is told elsewhere, and by itself over."""
        self._end_wait()
        if isinstance(error, ControlError) and error.status not in (None, AWAY):
            self._panel.show_error(to_message(error))
            return
        log.info("runs could not be fetched: %s", error)
        self._retry.start()

    def _end_wait(self) -> None:
        self._spinner.stop()
        self._panel.list.set_loading(False)


def _may_fit(wanted: RunFilter, saga: Saga, now: float) -> bool:
    """Whether it was refused only because not all of its data is told."""
    if not (saga.brief and wanted.text):
        return False
    return RunFilter(wanted.state, "", wanted.span, wanted.since, wanted.until).accepts(saga, now)


def _single_shot(parent: QObject, interval_ms: int, call: Callable[[], None]) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(interval_ms)
    timer.timeout.connect(call)
    return timer
