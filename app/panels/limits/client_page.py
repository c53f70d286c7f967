"""The inspector's page for one client: how full its allowance is, its facts, its last minute, and what can be done."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.limits.client_history import TURNS, Turn
from app.panels.limits.gauge import Gauge, says
from app.panels.limits.limits_model import LimitsModel
from app.qt.tokens import Tone
from app.widgets.button import Button
from app.widgets.fact_list import Fact, FactList
from app.widgets.inspector_page import InspectorPage
from app.widgets.label import ElidedLabel, Label
from app.widgets.sparkline import Sparkline
from embedded_services.contracts.gateway import LimitClient


class ClientPage(InspectorPage):
    reset_requested = Signal(str)
    burst_requested = Signal(str)
    copy_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._key = ""
        self._gauge = Gauge()
        self._figure = Label("", "figure")
        self._left = Label("", "small", "text_secondary")
        self.add_section(tr("Its allowance"), self._build_allowance())
        self._facts = self.add_section(tr("Facts"), FactList())
        self._line = self.add_section(tr("Its count in the last minute"), Sparkline(height=40))
        self._turns: list[ElidedLabel] = []
        self._story = self.add_section(tr("What happened"), self._build_story())
        self._reset = Button(tr("Reset"))
        self._burst = Button(tr("Burst as it"))
        self._copy = Button(tr("Copy its key"))
        self._build_actions()

    def _build_allowance(self) -> QWidget:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for widget in (self._figure, self._gauge, self._left):
            column.addWidget(widget)
        return holder

    def _build_story(self) -> QWidget:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for _ in range(TURNS):
            label = ElidedLabel("", "small", "text_secondary")
            self._turns.append(label)
            column.addWidget(label)
        return holder

    def _build_actions(self) -> None:
        for button, name, tip in (
            (self._reset, "resetClient", tr("Its count starts afresh; its totals stay. (Delete)")),
            (self._burst, "burstAsClient", tr("Sends the burst of the bar above the list as this client.")),
            (self._copy, "copyClient", tr("Copies what the gateway calls it. (Ctrl+C)")),
        ):
            button.setObjectName(name)
            button.setToolTip(tip)
        self._reset.clicked.connect(lambda: self.reset_requested.emit(self._key))
        self._burst.clicked.connect(lambda: self.burst_requested.emit(self._key))
        self._copy.clicked.connect(lambda: self.copy_requested.emit(self._key))
        self.set_actions([self._reset, self._burst, self._copy])

    def show_client(
        self,
        row: LimitClient,
        model: LimitsModel,
        counts: Sequence[float],
        turns: Sequence[Turn],
        *,
        stale: bool,
        can_burst: bool,
    ) -> None:
        self._key = row.key
        full = row.remaining == 0
        status = "unknown" if stale else "degraded" if full else "healthy"
        word = tr("Unknown") if stale else tr("At the limit") if full else tr("Below the limit")
        self.set_subject(tr("Client"), row.key, (status, word))
        tone: Tone = "text_muted" if stale else "status_429" if full else "text"
        self._figure.set_tone(tone)
        self._figure.setText(tr("{n} of {limit}", n=f"{row.count:,}", limit=f"{row.limit:,}"))
        self._gauge.show_row(row, stale=stale)
        self._left.setText(f"{says(row)} · {_left_words(row)}")
        self._facts.set_facts(_facts(row, model, "text_muted" if stale else "text"))
        if (section := self._line.parentWidget()) is not None:
            section.setVisible(len(counts) > 1)
        self._line.set_values(counts, "text_muted" if stale else "plot_p95")
        self._show_turns(turns)
        self._reset.setEnabled(not stale)
        self._burst.setEnabled(can_burst and not stale)

    def _show_turns(self, turns: Sequence[Turn]) -> None:
        for at, label in enumerate(self._turns):
            label.setVisible(at < len(turns))
            if at < len(turns):
                label.setText(f"{figures.clock_time(turns[at].at)}  {_turn_words(turns[at])}")

    def set_resetting(self, busy: bool) -> None:
        self._reset.set_busy(busy)


def _left_words(row: LimitClient) -> str:
    if row.remaining == 0:
        return tr("the next request gets 429")
    return (
        tr("1 more is allowed") if row.remaining == 1 else tr("{n} more are allowed", n=f"{row.remaining:,}")
    )


def _facts(row: LimitClient, model: LimitsModel, tone: Tone) -> list[Fact]:
    refused: Tone = "status_429" if row.limited and tone == "text" else tone
    all_of_them = row.allowed + row.limited
    share = figures.NONE if not all_of_them else tr("{n} %", n=f"{100 * row.limited / all_of_them:.1f}")
    at = "" if row.last429_at is None else figures.moment(row.last429_at)
    return [
        Fact(tr("Resets in"), model.resets_in(row), tone, tooltip=model.reset_words(row)),
        Fact(
            tr("Last seen"), figures.ago(model.now - row.last_at), tone, tooltip=figures.moment(row.last_at)
        ),
        Fact(tr("Last 429"), model.last_429(row), tone, tooltip=at),
        Fact(tr("Allowed"), figures.count(row.allowed), tone),
        Fact(tr("Got 429"), figures.count(row.limited), refused),
        Fact(tr("Share that got 429"), share, tone),
    ]


def _turn_words(turn: Turn) -> str:
    match turn.kind:
        case "seen":
            return tr("seen first by this window")
        case "full":
            return tr("reached its limit of {n}", n=f"{turn.count:,}")
        case "free":
            return tr("may ask again")
        case "empty":
            return tr("nothing counts against it any more")
        case "reset":
            return tr("was let off: its count starts afresh")
