"""Keeps the Gateway panel true to the stream. Figures change four times a second, the request log ten times."""

from typing import Final

from PySide6.QtCore import QObject, QTimer

from app.core import figures
from app.core.fault_marks import marks
from app.core.feed import FAULTS, GATEWAY, INSTANCES, PICKS, PROCESSES, SETTINGS, UPSTREAMS
from app.core.language import tr
from app.core.session import Port
from app.panels.gateway.balancing_commands import BalancingCommands
from app.panels.gateway.breakers_model import breaker_rows
from app.panels.gateway.budget_bars import budget_rows
from app.panels.gateway.gateway_models import GatewayModels
from app.panels.gateway.gateway_panel import GatewayPanel
from app.panels.gateway.policies_presenter import PoliciesPresenter
from app.panels.gateway.request_presenter import RequestPresenter
from app.panels.gateway.routes_model import route_rows
from app.panels.gateway.shares import service_shares, with_faults
from app.qt.throttle import Throttle
from embedded_services.common.clock import Clock, SystemClock
from embedded_services.contracts.gateway import BreakerState, GatewayTotals
from embedded_services.contracts.settings import Settings

FIGURES_MS: Final = 250
PROCESS: Final = "gateway"


class GatewayPresenter(QObject):
    def __init__(
        self, panel: GatewayPanel, models: GatewayModels, port: Port, clock: Clock | None = None
    ) -> None:
        super().__init__(panel)
        self._panel, self._models, self._port = panel, models, port
        self._clock = clock or SystemClock()
        self._run = -1
        self.commands = BalancingCommands(port, self)
        self.requests = RequestPresenter(panel, models.requests, port, self)
        self.policies = PoliciesPresenter(panel.policies, port, self)
        self._figures = Throttle(panel, self._show, FIGURES_MS)
        self._picks = Throttle(panel, self._show_picks, FIGURES_MS)
        self._countdown = QTimer(self)
        self._countdown.setSingleShot(True)
        self._countdown.setInterval(FIGURES_MS)
        self._countdown.timeout.connect(self._figures.poke)
        self._follow()

    def _follow(self) -> None:
        feed, page = self._port.feed, self._panel.balancing
        leave = [
            feed.listen(self._figures.poke, UPSTREAMS, GATEWAY, INSTANCES, SETTINGS, FAULTS),
            feed.listen(self._picks.poke, PICKS),
            feed.listen_link(self._on_link),
        ]
        self.destroyed.connect(lambda: [end() for end in leave])
        page.strategy_requested.connect(self._on_strategy)
        page.weight_requested.connect(self._on_weight)
        page.hash_key_requested.connect(self._on_hash_key)
        page.picks.released.connect(self._picks.poke)
        self.commands.changed.connect(self._show_services)
        self.commands.refused.connect(page.show_service_error)
        self._on_link()

    # --- what is shown --------------------------------------------------------------------------------------------

    def _on_link(self) -> None:
        self._panel.set_stale(not self._port.feed.link.is_live)
        self._figures.poke()
        self._picks.poke()

    @property
    def _is_stale(self) -> bool:
        return not self._port.feed.link.is_live

    @property
    def _settings(self) -> Settings | None:
        return next((state.settings for state in self._port.feed.rows(SETTINGS).values()), None)

    @property
    def _totals(self) -> GatewayTotals | None:
        return next(iter(self._port.feed.rows(GATEWAY).values()), None)

    def _show(self) -> None:
        feed = self._port.feed
        settings, totals, upstreams = self._settings, self._totals, feed.rows(UPSTREAMS)
        if settings is None and not upstreams:
            self._panel.show_loading(tr("Waiting for the gateway"), feed.link.reason)
            return
        self._panel.show_content()
        self._panel.set_subtitle(self._subtitle(totals))
        self._show_services()
        services = settings.services if settings is not None else {}
        stale = self._is_stale
        rows = breaker_rows(upstreams, services, self._now)
        self._models.breakers.show_rows(rows)
        self._panel.balancing.breakers.show_summary(rows)
        self._panel.balancing.show_budgets(budget_rows(upstreams, services), stale=stale)
        routes = route_rows(settings, totals)
        self._models.routes.apply(routes)
        self._panel.show_routes_count(len(routes))
        process = feed.rows(PROCESSES).get(PROCESS)
        total = totals.requests if totals is not None else 0
        self._panel.log.set_count(total, process.started_at if process is not None else None)
        if any(row.state != BreakerState.CLOSED for row in rows) and not stale:
            self._countdown.start()

    @property
    def _now(self) -> float:
        """The last moment that is known of."""
        link = self._port.feed.link
        return self._clock.now() if link.is_live or link.last_reading is None else link.last_reading

    def _show_services(self) -> None:
        feed, settings = self._port.feed, self._settings
        services = settings.services if settings is not None else {}
        shares = service_shares(services, feed.rows(UPSTREAMS), feed.rows(INSTANCES).values())
        broken = marks(feed.rows(FAULTS).values(), settings)
        shown = [self.commands.over(service) for service in with_faults(shares, broken)]
        self._panel.balancing.show_services(shown, self.commands.strategies, stale=self._is_stale)

    def _subtitle(self, totals: GatewayTotals | None) -> str:
        parts = [(self._port.gateway or "").removeprefix("http://")]
        if totals is not None:
            parts.append(figures.rate(totals.rate))
            parts += [
                f"{name} {figures.decimal(value)} ms"
                for name, value in (("p50", totals.latency_ms.p50), ("p99", totals.latency_ms.p99))
                if value is not None
            ]
            if totals.error_rate:
                parts.append(tr("{share} % errors", share=figures.decimal(100 * totals.error_rate)))
        if self._is_stale:
            parts.append(tr("last reading"))
        return " · ".join(part for part in parts if part)

    def _show_picks(self) -> None:
        tail, model, view = self._port.feed.tail(PICKS), self._models.picks, self._panel.balancing.picks
        if tail.run != self._run:
            self._run = tail.run
            model.restart()
        if not view.is_held:
            model.take(tail.after(model.newest), tail.total)
        view.show_count()

    # --- what the user asks ---------------------------------------------------------------------------------------

    def _on_strategy(self, service: str, strategy: str) -> None:
        self._panel.balancing.clear_service_error(service)
        self.commands.ask_strategy(service, strategy)

    def _on_weight(self, service: str, instance: str, weight: int) -> None:
        self._panel.balancing.clear_service_error(service)
        self.commands.ask_weight(service, instance, weight)

    def _on_hash_key(self, service: str, key: str) -> None:
        self._panel.balancing.clear_service_error(service)
        self.commands.ask_hash_key(service, key)
