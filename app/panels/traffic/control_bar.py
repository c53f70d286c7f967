"""The bar in which traffic is made: rate, clients, mix, and what of the rate was reached. It shows the plan in force while
traffic runs, else the one that will be started.
"""

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.core.traffic_notes import said
from app.core.traffic_words import next_rate, phase_text, rate_text
from app.panels.traffic.mix_bar import MixBar, percents
from app.panels.traffic.plan_form import summary
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.chip import Chip
from app.widgets.label import ElidedLabel, Label
from app.widgets.number_field import NumberField, whole_step
from embedded_services.contracts.traffic import (
    LEAST_RATE,
    MOST_CLIENTS,
    MOST_RATE,
    Mix,
    Phase,
    Traffic,
    TrafficPlan,
    TrafficSample,
)

REACHED_PERCENT: Final = 99.0
_SETTLED_S: Final = 2.0


class ControlBar(QFrame):
    """`rate_requested(float)`, `clients_requested(int | None)`, `mix_requested(Mix)`: for the traffic that runs, or that will be
    started; `switch_requested(bool)`: start or stop; `plan_requested`: the rest of the plan shall be edited. `rate_shown(float)`
    is told to whoever shows the rate elsewhere."""

    rate_requested = Signal(float)
    clients_requested = Signal(object)
    mix_requested = Signal(object)
    switch_requested = Signal(bool)
    plan_requested = Signal()
    rate_shown = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("region", "bar")
        self._is_on = False
        self._shown_on = False
        self.rate = NumberField(
            tr("Rate asked"), LEAST_RATE, MOST_RATE, _rate_step, rate_text, unit=tr("/s"), width=52
        )
        self.rate.setObjectName("rate")
        self._got = Label(figures.NONE, "figure")
        self._got.setObjectName("achieved")
        self.reached = Chip("", "ok")
        self.reached.setObjectName("reached")
        self.clients = NumberField(
            tr("Clients"), 1, MOST_CLIENTS, whole_step, lambda value: figures.count(int(value)), width=48
        )
        self.clients.setObjectName("clients")
        self._automatic = Button(tr("auto"), kind="link")
        self._automatic.setObjectName("autoClients")
        self._automatic.setToolTip(
            tr("As many as the limits in force need, and half as many again. Click to let it be so.")
        )
        self.mix = MixBar((tr("browse"), tr("checkout"), tr("login")))
        self._own = Label("", "strong")
        self._own.setObjectName("ownRequests")
        self._own.setFixedHeight(theme().size.control_large)
        self._to_mix = Button(tr("Back to the mix"), kind="link")
        self._to_mix.setObjectName("backToMix")
        self._shown_mix = Mix()
        self._mix_hint = Label(tr("drag the handles"), "small", "text_muted")
        self._phase = ElidedLabel("", "small", "text_muted")
        self._phase.setObjectName("phase")
        self.switch = Button(tr("Start"), "start", "primary", large=True)
        self.switch.setObjectName("trafficSwitch")
        self._plan = Button(tr("Plan…"), kind="link")
        self._plan.setObjectName("editPlan")
        self._build_ui()
        self._connect()

    def _build_ui(self) -> None:
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 12, 16, 14)
        line.setSpacing(20)
        got = QHBoxLayout()
        got.setSpacing(8)
        got.addWidget(self._got)
        got.addWidget(Label(tr("/s"), "body", "text_muted"))
        got.addWidget(self.reached)
        got.addStretch(1)
        achieved = QWidget()
        achieved.setFixedSize(172, theme().size.control_large)
        got.setContentsMargins(0, 0, 0, 0)
        achieved.setLayout(got)
        for title, hint, control, stretch in (
            (tr("Rate asked"), None, self.rate, 0),
            (tr("Achieved"), None, achieved, 0),
            (tr("Clients"), self._automatic, self.clients, 0),
            (tr("Mix"), self._hints(), self._mixes(), 1),
        ):
            line.addLayout(_block(title, hint, control), stretch)
        line.addLayout(_block("", self._plan, self.switch, head=self._phase))

    def _mixes(self) -> QWidget:
        holder = QWidget()
        inside = QHBoxLayout(holder)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.mix, 1)
        inside.addWidget(self._own, 1)
        self._own.setVisible(False)
        return holder

    def _hints(self) -> QWidget:
        holder = QWidget()
        inside = QHBoxLayout(holder)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._mix_hint)
        inside.addWidget(self._to_mix)
        self._to_mix.setVisible(False)
        return holder

    def _connect(self) -> None:
        self.rate.value_requested.connect(self.rate_requested)
        self.clients.value_requested.connect(lambda value: self.clients_requested.emit(int(value)))
        self._automatic.clicked.connect(lambda: self.clients_requested.emit(None))
        self.mix.mix_requested.connect(self._on_mix)
        self.switch.clicked.connect(lambda: self.switch_requested.emit(not self._is_on))
        self._plan.clicked.connect(self.plan_requested)
        self._to_mix.clicked.connect(lambda: self.mix_requested.emit(self._shown_mix))

    def _on_mix(self, shares: tuple[int, int, int]) -> None:
        self.mix_requested.emit(Mix(browse=shares[0], checkout=shares[1], login=shares[2]))

    # --- what the panel tells -------------------------------------------------------------------------------------

    def show_plan(self, plan: TrafficPlan) -> None:
        self.rate.set_value(plan.rate)
        self.rate_shown.emit(plan.rate)
        self.clients.set_value(plan.clients)
        self._automatic.setText(tr("auto") if plan.auto_clients else tr("set to auto"))
        self._automatic.setEnabled(not plan.auto_clients)
        self.mix.set_shares(percents((plan.mix.browse, plan.mix.checkout, plan.mix.login)))
        self._shown_mix = plan.mix
        own = len(plan.requests)
        self._to_mix.setVisible(bool(own))
        self.mix.setVisible(not own)
        self._mix_hint.setVisible(not own)
        self._own.setVisible(bool(own))
        self._own.setText(tr("1 request of your own") if own == 1 else tr("{n} requests of your own", n=own))
        self._plan.setToolTip(summary(plan))

    def show_traffic(self, traffic: Traffic | None, sample: TrafficSample | None, now: float) -> None:
        self._is_on = traffic is not None and traffic.is_on
        self._phase.setText(phase_text(traffic, now))
        self._phase.setToolTip("" if traffic is None else said(traffic.reason))
        self._show_switch()
        running = traffic is not None and traffic.phase is Phase.RUNNING and sample is not None
        self._got.setText(figures.decimal(sample.rate) if running and sample is not None else figures.NONE)
        settled = running and traffic is not None and now - (traffic.since or now) > _SETTLED_S
        self._show_reached(sample if settled else None)

    def _show_switch(self) -> None:
        """Only when it changes: to make icons several times a second is neither cheap nor, in the long run, safe."""
        if self._shown_on is self._is_on:
            return
        self._shown_on = self._is_on
        self.switch.setText(tr("Stop") if self._is_on else tr("Start"))
        self.switch.set_icon("stop" if self._is_on else "start")
        self.switch.set_kind("normal" if self._is_on else "primary")

    def _show_reached(self, sample: TrafficSample | None) -> None:
        known = sample is not None and sample.asked > 0
        self.reached.setVisible(known)
        if sample is not None and known:
            percent = min(100.0, 100 * sample.rate / sample.asked)
            kept = percent >= REACHED_PERCENT
            text = tr("{n} %", n=f"{percent:.1f}")
            self.reached.set_text(text, "ok" if kept else "warn", "check" if kept else "warning")

    def set_live(self, live: bool) -> None:
        """Whether anything can be asked for."""
        for control in (self.rate, self.clients, self.mix, self.switch, self._plan):
            control.setEnabled(live)


def _block(title: str, hint: QWidget | None, control: QWidget, *, head: QWidget | None = None) -> QVBoxLayout:
    above = QHBoxLayout()
    above.setSpacing(8)
    above.addWidget(head or Label(title, "small", "text_secondary"), 1)
    if hint is not None:
        above.addWidget(hint)
    column = QVBoxLayout()
    column.setSpacing(4)
    column.addLayout(above)
    column.addWidget(control)
    return column


def _rate_step(value: float, up: bool) -> float:
    return next_rate(value, more=up)
