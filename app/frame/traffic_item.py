"""Traffic in the top bar: on or off, at which rate, what is reached of it, and how much of it fails."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.core.traffic_words import failed_percent, next_rate, percent_text, rate_text
from app.widgets.label import Label
from app.widgets.number_field import NumberField
from app.widgets.sparkline import Sparkline
from app.widgets.switch import Switch
from embedded_services.contracts.traffic import LEAST_RATE, MOST_RATE, Traffic, TrafficPlan, TrafficSample

_CURVE_FROM: Final = 1400
_READINGS_FROM: Final = 1320
_RATE_FROM: Final = 1240
_ALL_FROM: Final = 1000


class TrafficItem(QWidget):
    """`switched(bool)` and `rate_requested(float)`: of the traffic that runs, or of the next."""

    switched = Signal(bool)
    rate_requested = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("trafficItem")
        self.switch = Switch(tr("Traffic"))
        self.switch.setObjectName("trafficOnOff")
        self.rate = NumberField(
            tr("Rate of the traffic"),
            LEAST_RATE,
            MOST_RATE,
            lambda value, up: next_rate(value, more=up),
            rate_text,
            unit=tr("/s"),
            width=44,
        )
        self.rate.set_value(TrafficPlan().rate)  # with which it would start, until another is told
        self._curve = Sparkline()
        self._curve.setFixedSize(56, 24)
        self._got = Label("", "strong")
        self._got.setObjectName("trafficGot")
        self._failed = Label("", "small", "text_secondary")
        self._failed.setObjectName("trafficFailed")
        self._readings = QWidget()
        self._build_ui()
        self.switch.clicked.connect(lambda on: self.switched.emit(on))
        self.rate.value_requested.connect(self.rate_requested)

    def _build_ui(self) -> None:
        words = QVBoxLayout(self._readings)
        words.setContentsMargins(0, 0, 0, 0)
        words.setSpacing(0)
        words.addStretch(1)
        words.addWidget(self._got)
        words.addWidget(self._failed)
        words.addStretch(1)
        self._readings.setFixedWidth(84)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(Label(tr("Traffic"), "small", "text_secondary"))
        for widget in (self.switch, self.rate, self._curve, self._readings):
            line.addWidget(widget)

    def show_traffic(self, traffic: Traffic | None, samples: Sequence[TrafficSample], *, live: bool) -> None:
        """`samples` are those of the last seconds, oldest first."""
        is_on = traffic is not None and traffic.is_on
        self.switch.setChecked(is_on)
        self.switch.setEnabled(live)
        self.rate.setEnabled(live)
        last = samples[-1] if samples and is_on else None
        self._curve.set_values([sample.rate for sample in samples] if is_on else [])
        self._got.setText(tr("{n} rps", n=figures.decimal(last.rate)) if last is not None else "")
        percent = failed_percent(samples[-8:]) if last is not None else None
        self._failed.setText("" if percent is None else tr("{percent} errors", percent=percent_text(percent)))
        self._failed.set_tone("bad" if percent else "text_secondary")

    def set_room(self, width: int) -> None:
        """So wide is the window: where it is narrow, first the readings give way to what must always be seen, at last all of it."""
        self.setVisible(width >= _ALL_FROM)
        self._curve.setVisible(width >= _CURVE_FROM)
        self._readings.setVisible(width >= _READINGS_FROM)
        self.rate.setVisible(width >= _RATE_FROM)

    def show_rate(self, rate: float) -> None:
        self.rate.set_value(rate)
