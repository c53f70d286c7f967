"""The inspector's page of one exchange of the history: what was sent, what came back, and what to do with it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.core import figures
from app.core.breaking import BreakSubject
from app.core.language import tr
from app.panels.requests.curl import SECRET_HEADERS
from app.panels.requests.meanings import phrase
from app.panels.requests.requests_model import Exchange, status_lamp, status_word, token_word
from app.widgets.break_action import BreakLink
from app.widgets.button import Button
from app.widgets.copyable_id import CopyableId
from app.widgets.fact_list import Fact, FactList
from app.widgets.inspector_page import InspectorPage
from app.widgets.label import Label
from app.widgets.text_view import TextView

_LINES = 60
"""The page scrolls; a text of more lines scrolls by itself."""
GATEWAY = "gateway"


class ExchangePage(InspectorPage):
    """Its signals carry the number of the exchange."""

    send_requested = Signal(int)
    curl_requested = Signal(int)
    logs_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row: Exchange | None = None
        self._outcome = self.add_section(tr("What came of it"), Label("", wrap=True, selectable=True))
        self.break_it = BreakLink()
        self._facts = self.add_section(tr("Facts"), FactList(), aside=self.break_it)
        self._trace = CopyableId(shown=20)
        self._trace_section = self.add_section(tr("Trace"), self._trace)
        self._sent = self.add_section(tr("Headers sent"), _text(tr("Headers sent")))
        self._body = self.add_section(tr("Body sent"), _text(tr("Body sent")))
        self._headers = self.add_section(tr("Headers of the answer"), _text(tr("Headers of the answer")))
        self._send, self._curl, self._logs = (
            Button(tr("Send again")), Button(tr("Copy curl")), Button(tr("Open logs")),
        )  # fmt: skip
        for name, button, signal in (
            ("sendAgain", self._send, self.send_requested),
            ("copyCurl", self._curl, self.curl_requested),
            ("openLogs", self._logs, self.logs_requested),
        ):
            button.setObjectName(name)
            button.clicked.connect(lambda _=False, signal=signal: signal.emit(self.number))
        self._logs.setToolTip(tr("What its instance logged at that moment"))
        self.set_actions([self._send, self._curl, self._logs])

    @property
    def number(self) -> int:
        """Of the exchange that is shown; 0 for none."""
        return self._row.number if self._row is not None else 0

    def show_exchange(self, row: Exchange) -> None:
        if row == self._row:
            return
        self._row = row
        took = [tr("{n} ms", n=figures.decimal(row.took_ms))] if row.took_ms is not None else []
        tries = [tr("{n} tries", n=row.tries)] if row.tries is not None and row.tries > 1 else []
        self.set_subject(
            tr("Request"),
            row.line,
            (status_lamp(row), status_word(row)),
            identity=row.request_id,
            note=" · ".join([*took, *tries, *([row.user] if row.user else [])]) or figures.moment(row.at),
        )
        self._outcome.setText(_outcome(row))
        self._facts.set_facts(_facts(row))
        self._trace.set_id(row.trace)
        self.break_it.set_subject(served_by(row))
        self._sent.set_text(_sent_headers(row))
        self._body.set_text(row.draft.body if row.draft.sends_body else "")
        self._headers.set_text("\n".join(f"{name}: {value}" for name, value in row.headers))
        _show(self._trace, shown=bool(row.trace))
        _show(self._sent, shown=bool(row.draft.headers.strip()))
        _show(self._body, shown=row.draft.sends_body)
        _show(self._headers, shown=bool(row.headers))
        self._logs.setEnabled(row.was_sent)


def served_by(row: Exchange) -> BreakSubject | None:
    """The instance that answered, or the gateway where it did so itself; None where there was no answer."""
    if row.instance:
        return BreakSubject("instance", row.instance)
    return BreakSubject("process", GATEWAY) if row.status is not None else None


def _show(content: QWidget, *, shown: bool) -> None:
    section = content.parentWidget()
    if section is not None:
        section.setVisible(shown)


def _outcome(row: Exchange) -> str:
    if row.cancelled:
        return tr("The answer was not waited for. Whether it was carried out is not known.")
    if row.status is None:
        return row.problem or tr("This draft was put aside for another one; it was not sent.")
    return " ".join(part for part in (f"{phrase(row.status)}.", row.outcome, row.note or row.error) if part)


def _facts(row: Exchange) -> list[Fact]:
    return [
        Fact(tr("Sent"), figures.precise_time(row.at), face="mono", tooltip=figures.moment(row.at)),
        Fact(tr("Sent with"), token_word(row.sent_as)),
        Fact(tr("Served by"), row.instance or figures.NONE),
        Fact(tr("Tries"), figures.count(row.tries)),
        Fact(tr("Body of the answer"), figures.size(row.size)),
    ]


def _sent_headers(row: Exchange) -> str:
    """As they were written; one that holds a secret, without it."""
    found = []
    for line in row.draft.headers.splitlines():
        name, _, value = line.partition(":")
        secret = name.strip().lower() in SECRET_HEADERS
        found.append(f"{name.strip()}: {'…' if secret else value.strip()}")
    return "\n".join(found)


def _text(name: str) -> TextView:
    return TextView(name, lines=_LINES)
