"""The inspector's page of a fault: what it is, its proof, and the requests that it hit last."""

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core import figures
from app.core.fault_words import headline, kind_words, lasts, where
from app.core.language import tr
from app.panels.faults.proof import proof_of
from app.widgets.button import Button
from app.widgets.fact_list import Fact, FactList
from app.widgets.inspector_page import InspectorPage
from app.widgets.json_view import JsonView
from app.widgets.label import Label
from embedded_services.contracts.faults import Affected, Fault, FaultKindInfo, FaultState

_STATES = {FaultState.PENDING: "starting", FaultState.ACTIVE: "injected"}


class FaultPage(InspectorPage):
    """`again_requested(id)` composes it anew; `trace_requested(trace)` looks at a request that it hit."""

    extend_requested = Signal(str)
    remove_requested = Signal(str)
    again_requested = Signal(str)
    trace_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fault = ""
        self._hit: list[Affected] | None = None
        self._facts = self.add_section(tr("Facts"), FactList())
        self._proof = self.add_section(tr("Proof"), FactList())
        self._params = self.add_section(tr("Parameters"), JsonView())
        self._links = QVBoxLayout()
        self._links.setContentsMargins(0, 0, 0, 0)
        self._links.setSpacing(2)
        holder = QWidget()
        holder.setLayout(self._links)
        self._last = self.add_section(tr("Hit last"), holder)
        self._more = Button(tr("+{n} s", n=60))
        self._remove = Button(tr("Remove"))
        self._again = Button(tr("Again…"))
        self._again.setObjectName("again")
        self.set_actions([self._more, self._remove, self._again])
        self._more.clicked.connect(lambda: self.extend_requested.emit(self._fault))
        self._remove.clicked.connect(lambda: self.remove_requested.emit(self._fault))
        self._again.clicked.connect(lambda: self.again_requested.emit(self._fault))

    def show_fault(self, fault: Fault, info: FaultKindInfo | None, *, stale: bool) -> None:
        self._fault = fault.id
        words = kind_words(info) if info is not None else None
        self.set_subject(
            tr("Fault"),
            headline(fault),
            (_STATES.get(fault.state, "stopped"), _state_word(fault.state)),
            identity=fault.id,
            note=words.help if words is not None else "",
        )
        self._facts.set_facts(_facts(fault, info))
        lines = proof_of(fault, info)
        self._proof.set_facts([Fact(line.word, f"{line.figure}  {line.says}".strip()) for line in lines])
        self._params.set_value(fault.params)
        if (section := self._params.parentWidget()) is not None:
            section.setVisible(bool(fault.params))
        self._show_last(fault.proof.last)
        in_force = fault.state in (FaultState.PENDING, FaultState.ACTIVE)
        self._more.setEnabled(in_force and not stale)
        self._remove.setEnabled(in_force and not stale)

    def _show_last(self, hit: list[Affected]) -> None:
        if hit == self._hit:
            return
        self._hit = list(hit)
        while (item := self._links.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for one in hit:
            self._links.addWidget(self._link(one))
        if (section := self._last.parentWidget()) is not None:
            section.setVisible(bool(hit))

    def _link(self, one: Affected) -> QWidget:
        text = f"{figures.clock_time(one.at)}  {one.request_id or one.trace_id}"
        if not one.trace_id:
            return Label(text, "mono", "text_secondary")
        link = Button(text, kind="link", tooltip=tr("Open its trace"))
        link.clicked.connect(partial(self.trace_requested.emit, one.trace_id))
        return link


def _facts(fault: Fault, info: FaultKindInfo | None) -> list[Fact]:
    family = info.family.value if info is not None else ""
    facts = [
        Fact(tr("Acts on"), where(fault.target, family)),
        Fact(tr("Armed"), figures.clock_time(fault.armed_at), tooltip=figures.moment(fault.armed_at)),
        Fact(tr("Lasts"), lasts(fault.ttl)),
        Fact(tr("Ends"), figures.clock_time(fault.expires_at), tooltip=figures.moment(fault.expires_at)),
    ]
    if fault.ended_at is not None:
        facts.append(Fact(tr("Ended"), figures.clock_time(fault.ended_at)))
    if info is None or info.draws:
        facts.append(Fact(tr("Seed"), str(fault.seed)))
        facts.append(Fact(tr("Scope"), fault.scope.value))
    if fault.detail:
        facts.append(Fact(tr("Note"), fault.detail))
    return facts


def _state_word(state: FaultState) -> str:
    return {
        FaultState.PENDING: tr("pending"),
        FaultState.ACTIVE: tr("active"),
        FaultState.EXPIRED: tr("expired"),
        FaultState.REMOVED: tr("removed"),
    }[state]
