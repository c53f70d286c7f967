"""The inspector's page for one request: how it went, its trace, why each instance, what was sent, what to do with it."""

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.gateway.pick_words import load, out_word, why_this_one
from app.panels.gateway.request_book import LoggedRequest
from app.panels.gateway.requests_model import served_by
from app.panels.gateway.trace_rows import TraceView
from app.panels.gateway.waterfall import Waterfall
from app.panels.gateway.words import outcome_word, status_mark
from app.widgets.button import Button
from app.widgets.fact_list import Fact, FactList
from app.widgets.inspector_page import InspectorPage
from app.widgets.label import Label
from embedded_services.contracts.gateway import Attempt, Candidate
from embedded_services.contracts.system import RequestRecord

_CANDIDATES: Final = 8


class RequestPage(InspectorPage):
    """`action_requested(LoggedRequest, "again" | "curl" | "logs")`."""

    action_requested = Signal(object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row: LoggedRequest | None = None
        self._scale = Label("", "small", "text_muted")
        self._trace_note = Label("", "small", "text_muted", wrap=True)
        self._waterfall = Waterfall()
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._waterfall)
        column.addWidget(self._trace_note)
        self.add_section(tr("Trace"), holder, aside=self._scale)
        self._why = self.add_section("", _Why())
        self._headers = self.add_section(tr("Headers out"), FactList())
        self._facts = self.add_section(tr("Request"), FactList())
        buttons = []
        for key, text in (("again", tr("Send again")), ("curl", tr("Copy curl")), ("logs", tr("Open logs"))):
            button = Button(text)
            button.setObjectName(f"request-{key}")
            button.clicked.connect(lambda _=False, key=key: self._act(key))
            buttons.append(button)
        self.set_actions(buttons)

    @property
    def row(self) -> LoggedRequest | None:
        return self._row

    @property
    def bars(self) -> Waterfall:
        return self._waterfall

    @property
    def trace_note(self) -> str:
        return self._trace_note.text()

    def show_request(self, row: LoggedRequest, trace: TraceView) -> None:
        self._row = row
        record = row.record
        said = [tr("{ms} ms", ms=figures.decimal(record.took_ms))]
        said.append(tr("1 try") if record.tries == 1 else tr("{n} tries", n=record.tries))
        said.append(record.user or tr("not logged in"))
        self.set_subject(
            tr("Request"),
            f"{record.method} {record.path.partition('?')[0]}",
            (status_mark(record.status), str(record.status)),
            identity=record.id,
            note=" · ".join(said),
        )
        self._facts.set_facts(_facts(record))
        self.show_trace(trace)
        self._why.show_attempts(record.attempts)
        self._set_shown(self._why, shown=bool(record.attempts))
        self._headers.set_facts(_headers(record))

    def show_trace(self, trace: TraceView) -> None:
        self._waterfall.show_trace(trace)
        self._scale.setText(tr("0 – {ms} ms", ms=figures.decimal(trace.span)))
        self._trace_note.setText(trace.note)
        self._trace_note.setVisible(bool(trace.note))

    @staticmethod
    def _set_shown(section: QWidget, *, shown: bool) -> None:
        frame = section.parentWidget()
        if frame is not None:
            frame.setVisible(shown)

    def _act(self, key: str) -> None:
        if self._row is not None:
            self.action_requested.emit(self._row, key)


class _Why(QWidget):
    """Why the last try went where it went, and what it was compared with."""

    def __init__(self) -> None:
        super().__init__()
        self._title = Label("", "small", "text_secondary", strong=True)
        self._text = Label("", "small", "text", wrap=True, selectable=True)
        self._candidates = FactList()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget in (self._title, self._text, self._candidates):
            column.addWidget(widget)

    def show_attempts(self, attempts: list[Attempt]) -> None:
        if not attempts:
            return
        last = attempts[-1]
        self._title.setText(tr("Why {instance}", instance=last.instance))
        lines = []
        for number, attempt in enumerate(attempts, 1):
            why = why_this_one(attempt)
            if len(attempts) == 1:
                lines.append(f"{why[:1].upper()}{why[1:]}.")
            else:
                told = (number, attempt.instance, why, outcome_word(attempt.outcome))
                lines.append(
                    tr("Try {n}, {instance}: {why}; {outcome}.", **dict(zip(_PARTS, told, strict=True)))
                )
        self._text.setText("\n".join(lines))
        self._text.setToolTip("\n".join(f"{attempt.instance}: {attempt.why}" for attempt in attempts))
        self._candidates.set_facts([_fact(one, last.instance) for one in last.candidates[:_CANDIDATES]])


def _fact(one: Candidate, chosen: str) -> Fact:
    """A candidate: what kept it out, or what it was compared by."""
    if one.out:
        return Fact(one.id, out_word(one.out), "text_muted", tooltip=one.out)
    said = tr("{n} in flight", n=one.in_flight)
    if one.load is not None and one.load != one.in_flight:
        said = tr("{n} in flight · load {load}", n=one.in_flight, load=load(one))
    return Fact(one.id, said, "accent" if one.id == chosen else "text")


_PARTS: Final = ("n", "instance", "why", "outcome")


def _facts(record: RequestRecord) -> list[Fact]:
    facts = [
        Fact(tr("At"), figures.precise_time(record.at), tooltip=figures.moment(record.at)),
        Fact(tr("Path"), record.path, face="mono"),
        Fact(tr("Route"), record.route or tr("none"), face="mono" if record.route else "small"),
        Fact(tr("Served by"), served_by(record)),
        Fact(tr("Client"), record.client, face="mono"),
    ]
    if record.note:
        facts.append(Fact(tr("What happened"), record.note, "bad" if record.status >= 500 else "text"))
    return facts


def _headers(record: RequestRecord) -> list[Fact]:
    """What the client got, as far as the record tells."""
    flag = "01" if record.sampled else "00"
    return [
        Fact("X-Request-ID", record.id, face="mono"),
        Fact("X-Response-Time", tr("{ms} ms", ms=figures.decimal(record.took_ms)), face="mono"),
        Fact("X-Service-Instance", record.instance or figures.NONE, face="mono"),
        Fact("traceparent", f"00-{record.trace[:8]}…-{flag}", face="mono", tooltip=record.trace),
    ]
