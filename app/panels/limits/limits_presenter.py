"""Keeps the Limits panel true to the stream, and carries out what the user asks of it."""

from collections.abc import Coroutine, Mapping
from typing import Any, Final

import msgspec
from PySide6.QtCore import QObject, QTimer

from app.core.feed import LIMIT_CLIENTS, LIMIT_TOTALS, SETTINGS
from app.core.language import tr
from app.core.messages import NotConnectedError, UserFacingError, to_message
from app.core.session import Port
from app.panels.limits.burst import BurstWish, Tally, headers_of, run
from app.panels.limits.client_history import ClientHistory
from app.panels.limits.limit_series import LimitSeries
from app.panels.limits.limits_model import LimitsModel
from app.panels.limits.limits_panel import LimitsPanel
from app.panels.limits.limits_words import whole_rule
from app.panels.limits.rule_form import FieldName, changes
from app.qt.dialogs import confirm
from app.qt.tasks import Latest, spawn
from app.qt.throttle import Throttle
from embedded_services.client.errors import ControlError
from embedded_services.common.clock import Clock, SystemClock
from embedded_services.contracts.errors import ErrorDetail
from embedded_services.contracts.gateway import LimitClient, LimitTotals
from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.settings import SettingsState

SECOND_MS: Final = 1000
QUARTER_MS: Final = 250
FIGURES_MS: Final = 250
PROGRESS_MS: Final = 50

_ON_THE_WIRE: Final[Mapping[str, FieldName]] = {
    "limits.limit": "limit", "limits.windowS": "window", "limits.key": "header",
}  # fmt: skip


class LimitsPresenter(QObject):
    """The last minutes are kept also while nobody looks. `now` moves four times a second while a countdown shows tenths,
    else once."""

    def __init__(
        self, panel: LimitsPanel, model: LimitsModel, port: Port, clock: Clock | None = None
    ) -> None:
        super().__init__(panel)
        self._panel, self._model, self._port = panel, model, port
        self._clock = clock or SystemClock()
        self._series, self._history = LimitSeries(), ClientHistory()
        self._let_off: dict[str, LimitClient] = {}
        """What was still shown of clients that were reset: until the stream says otherwise, it counts no more."""
        self._bursting = Latest(self)
        self._tally = Tally(0)
        self._rows = Throttle(panel, self._show, FIGURES_MS)
        self._second = self._timer(SECOND_MS, self._on_second)
        self._quarter = self._timer(QUARTER_MS, self._on_quarter)
        self._progress = self._timer(PROGRESS_MS, lambda: panel.burst.show_progress(self._tally))
        self._follow()
        panel.rule.apply_requested.connect(self._on_apply_requested)
        panel.reset_requested.connect(self._on_reset_requested)
        panel.reset_all_requested.connect(self._on_reset_all_requested)
        panel.burst.burst_requested.connect(self._on_burst_requested)
        panel.burst.cancel_requested.connect(self._on_cancel_requested)

    def _timer(self, every_ms: int, call: Any) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(every_ms)
        timer.timeout.connect(call)
        return timer

    def _follow(self) -> None:
        feed = self._port.feed
        leave = [
            feed.listen(self._on_clients, LIMIT_CLIENTS),
            feed.listen(self._rows.poke, LIMIT_TOTALS),
            feed.listen(self._show_rule, SETTINGS),
            feed.listen_link(self._on_link),
        ]
        self.destroyed.connect(lambda: [end() for end in leave])
        self._on_clients()
        self._on_link()
        self._second.start()
        self._quarter.start()

    # --- what is known --------------------------------------------------------------------------------------------

    @property
    def _state(self) -> SettingsState | None:
        return next(iter(self._port.feed.rows(SETTINGS).values()), None)

    @property
    def _totals(self) -> LimitTotals | None:
        return next(iter(self._port.feed.rows(LIMIT_TOTALS).values()), None)

    def _clients(self) -> dict[str, LimitClient]:
        """As the stream has them, but for those that were reset and not told of since."""
        rows = dict(self._port.feed.rows(LIMIT_CLIENTS))
        self._let_off = {key: row for key, row in self._let_off.items() if rows.get(key) == row}
        for key, row in self._let_off.items():
            rows[key] = msgspec.structs.replace(row, count=0, remaining=row.limit, reset_at=None)
        return rows

    # --- what is shown --------------------------------------------------------------------------------------------

    def _on_link(self) -> None:
        self._move_clock()
        self._panel.set_stale(not self._port.feed.link.is_live)
        self._show_rule()
        self._rows.poke()

    def _on_clients(self) -> None:
        self._history.take(self._clients(), self._clock.now())
        self._rows.poke()

    def _move_clock(self) -> None:
        """What was last read is not getting older in a countdown."""
        link, now = self._port.feed.link, self._clock.now()
        old = not link.is_live and link.last_reading is not None
        self._model.now = min(now, link.last_reading or now) if old else now

    def _on_second(self) -> None:
        totals = self._totals
        if self._port.feed.link.is_live and totals is not None:
            self._series.sample(self._clock.now(), totals)
            self._history.sample(self._clients().values())
        else:
            self._series.skip()
        if self._panel.isVisible():
            self._panel.show_seconds(self._series.seconds, totals)
            self._tick()

    def _on_quarter(self) -> None:
        if self._panel.isVisible() and self._model.is_counting_down():
            self._tick()

    def _tick(self) -> None:
        self._move_clock()
        self._panel.show_time()

    def _show_rule(self) -> None:
        state, live = self._state, self._port.feed.link.is_live
        rule = state.settings.limits if state is not None else LimitSettings()
        live = live and state is not None
        self._model.algorithm = rule.algorithm.value
        self._panel.rule.show_rule(rule, live=live)
        self._panel.burst.show_rule(rule, live=live)

    def _show(self) -> None:
        self._move_clock()
        self._model.show_clients(self._clients().values())
        link = self._port.feed.link
        if self._state is None and not link.is_live:
            self._panel.show_loading(tr("Waiting for the system"), link.reason)
        else:
            self._panel.show_content()
        self._panel.show_clients(self._totals, self._history, None if link.is_live else link.age_s)
        self._panel.show_seconds(self._series.seconds, self._totals)

    # --- the rule -------------------------------------------------------------------------------------------------

    def _on_apply_requested(self, before: LimitSettings, after: LimitSettings) -> None:
        self._panel.clear_error()
        self._spawn(self._apply(before, after), "apply the limit", self._on_apply_failed)

    async def _apply(self, before: LimitSettings, after: LimitSettings) -> None:
        """Only over the rule that the user saw: other settings may have changed meanwhile, the rule may not."""
        control = self._port.control()
        state = await control.settings()
        while state.settings.limits == before:
            try:
                patch = {"limits": changes(before, after)}
                done = await control.patch_settings(patch, if_revision=state.revision)
            except ControlError as error:
                if error.code != "PRECONDITION_FAILED":
                    raise
                state = await control.settings()
                continue
            rule = done.settings.limits
            self._panel.rule.show_rule(rule, live=True)
            self._panel.rule.show_done()
            self._panel.burst.show_rule(rule, live=True)
            self._panel.toast_requested.emit(tr("In force: {rule}", rule=whole_rule(rule)))
            return
        self._panel.rule.show_rule(state.settings.limits, live=True)
        self._panel.rule.show_conflict()

    def _on_apply_failed(self, error: Exception) -> None:
        details: tuple[ErrorDetail, ...] = tuple(error.details) if isinstance(error, ControlError) else ()
        fields = {
            _ON_THE_WIRE[detail.field]: detail.message for detail in details if detail.field in _ON_THE_WIRE
        }
        self._panel.rule.show_failure(str(to_message(error)), fields)

    # --- resets ---------------------------------------------------------------------------------------------------

    def _on_reset_requested(self, key: str) -> None:
        self._panel.clear_error()
        self._panel.set_resetting(busy=True)
        self._spawn(self._reset(key), f"reset {key}")

    async def _reset(self, key: str) -> None:
        try:
            await self._port.control().reset_limit_client(key)
        finally:
            self._panel.set_resetting(busy=False)
        self._forget([key])

    def _on_reset_all_requested(self) -> None:
        self._panel.clear_error()
        self._spawn(self._reset_all(), "reset all clients")

    async def _reset_all(self) -> None:
        count = len(self._port.feed.rows(LIMIT_CLIENTS))
        title = tr("Reset all clients?")
        text = tr(
            "The counts of all clients start afresh, of {n} here and of those not shown. Totals stay.",
            n=count,
        )
        if await confirm(self._panel, title, text, tr("Reset all")):
            await self._port.control().reset_limit_clients()
            self._forget(list(self._port.feed.rows(LIMIT_CLIENTS)))

    def _forget(self, keys: list[str]) -> None:
        rows = self._port.feed.rows(LIMIT_CLIENTS)
        self._let_off |= {key: rows[key] for key in keys if key in rows}
        self._on_clients()

    # --- bursts ---------------------------------------------------------------------------------------------------

    def _on_burst_requested(self, wish: BurstWish) -> None:
        if self._bursting.is_running:
            return
        self._panel.clear_error()
        self._tally = Tally(wish.count)
        self._panel.burst.show_progress(self._tally)
        self._progress.start()
        self._bursting.spawn(self._burst(wish, self._tally), "burst", on_error=self._on_burst_failed)

    async def _burst(self, wish: BurstWish, tally: Tally) -> None:
        gateway = self._port.gateway
        if gateway is None:
            raise NotConnectedError
        headers = headers_of(wish, self._port.workspace, self._clock.now())
        await run(gateway, wish, headers, tally, self._clock)
        if tally.failed == tally.asked:
            raise UserFacingError(
                tr("No request got an answer: the gateway cannot be reached as this client.")
            )
        self._end_burst()
        self._panel.open_at(wish.key)

    def _on_cancel_requested(self) -> None:
        if self._bursting.is_running:
            self._bursting.cancel()
            self._end_burst()

    def _on_burst_failed(self, error: Exception) -> None:
        self._progress.stop()
        self._panel.burst.show_failure(str(to_message(error)))

    def _end_burst(self) -> None:
        self._progress.stop()
        self._panel.burst.show_result(self._tally)

    def _spawn(self, doing: Coroutine[Any, Any, None], name: str, on_error: Any = None) -> None:
        _ = spawn(self, doing, name, on_error=on_error or self._panel.show_failure)
