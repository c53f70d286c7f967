"""The inspector's page for one instance: why it is where it is, its facts, and the six actions in their places."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.core import figures
from app.core.language import tr
from app.core.reasons import spoken
from app.core.statuses import status_word
from app.panels.services.instance_actions import ActionKey, cure, possible, says, words
from app.panels.services.journal_model import JournalRow
from app.panels.services.services_rows import InstanceRow, check_words
from app.panels.services.story import Story
from app.qt.tokens import Tone
from app.widgets.button import Button, IconButton, Kind
from app.widgets.fact_list import Fact, FactList
from app.widgets.inspector_page import InspectorPage
from app.widgets.sparkline import Sparkline

STORY_LINES: Final = 4

_PLACES: Final[tuple[tuple[ActionKey, ActionKey], ...]] = (
    ("kill", "kill"),
    ("terminate", "terminate"),
    ("freeze", "thaw"),
    ("restart", "restart"),
    ("drain", "remove"),
)
"""What stands in each place, and what stands there instead while it is the one that is possible."""


class InstancePage(InspectorPage):
    """The sixth place is that of *Break it…*."""

    action_requested = Signal(str)
    copy_requested = Signal()
    break_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._story = self.add_section("", Story())
        copy = IconButton("copy", tr("Copy the address"), tone="text_muted")
        copy.setObjectName("copyAddress")
        copy.setProperty("measure", "row")
        copy.clicked.connect(self.copy_requested)
        self._facts = self.add_section(tr("Facts"), FactList(), aside=copy)
        self._line = self.add_section(tr("p99 of the last minute"), Sparkline(height=40))
        self._words = words()
        self._keys: list[ActionKey] = [usual for usual, _ in _PLACES]
        self._buttons = [self._make_button(at) for at in range(len(_PLACES))]
        self.break_it = Button(tr("Break it…"), "bolt", "break", tooltip=tr("Inject a fault (B)"))
        self.break_it.setObjectName("breakIt")
        self.break_it.clicked.connect(self.break_requested)
        self.set_actions([*self._buttons, self.break_it])

    def _make_button(self, at: int) -> Button:
        button = Button("")
        button.clicked.connect(lambda: self.action_requested.emit(self._keys[at]))
        return button

    def show_instance(
        self, row: InstanceRow, changes: Sequence[JournalRow], now: float, *, is_stale: bool
    ) -> None:
        status = "unknown" if is_stale else row.status
        word = tr("Unknown") if is_stale else status_word(row.status)
        self.set_subject(tr("Instance of {service}", service=row.service), row.id, (status, word))
        title = tr("Why it is in rotation") if row.in_rotation else tr("Why it is out of rotation")
        self._story.show_rows(title, changes)
        self._facts.set_facts(_facts(row, now, "text_muted" if is_stale else "text"))
        self._line.set_values(row.latency, "text_muted" if is_stale else "plot_p95")
        if (section := self._line.parentWidget()) is not None:
            section.setVisible(any(value is not None for value in row.latency))
        able = frozenset() if is_stale else possible(row)
        self.break_it.setEnabled(not is_stale)
        for at, button in enumerate(self._buttons):
            self._show_button(at, button, row, able)

    def _show_button(self, at: int, button: Button, row: InstanceRow, able: frozenset[ActionKey]) -> None:
        usual, instead = _PLACES[at]
        key = instead if self._stands_instead(row, instead) else usual
        said = self._words[key]
        self._keys[at] = key
        if button.text() != said.word:
            button.setText(said.word)
            button.setObjectName(key)
        kind: Kind = "primary" if cure(row) == key else "normal"
        if button.property("kind") != kind:
            button.set_kind(kind)
        if button.is_busy != (row.doing == key):
            button.set_busy(row.doing == key)
        button.setEnabled(key in able)
        refused = tr("This system did not start it.") if row.external and key != "remove" else ""
        button.setToolTip(refused or f"{says(key, row)} ({said.keys})")

    @staticmethod
    def _stands_instead(row: InstanceRow, instead: ActionKey) -> bool:
        return (instead == "thaw" and row.status == "frozen") or (instead == "remove" and row.external)


def _facts(row: InstanceRow, now: float, tone: Tone) -> list[Fact]:
    pid = figures.NONE if row.pid is None else str(row.pid)
    process = tr("{pid}, stopped (SIGSTOP)", pid=pid) if row.status == "frozen" and row.pid else pid
    facts = [
        Fact(tr("Address"), row.address, tone, "mono"),
        Fact(tr("Process"), tr("not ours") if row.external else process, tone),
        Fact(tr("Up"), figures.lasting(row.up_s), tone, tooltip=_since(row)),
        Fact(tr("Restarts"), figures.count(row.restarts), tone),
        Fact(tr("In flight"), figures.count(row.in_flight), tone),
        Fact(tr("Requests"), figures.count(row.requests), tone),
        Fact(tr("Failures"), figures.count(row.failures), "bad" if row.failures and tone == "text" else tone),
        Fact(tr("p50 · p99"), _percentiles(row), tone),
        Fact(tr("Memory"), figures.NONE if row.memory_mb is None else f"{row.memory_mb:,} MB", tone),
        Fact(tr("Weight"), figures.count(row.weight), tone),
        Fact(
            tr("Last check"),
            check_words(row.check, now),
            tone,
            tooltip=_checked(row),
        ),
    ]
    if row.expires_in_s is not None:
        facts.append(Fact(tr("Lost unless renewed in"), tr("{n} s", n=row.expires_in_s), tone))
    return facts


def _checked(row: InstanceRow) -> str:
    return "" if row.check is None else f"{figures.moment(row.check.at)}: {spoken(row.check.message)}"


def _since(row: InstanceRow) -> str:
    return "" if row.started_at is None else figures.moment(row.started_at)


def _percentiles(row: InstanceRow) -> str:
    if row.p50 is None and row.p99 is None:
        return figures.NONE
    return tr("{p50} · {p99} ms", p50=figures.decimal(row.p50), p99=figures.decimal(row.p99))
