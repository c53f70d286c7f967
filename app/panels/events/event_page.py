"""The inspector's page for one event: its envelope, its way, its payload, what it belongs to, what to do with it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.events.event_rows import EventRow, decoded
from app.panels.events.payload_view import PayloadView
from app.panels.events.route import Step
from app.panels.events.route_view import RouteView
from app.panels.events.type_marks import TypeLabel
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.copyable_id import shortened
from app.widgets.fact_list import Fact, FactList
from app.widgets.inspector_page import InspectorPage
from app.widgets.label import Label

KEYS = ("again", "edit", "trace", "copy", "logs")


class EventPage(InspectorPage):
    """`action_requested(EventRow, key)`, keys as in the list's menu."""

    action_requested = Signal(object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row: EventRow | None = None
        self._body = ""
        self._type = TypeLabel("title")
        self._copy = Button(tr("Copy"), kind="link", name=tr("Copy the payload"))
        self._trace = Button("", kind="link", tooltip=tr("Show the events of this trace only"))
        self.put_name(self._type)
        self.route = self.add_section(tr("Route"), RouteView())
        self.payload = self.add_section(tr("Payload"), PayloadView(), aside=self._copy)
        self._belongs = FactList()
        self.add_section(tr("Belongs to"), self._build_belongs())
        self._facts = self.add_section(tr("Envelope"), FactList())
        self._copy.clicked.connect(self.payload.copy)
        words = {
            "again": tr("Publish again"), "edit": tr("Edit…"), "trace": tr("Filter trace"),
            "copy": tr("Copy JSON"), "logs": tr("Open logs"),
        }  # fmt: skip
        self._buttons = {key: Button(words[key]) for key in KEYS}
        for key, button in self._buttons.items():
            button.setObjectName(f"event-{key}")
            button.clicked.connect(lambda _=False, key=key: self._act(key))
        self._buttons["again"].setToolTip(tr("The same data in a new event, with a new message id"))
        self.set_actions(list(self._buttons.values()))

    def _build_belongs(self) -> QWidget:
        holder, line = QWidget(), QHBoxLayout()
        line.addWidget(Label(tr("Trace"), "small", "text_muted"), 1)
        line.addWidget(self._trace)
        self._trace.setFont(theme().font("mono"))
        self._trace.setObjectName("eventTrace")
        self._trace.clicked.connect(lambda: self._act("trace"))
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._belongs)
        column.addLayout(line)
        return holder

    @property
    def row(self) -> EventRow | None:
        return self._row

    @property
    def body(self) -> str:
        """Of the event that is shown, empty as long as it is not here."""
        return self._body

    def show_event(self, row: EventRow, steps: list[Step]) -> None:
        self._row = row
        note = tr("{time} · {size}", time=figures.precise_time(row.at), size=figures.size(row.size))
        number = tr("Event {n}", n=f"{row.seq:,}")
        self.set_subject(number, row.type, identity=row.message_id, note=note)
        self._type.set_type(row.type)
        self.route.show_steps(steps)
        self._buttons["trace"].setEnabled(bool(row.trace))
        self._trace.setText(shortened(row.trace, 18) or tr("none"))
        self._trace.setEnabled(bool(row.trace))
        self._trace.setAccessibleName(tr("Trace {id}", id=row.trace))
        self._body = ""
        if row.body:
            self.show_body(row.body)
        else:
            self.payload.show_waiting()
            self._show_facts({})

    def show_body(self, body: str) -> None:
        if self._row is not None:
            self._body = body
            self.payload.show_body(body, self._row.size)
            value = decoded(body)
            self._show_facts(value if isinstance(value, dict) else {})

    def show_no_body(self, why: str) -> None:
        self.payload.show_note(why)

    def _show_facts(self, envelope: dict[str, object]) -> None:
        row = self._row
        if row is None:
            return
        data = envelope.get("data")
        belongs = [
            Fact(title, shortened(value, 18), face="mono", tooltip=value)
            for name, title in _relations().items()
            if isinstance(data, dict) and isinstance(value := data.get(name), str) and value
        ]
        self._belongs.set_facts(belongs)
        facts = [
            Fact(tr("Source"), row.source),
            Fact(tr("Message id"), shortened(row.message_id, 22), face="mono", tooltip=row.message_id),
        ]
        for name, title in (("version", tr("Version")), ("timestamp", tr("Written at"))):
            if isinstance(value := envelope.get(name), str):
                facts.append(Fact(title, value, face="mono"))
        self._facts.set_facts(facts)

    def _act(self, key: str) -> None:
        if self._row is not None:
            self.action_requested.emit(self._row, key)


def _relations() -> dict[str, str]:
    return {
        "sagaId": tr("Saga"),
        "orderId": tr("Order"),
        "paymentId": tr("Payment"),
        "userId": tr("User"),
        "productId": tr("Product"),
    }
