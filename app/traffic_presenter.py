"""Traffic for the whole window: the top bar's switch and rate, which are the panel's too, and what is reached of it."""

from typing import Final

from PySide6.QtCore import QObject

from app.core.feed import TRAFFIC, TRAFFIC_SAMPLES
from app.core.session import Port
from app.main_window import MainWindow
from app.panels.traffic.traffic_panel import TrafficPanel
from app.qt.throttle import Throttle
from embedded_services.contracts.traffic import Traffic, TrafficSample

FIGURES_MS: Final = 250
SHOWN: Final = 120
"""Samples in the curve: half a minute."""


class TrafficItemPresenter(QObject):
    """What is asked for here is asked of the panel, so that there is one plan for the next start, and one place for errors."""

    def __init__(self, window: MainWindow, port: Port, parent: QObject) -> None:
        super().__init__(parent)
        self._window, self._port = window, port
        self._shown = Throttle(window, self._show, FIGURES_MS)
        self._shown.setParent(self)
        feed, item = port.feed, window.top_bar.traffic
        leave = [feed.listen(self._shown.poke, TRAFFIC, TRAFFIC_SAMPLES), feed.listen_link(self._shown.poke)]
        self.destroyed.connect(lambda: [end() for end in leave])
        panel = window.panels.get("traffic")
        self._has_panel = isinstance(panel, TrafficPanel)
        if isinstance(panel, TrafficPanel):
            item.switched.connect(panel.bar.switch_requested)
            item.rate_requested.connect(panel.bar.rate_requested)
            panel.bar.rate_shown.connect(item.show_rate)
            item.show_rate(panel.bar.rate.value)
        self._show()

    def _show(self) -> None:
        feed = self._port.feed
        traffic: Traffic | None = next(iter(feed.rows(TRAFFIC).values()), None)
        tail = feed.tail(TRAFFIC_SAMPLES)
        samples: list[TrafficSample] = [sample for _, sample in tail.after(tail.total - SHOWN)]
        run = traffic.run if traffic is not None else 0
        fresh = [sample for sample in samples if sample.run == run]
        live = feed.link.is_live and self._has_panel  # without it nobody would hear what is asked for
        self._window.top_bar.traffic.show_traffic(traffic, fresh, live=live)
