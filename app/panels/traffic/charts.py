"""The live plots with their heads: latency above; rate, answers and what is in flight below.

The heads are there at once. The plots come with `build`, when what draws them was loaded.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.core.traffic_words import failed_percent, milliseconds, percent_text
from app.panels.traffic.fault_spans import FaultSpan
from app.panels.traffic.legend import LegendItem
from app.panels.traffic.traffic_series import Curves, TrafficSeries
from app.widgets.label import ElidedLabel, Label
from app.widgets.segmented_toggle import SegmentedToggle
from embedded_services.contracts.traffic import TrafficSample

if TYPE_CHECKING:
    from app.panels.traffic.plots import Plot, Plots

_LOW: Final = 560
_RECENT_S: Final = 2.0
_LATER_MS: Final = 60


class Charts(QWidget):
    """`span_requested` when another stretch of time shall be shown."""

    span_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("charts")
        self._span = SegmentedToggle(tr("Time shown"), {"120": tr("2 min"), "600": tr("10 min")})
        self._span.setObjectName("span")
        self.legend = {
            "p50": LegendItem("p50", "plot_p50", "10,000"),
            "p95": LegendItem("p95", "plot_p95", "10,000"),
            "p99": LegendItem("p99", "plot_p99", "10,000", thick=2.6),
            "max": LegendItem("max", "plot_max", "10,000"),
            "asked": LegendItem(tr("asked"), "plot_max", "500"),
            "rate": LegendItem(tr("got"), "accent", "999.9"),
            "failed": LegendItem(tr("failed"), "status_5xx", "100 %"),
            "in_flight": LegendItem(tr("now"), "accent", "20,000"),
        }
        self._plots: Plots | None = None
        self._waiting: tuple[Curves, Sequence[FaultSpan], tuple[float, float]] | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_LATER_MS)
        self._later.timeout.connect(self._show_rest)
        self._is_empty = True
        self._holders: dict[str, QFrame] = {}
        self._places: dict[str, QVBoxLayout] = {}
        self._build_ui()
        self._span.choice_requested.connect(lambda _: self.span_requested.emit())

    def _build_ui(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        legends = ("p50", "p95", "p99", "max")
        column.addWidget(
            self._section(
                "latency", tr("Latency"), tr("ms, log scale, from the intended send time"), legends
            ),
            5,
        )
        self._below = QFrame()
        self._below.setProperty("region", "section")
        line = QHBoxLayout(self._below)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        for at, (name, title, note, shown) in enumerate((
            ("rate", tr("Rate"), tr("/s"), ("asked", "rate")),
            ("answers", tr("Answers"), tr("/s, by status"), ("failed",)),
            ("in_flight", tr("In flight"), tr("requests"), ("in_flight",)),
        )):  # fmt: skip
            if at:
                rule = QFrame()
                rule.setProperty("region", "rule")
                rule.setFixedWidth(1)
                line.addWidget(rule)
            line.addWidget(self._section(name, title, note, shown), 1)
        column.addWidget(self._below, 3)

    def _section(self, name: str, title: str, note: str, legends: Sequence[str]) -> QWidget:
        holder = QWidget()
        head = QHBoxLayout()
        head.setContentsMargins(16, 8, 16, 0)
        head.setSpacing(14)
        head.addWidget(Label(title, "section"))
        head.addWidget(ElidedLabel(note, "small", "text_muted"), 1)
        for legend in legends:
            head.addWidget(self.legend[legend])
        if name == "latency":
            head.addWidget(self._span)
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(2)
        column.addLayout(head)
        self._places[name] = place = QVBoxLayout()
        place.setContentsMargins(8, 0, 8, 0)
        place.addWidget(self._holder(name))
        column.addLayout(place, 1)
        return holder

    def _holder(self, name: str) -> QFrame:
        self._holders[name] = holder = QFrame()
        holder.setProperty("region", "sunken")
        inside = QVBoxLayout(holder)
        if name == "latency":
            says = Label(
                tr("Start traffic, and how long its requests take appears here."), "body", "text_muted"
            )
            inside.addWidget(says, 1, Qt.AlignmentFlag.AlignCenter)
        holder.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        return holder

    # --- the plots ------------------------------------------------------------------------------------------------

    @property
    def is_built(self) -> bool:
        return self._plots is not None

    def build(self) -> None:
        """Make the plots."""
        from app.panels.traffic.plots import Plots

        if self._plots is None:
            self._plots = Plots()
            for name, plot in self._plots.all.items():
                self._places[name].addWidget(plot)
            self._show_whether_empty()

    def plot(self, name: str) -> "Plot":
        """One of those that were built. Raises KeyError."""
        if self._plots is None:
            raise KeyError(name)
        return self._plots.all[name]

    @property
    def span_s(self) -> float:
        return float(self._span.choice)

    def choose_span(self, key: str) -> None:
        self._span.set_choice(key)

    def show_series(self, series: TrafficSeries, spans: Sequence[FaultSpan], end: float) -> None:
        """The stretch of time that ends at `end`: the latency at once, the rest a moment later, so that neither takes long."""
        self._is_empty = not len(series)
        self._show_whether_empty()
        last = series.last
        fresh = last if last is not None and last.at >= end - _RECENT_S else None
        self._show_legend(fresh, series.recent(_RECENT_S) if fresh else [])
        if self._plots is None:
            return
        time = (end - self.span_s, end)
        curves = series.curves(time[0])
        self._waiting = (curves, spans, time)
        self._plots.show_latency(curves, spans, time)
        self._later.start()

    def _show_whether_empty(self) -> None:
        """Before there is anything to draw, and to draw it with, a quiet place says what will be there."""
        for holder in self._holders.values():
            holder.setVisible(self._plots is None or self._is_empty)
        for plot in self._plots.all.values() if self._plots is not None else ():
            plot.setVisible(not self._is_empty)

    def _show_rest(self) -> None:
        if self._plots is not None and self._waiting is not None and self._below.isVisible():
            self._plots.show_rest(*self._waiting)

    def _show_legend(self, sample: TrafficSample | None, recent: Sequence[TrafficSample]) -> None:
        known = sample is not None
        self.legend["p50"].set_value(milliseconds(sample.p50_ms if sample else None))
        self.legend["p95"].set_value(milliseconds(sample.p95_ms if sample else None))
        self.legend["p99"].set_value(milliseconds(sample.p99_ms if sample else None))
        self.legend["max"].set_value(milliseconds(sample.max_ms if sample else None))
        self.legend["asked"].set_value(figures.decimal(sample.asked, 0) if sample else figures.NONE)
        self.legend["rate"].set_value(figures.decimal(sample.rate) if sample else figures.NONE)
        self.legend["failed"].set_value(percent_text(failed_percent(recent)) if known else figures.NONE)
        self.legend["in_flight"].set_value(figures.count(sample.in_flight if sample else None))

    def resizeEvent(self, event: object) -> None:
        """Where there is little room, the latency has it."""
        super().resizeEvent(event)  # type: ignore[arg-type]  # as Qt hands it over
        self._below.setVisible(self.height() >= _LOW * 0.55)
