"""The four live plots, drawn by pyqtgraph. Imported only once the panel is looked at: the library costs a fifth of a second and
some memory, which whoever never makes traffic need not pay.

Each plot shows the same stretch of time; faults that were in force are shaded behind its curves.
"""

import math
import time
from collections.abc import Sequence
from typing import Any, Final, cast

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.language import tr
from app.panels.traffic.fault_spans import FaultSpan, shown_in
from app.panels.traffic.traffic_series import STACK, Curve, Curves
from app.qt.theme import theme
from app.qt.tokens import Tone

_AXIS: Final = 52
_FLOOR_MS: Final = 1.0
_LEAST: Final = 4
_LINES: Final = 4
_LABEL: Final = 0.15
"""So much of the time words take: a span that begins in the last part has them before it."""
_LATENCIES: Final[dict[str, Tone]] = {
    "max": "plot_max", "p50": "plot_p50", "p95": "plot_p95", "p99": "plot_p99",
}  # fmt: skip
"""In the order in which they are drawn."""
STACK_TONES: Final[dict[str, Tone]] = {
    "2xx": "status_2xx", "3xx": "accent", "4xx": "status_4xx", "429": "status_429", "5xx": "status_5xx",
    "error": "bad",
}  # fmt: skip


class _TimeAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no types
    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [time.strftime("%H:%M:%S", time.localtime(value)) for value in values]


class _ValueAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no types
    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        shown = [10**value if self.logMode else value for value in values]
        return [f"{value:,.10g}" if value >= 1 or value == 0 else f"{value:.2g}" for value in shown]

    def logTickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return self.tickStrings(values, scale, spacing)

    def logTickValues(
        self, low: float, high: float, size: float, std: Any
    ) -> list[tuple[float, list[float]]]:
        """Only powers of ten: lines between them say nothing more."""
        return [(1.0, [float(power) for power in range(math.ceil(low), math.floor(high) + 1)])]


class Plot(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """`show_span` says which stretch of time; curves are told by their names."""

    def __init__(
        self, name: str, *, log: bool = False, ticks: int = 2, parent: QWidget | None = None
    ) -> None:
        super().__init__(
            parent,
            axisItems={"bottom": _TimeAxis("bottom"), "left": _ValueAxis("left")},
            enableMenu=False,
        )
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._log = log
        self._ticks = ticks
        self._lines: dict[str, tuple[Any, Tone, float]] = {}
        self._filled: dict[str, Tone] = {}
        self._spans: list[tuple[Any, Any]] = []
        item = self.getPlotItem()
        item.hideButtons()
        item.setContentsMargins(0, 6, 8, 0)
        self.setMouseEnabled(x=False, y=False)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        if log:
            self.setLogMode(y=True)
        item.getAxis("left").setWidth(_AXIS)
        item.getAxis("bottom").setHeight(22)
        item.showGrid(y=True, alpha=0.25)
        theme().changed.connect(self.recolor)
        self.recolor()

    def add_line(self, name: str, tone: Tone, width: float = 1.0, *, fill: bool = False) -> None:
        """A wider line is drawn piece by piece: as one path it would take ten times as long, and dashes even longer."""
        curve = pg.PlotDataItem(connect="finite", antialias=True)
        if not fill:
            curve.curve.setSegmentedLineMode("on")
        curve.setZValue(10 + len(self._lines))
        self.addItem(curve)
        self._lines[name] = (curve, tone, width)
        if fill:
            self._filled[name] = tone
        self.recolor()

    def set_curve(self, name: str, times: Curve, values: Curve) -> None:
        curve = self._lines[name][0]
        if name in self._filled and not times:
            curve.setData([], [])
            return
        curve.setData(times, [max(value, _FLOOR_MS / 10) for value in values] if self._log else values)

    def show_span(self, start: float, end: float, low: float, high: float) -> None:
        """Seconds since the epoch, and the values at the lower and upper edge."""
        if self._log:
            low, high = math.log10(low), math.log10(high)
        self.setXRange(start, end, padding=0)
        self.setYRange(low, high, padding=0)
        middle = (start + end) / 2
        marks = [start, middle, end] if self._ticks == 3 else [start, end]
        texts = [(mark, time.strftime("%H:%M:%S", time.localtime(mark))) for mark in marks]
        self.getPlotItem().getAxis("bottom").setTicks([_inside(texts, end - start, self.width())])

    def show_faults(self, spans: Sequence[FaultSpan], start: float, end: float, *, words: bool) -> None:
        """Shade them; `words` writes what they are at the top of each."""
        visible = shown_in(spans, start, end)
        while len(self._spans) < len(visible):
            self._spans.append(self._new_span())
        top = self.getPlotItem().getViewBox().viewRange()[1][1]
        for at, (region, text) in enumerate(self._spans):
            shown = at < len(visible)
            region.setVisible(shown)
            text.setVisible(shown and words)
            if shown:
                span = visible[at]
                left = max(span.start, start)
                region.setRegion((left, end if span.end is None else min(span.end, end)))
                region.lines[0].setVisible(span.start >= start)
                region.lines[1].setVisible(span.end is not None and span.end <= end)
                text.setText(span.text)
                late = left > end - _LABEL * (end - start)
                line = lines_of(visible, start, end)[at]
                text.setAnchor((1 if late else 0, -line))
                text.setPos(left, top)

    def _new_span(self) -> tuple[Any, Any]:
        region = pg.LinearRegionItem(movable=False)
        region.setZValue(-10)
        text = pg.TextItem(anchor=(0, 0))
        text.setZValue(50)
        self.addItem(region, ignoreBounds=True)
        self.addItem(text, ignoreBounds=True)
        self._color_span(region, text)
        return region, text

    def _color_span(self, region: Any, text: Any) -> None:
        colors = theme()
        region.setBrush(colors.color("plot_fault"))
        for line in region.lines:
            line.setPen(pg.mkPen(colors.color("fault"), width=1))
        text.setColor(colors.color("fault"))
        font = colors.font("caption")
        text.setFont(font)

    def recolor(self) -> None:
        colors = theme()
        self.setBackground(colors.color("surface"))
        item = self.getPlotItem()
        item.getViewBox().setBackgroundColor(colors.color("surface_sunken"))
        for side in ("left", "bottom"):
            axis = item.getAxis(side)
            axis.setPen(colors.color("border"))
            axis.setTextPen(colors.color("text_muted"))
            axis.setStyle(tickFont=colors.font("caption"), tickLength=0, tickTextOffset=6)
        for name, (curve, tone, width) in self._lines.items():
            curve.setPen(pg.mkPen(colors.color(tone), width=width))
            if name in self._filled:
                ground = QColor(colors.color(tone))
                ground.setAlphaF(0.18)
                curve.setFillLevel(0)
                curve.setBrush(ground)
        for region, text in self._spans:
            self._color_span(region, text)


class StackPlot(Plot):
    """Answers a second, one class upon the other: the lowest ones are drawn last, over the higher."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        for at, part in enumerate(reversed(STACK)):
            self.add_line(part, STACK_TONES[part], 1.0, fill=True)
            self._lines[part][0].setZValue(10 + at)

    def recolor(self) -> None:
        super().recolor()
        for name, tone in self._filled.items():
            self._lines[name][0].setBrush(theme().color(tone))

    def set_answers(self, curves: Curves) -> None:
        below: Curve = [0.0] * len(curves.times)
        for part in STACK:
            values = curves.answers[part]
            there = any(value > under for value, under in zip(values, below, strict=True))
            self.set_curve(part, curves.times if there else [], values if there else [])
            below = values


class Plots:
    """All of them, as they are filled."""

    def __init__(self) -> None:
        self.latency = Plot(tr("Latency"), log=True, ticks=3)
        for name, tone in _LATENCIES.items():
            self.latency.add_line(name, tone, 1.8 if name == "p99" else 1.0)
        self.rate = Plot(tr("Rate"))
        self.rate.add_line("asked", "plot_max")
        self.rate.add_line("rate", "accent")
        self.answers = StackPlot(tr("Answers"))
        self.in_flight = Plot(tr("In flight"))
        self.in_flight.add_line("in_flight", "accent", fill=True)
        for name, plot in self.all.items():
            plot.setObjectName(f"plot-{name}")
            plot.setMinimumHeight(60)

    @property
    def all(self) -> dict[str, Plot]:
        return {
            "latency": self.latency, "rate": self.rate, "answers": self.answers, "in_flight": self.in_flight,
        }  # fmt: skip

    def show_latency(self, curves: Curves, spans: Sequence[FaultSpan], time: tuple[float, float]) -> None:
        values = {"p50": curves.p50, "p95": curves.p95, "p99": curves.p99, "max": curves.longest}
        for name in _LATENCIES:
            self.latency.set_curve(name, curves.times, values[name])
        lows = [value for value in curves.p50 if not math.isnan(value)]
        low, high = log_bounds(min(lows, default=_FLOOR_MS), highest(curves.longest))
        self.latency.show_span(*time, low, high)
        self.latency.show_faults(spans, *time, words=True)

    def show_rest(self, curves: Curves, spans: Sequence[FaultSpan], time: tuple[float, float]) -> None:
        self.rate.set_curve("asked", curves.times, curves.asked)
        self.rate.set_curve("rate", curves.times, curves.rate)
        self.rate.show_span(*time, 0, top_of(1.1 * highest(curves.asked, curves.rate), _LEAST))
        self.answers.set_answers(curves)
        self.answers.show_span(*time, 0, top_of(1.1 * highest(curves.answers[STACK[-1]]), _LEAST))
        self.in_flight.set_curve("in_flight", curves.times, curves.in_flight)
        self.in_flight.show_span(*time, 0, top_of(highest(curves.in_flight), _LEAST))
        for plot in (self.rate, self.answers, self.in_flight):
            plot.show_faults(spans, *time, words=False)


def highest(*curves: Curve) -> float:
    """Of all that is known; 0 for nothing."""
    return max((value for curve in curves for value in curve if not math.isnan(value)), default=0.0)


def lines_of(spans: Sequence[FaultSpan], start: float, end: float) -> list[int]:
    """In which line the words of each stand, the earliest first: below those of one that begins only a little before."""
    lines: list[int] = []
    lefts = [max(span.start, start) for span in spans]
    for at, left in enumerate(lefts):
        near = at > 0 and left - lefts[at - 1] < _LABEL * (end - start)
        lines.append((lines[-1] + 1) % _LINES if near else 0)
    return lines


def top_of(value: float, least: float) -> float:
    """The next of 1, 2, 5 and so on."""
    wanted = max(value, least)
    power = 10 ** math.floor(math.log10(wanted))
    return cast("float", next(step * power for step in (1, 2, 5, 10) if step * power >= wanted * 0.999))


def log_bounds(low: float, high: float) -> tuple[float, float]:
    """Of an axis of powers of ten: at least two of them, with room above."""
    bottom = 10 ** math.floor(math.log10(max(low, _FLOOR_MS / 10)))
    return bottom, max(bottom * 100, high * 1.6)


def _inside(texts: list[tuple[float, str]], span: float, width: int) -> list[tuple[float, str]]:
    """The outermost are moved in, so that nothing is cut off."""
    inset = span * 30 / max(60, width - _AXIS)
    first, last = texts[0], texts[-1]
    return [(first[0] + inset, first[1]), *texts[1:-1], (last[0] - inset, last[1])]
