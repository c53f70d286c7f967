"""Keeps the Traffic panel true to the stream, and carries out what the user asks of it."""

import asyncio
import importlib
from collections.abc import Coroutine
from typing import Any, Final

import msgspec
from PySide6.QtCore import QObject, QTimer

from app.core.feed import FAULTS, LIMITS, TRAFFIC, TRAFFIC_SAMPLES
from app.core.language import tr
from app.core.messages import to_message
from app.core.session import Port
from app.panels.traffic.fault_spans import spans_of
from app.panels.traffic.kinds_model import KindsModel
from app.panels.traffic.plan_dialog import PlanDialog
from app.panels.traffic.plan_form import draft_of
from app.panels.traffic.traffic_panel import TrafficPanel
from app.panels.traffic.traffic_series import TrafficSeries
from app.qt.tasks import Latest, spawn
from app.qt.throttle import Throttle
from embedded_services.common.clock import Clock, SystemClock
from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.traffic import (
    Mix,
    Traffic,
    TrafficPlan,
    TrafficWish,
    clients_for,
)

FIGURES_MS: Final = 250
SECOND_MS: Final = 1000
PAINT_S: Final = 0.05
LIBRARIES: Final = ("numpy", "pyqtgraph", "app.panels.traffic.plots")


class TrafficPresenter(QObject):
    """Samples are kept also while nobody looks. While nothing runs, what the user sets is for the next start."""

    def __init__(
        self, panel: TrafficPanel, model: KindsModel, port: Port, clock: Clock | None = None
    ) -> None:
        super().__init__(panel)
        self._panel, self._model, self._port = panel, model, port
        self._clock = clock or SystemClock()
        self._series = TrafficSeries()
        self._seen = 0
        self._numbering = port.feed.tail(TRAFFIC_SAMPLES).run
        self._next: dict[str, Any] = {}
        """What was set for the next start."""
        self._changing = Latest(self)
        self._wished: dict[str, Any] = {}
        """Asked of the traffic that runs, and not yet in force."""
        self._answer: tuple[Traffic, tuple[int, TrafficPlan]] | None = None
        """What a call answered, and which run and plan the stream had told before."""
        self._loading = False
        self._figures = Throttle(panel, self._show, FIGURES_MS)
        self._second = QTimer(self)
        self._second.setInterval(SECOND_MS)
        self._second.timeout.connect(self._on_second)
        self._follow()
        bar = panel.bar
        bar.rate_requested.connect(lambda rate: self._set(rate=rate))
        bar.clients_requested.connect(lambda clients: self._set(clients=clients))
        bar.mix_requested.connect(lambda mix: self._set(mix=mix))
        bar.switch_requested.connect(self._on_switch)
        bar.plan_requested.connect(self._on_plan)
        panel.charts.span_requested.connect(self._show)
        panel.looked_at.connect(self._on_looked_at)
        if panel.isVisible():
            self._on_looked_at()

    def _follow(self) -> None:
        feed = self._port.feed
        leave = [
            feed.listen(self._on_samples, TRAFFIC_SAMPLES),
            feed.listen(self._on_traffic, TRAFFIC, LIMITS),
            feed.listen(self._figures.poke, FAULTS),
            feed.listen_link(self._on_link),
        ]
        self.destroyed.connect(lambda: [end() for end in leave])
        self._on_samples()
        self._on_link()
        self._panel.show_plan(self._plan)  # also while nobody looks: the top bar has the rate from there
        self._second.start()

    # --- what is known --------------------------------------------------------------------------------------------

    @property
    def _traffic(self) -> Traffic | None:
        """As the stream told last; or as an answer told since."""
        row = next(iter(self._port.feed.rows(TRAFFIC).values()), None)
        if self._answer is None or row is None:
            return row
        answer, before = self._answer
        if (row.run, row.plan) != before:
            self._answer = None
            return row
        return msgspec.structs.replace(row, plan=answer.plan) if answer.run == row.run else answer

    @property
    def _is_on(self) -> bool:
        traffic = self._traffic
        return traffic is not None and traffic.is_on

    @property
    def _plan(self) -> TrafficPlan:
        """In force, with what was asked for and is on its way; or the next one."""
        traffic = self._traffic
        plan = traffic.plan if traffic is not None else TrafficPlan()
        if self._is_on:
            return _with(plan, self._wished)
        plan = _with(plan, self._next)
        limits = next(iter(self._port.feed.rows(LIMITS).values()), LimitSettings())
        reckoned = clients_for(plan.highest_rate, limits)
        return msgspec.structs.replace(plan, clients=reckoned) if plan.auto_clients else plan

    def _on_samples(self) -> None:
        tail = self._port.feed.tail(TRAFFIC_SAMPLES)
        if tail.run != self._numbering:
            self._numbering, self._seen = tail.run, 0
            self._series.clear()
        self._series.take(sample for _, sample in tail.after(self._seen))
        self._seen = tail.total
        self._figures.poke()

    def _on_traffic(self) -> None:
        self._panel.show_plan(self._plan)  # at once: the top bar has the rate from there
        self._figures.poke()

    # --- what is shown --------------------------------------------------------------------------------------------

    def _on_link(self) -> None:
        link = self._port.feed.link
        self._panel.set_stale(not link.is_live)
        if self._traffic is None and not link.is_live:
            self._panel.show_loading(tr("Waiting for the system"), link.reason)
        else:
            self._panel.show_content()
        self._figures.poke()

    def _on_second(self) -> None:
        if self._panel.isVisible() and self._is_on:
            self._figures.poke()

    def _show(self) -> None:
        if self._port.feed.link.is_live:
            self._panel.show_content()
        self._panel.show_plan(self._plan)
        spans = spans_of(self._port.feed.rows(FAULTS).values())
        self._panel.show_traffic(self._traffic, self._series, spans, self._now())

    def _now(self) -> float:
        """What was last read is not getting older."""
        link, now = self._port.feed.link, self._clock.now()
        return now if link.is_live or link.last_reading is None else link.last_reading

    def _on_looked_at(self) -> None:
        """What draws the plots is loaded the first time, once the panel is painted."""
        if not self._loading:
            self._loading = True
            self._spawn(self._load(), "load the plots")

    async def _load(self) -> None:
        await asyncio.sleep(PAINT_S)
        await load_libraries()
        self._panel.charts.build()
        self._show()

    # --- what the user wants --------------------------------------------------------------------------------------

    def _set(self, **fields: Any) -> None:
        """Of the traffic that runs at once, else of the next."""
        self._panel.clear_error()
        if self._is_on:
            self._wished |= fields
            self._changing.spawn(self._change(), "change the traffic", on_error=self._on_refused)
        else:
            self._next |= fields
        self._panel.show_plan(self._plan)

    async def _change(self) -> None:
        """All that was asked for since it was last in force, in one go."""
        told = await self._port.control().start_traffic(TrafficWish(**self._wished))
        self._wished = {}
        self._take_answer(told)

    def _take_answer(self, told: Traffic) -> None:
        """The stream says the same a moment later: until then it does not count."""
        row = next(iter(self._port.feed.rows(TRAFFIC).values()), None)
        if row is not None and (told.run, told.plan) != (row.run, row.plan):
            self._answer = told, (row.run, row.plan)
        self._show()

    def _on_refused(self, error: Exception) -> None:
        self._wished = {}
        self._on_failed(error)
        self._show()

    def _on_switch(self, on: bool) -> None:
        self._panel.clear_error()
        self._panel.bar.switch.set_busy(busy=True)
        self._spawn(self._start() if on else self._stop(), "start the traffic" if on else "stop the traffic")

    async def _start(self) -> None:
        """By what was shown: the plan before, with what was set since."""
        try:
            told = await self._port.control().start_traffic(wish_for(self._plan))
            self._next = {}
            self._take_answer(told)
        finally:
            self._panel.bar.switch.set_busy(busy=False)

    async def _stop(self) -> None:
        try:
            await self._port.control().stop_traffic()
        finally:
            self._panel.bar.switch.set_busy(busy=False)

    def _on_plan(self) -> None:
        dialog = PlanDialog(draft_of(self._plan), self._panel)
        dialog.submitted.connect(self._on_planned)
        dialog.open()

    def _on_planned(self, wish: TrafficWish) -> None:
        fields = {name: getattr(wish, name) for name in wish.__struct_fields__}
        self._set(**{name: value for name, value in fields.items() if value is not msgspec.UNSET})

    def _spawn(self, doing: Coroutine[Any, Any, None], name: str) -> None:
        _ = spawn(self, doing, name, on_error=self._on_failed)

    def _on_failed(self, error: Exception) -> None:
        """Where the action was: that may have been the top bar, with another panel below."""
        self._panel.show_failure(error)
        if not self._panel.isVisible():
            self._panel.toast_requested.emit(str(to_message(error)))


async def load_libraries() -> None:
    """What draws the plots takes a third of a second to load, in which the window is to answer. Imports make classes only, and
    no objects of Qt: these are made in the window's own thread."""
    await asyncio.to_thread(_import_libraries)


def _import_libraries() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)


def wish_for(plan: TrafficPlan) -> TrafficWish:
    """What starts `plan`: a new run has nothing of the one before by itself."""
    fields: dict[str, Any] = {
        name: getattr(plan, name)
        for name in ("rate", "arrivals", "seed", "steps", "duration_s", "timeout_s", "max_in_flight")
    }
    fields["clients"] = None if plan.auto_clients else plan.clients
    fields |= {"requests": plan.requests} if plan.requests else {"mix": plan.mix}
    return TrafficWish(**fields)


def _with(plan: TrafficPlan, fields: dict[str, Any]) -> TrafficPlan:
    """As it will be. How many clients there are when that is left to the system, only the system knows."""
    known = dict(fields)
    if "clients" in known:
        clients = known.pop("clients")
        known |= {"auto_clients": clients is None} | ({} if clients is None else {"clients": clients})
    if isinstance(known.get("mix"), Mix):
        known.setdefault("requests", [])
    if "rate" in known:
        known.setdefault("steps", [])
    return msgspec.structs.replace(plan, **known)
