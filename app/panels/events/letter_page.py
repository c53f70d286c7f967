"""The inspector's page for one dead letter: why, each try, its payload, and what sending it again will do."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.core import figures
from app.core.breaking import subject_of_queue
from app.core.language import tr
from app.panels.events.payload_view import PayloadView
from app.panels.events.route import route_of_letter
from app.panels.events.route_view import RouteView
from app.panels.events.type_marks import TypeLabel
from app.widgets.break_action import BreakLink
from app.widgets.button import Button
from app.widgets.copyable_id import shortened
from app.widgets.fact_list import Fact, FactList
from app.widgets.inspector_page import InspectorPage
from app.widgets.label import Label
from embedded_services.contracts.queues import DeadLetter


class LetterPage(InspectorPage):
    """`action_requested(DeadLetter, "replay" | "edit" | "discard" | "trace" | "copy" | "logs")`."""

    action_requested = Signal(object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._letter: DeadLetter | None = None
        self._gone = False
        self._type = TypeLabel("title")
        self._reason = Label("", "strong", "bad", wrap=True, selectable=True)
        self._rule = Label("", "small", "text", wrap=True)
        self._copy = Button(tr("Copy"), kind="link", name=tr("Copy the payload"))
        self.put_name(self._type)
        self.add_section(tr("Why it lies here"), self._reason)
        self.route = self.add_section(tr("Route and tries"), RouteView())
        self.add_section(tr("What a replay does"), self._rule)
        self.payload = self.add_section(tr("Payload"), PayloadView(), aside=self._copy)
        self.break_it = BreakLink()
        self._facts = self.add_section(tr("Facts"), FactList(), aside=self.break_it)
        self._copy.clicked.connect(self.payload.copy)
        words = {
            "replay": tr("Replay…"), "edit": tr("Edit…"), "discard": tr("Discard…"),
            "trace": tr("Filter trace"), "copy": tr("Copy JSON"), "logs": tr("Open logs"),
        }  # fmt: skip
        self._buttons = {key: Button(word) for key, word in words.items()}
        for key, button in self._buttons.items():
            button.setObjectName(f"letter-{key}")
            button.clicked.connect(lambda _=False, key=key: self._act(key))
        self.set_actions(list(self._buttons.values()))

    @property
    def letter(self) -> DeadLetter | None:
        return self._letter

    def show_letter(self, letter: DeadLetter) -> None:
        if letter == self._letter and not self._gone:
            return
        self._letter, self._gone = letter, False
        self.set_subject(
            tr("Dead letter"), letter.type, ("unhealthy", tr("dead")), identity=letter.message_id
        )
        self._type.set_type(letter.type or tr("no event"))
        self._reason.setText(letter.reason or tr("No reason was given"))
        self.route.show_steps(route_of_letter(letter))
        self._rule.setText(_rule(letter))
        self.payload.show_body(letter.body, letter.size)
        self._facts.set_facts(_facts(letter))
        self.break_it.set_subject(subject_of_queue(letter.queue))
        self._enable()

    def show_body(self, body: str) -> None:
        if self._letter is not None:
            self.payload.show_body(body, self._letter.size)

    def show_gone(self) -> None:
        """It does not lie there any more: sent again, or discarded."""
        if self._letter is not None and not self._gone:
            self._gone = True
            self.set_subject(
                tr("Dead letter"), self._letter.type, ("stopped", tr("gone")), identity=self._letter.message_id,
                note=tr("It was sent again or discarded."),
            )  # fmt: skip
            self._enable()

    def set_busy(self, busy: bool) -> None:
        self._buttons["replay"].set_busy(busy)
        if not busy:
            self._enable()

    def _enable(self) -> None:
        for key in ("replay", "edit", "discard"):
            self._buttons[key].setEnabled(not self._gone)
        self._buttons["trace"].setEnabled(self._letter is not None and bool(self._letter.trace))

    def _act(self, key: str) -> None:
        if self._letter is not None:
            self.action_requested.emit(self._letter, key)


def _rule(letter: DeadLetter) -> str:
    queue = letter.queue.removesuffix(".dead")
    alone = tr("It goes to {queue} alone and keeps its message id, so that nobody acts twice.", queue=queue)
    kept = tr("Its trace is kept.")
    if not letter.first_exchange:
        return f"{alone} {kept}"
    where = tr("exchange {exchange}, key {key}", exchange=letter.first_exchange, key=letter.first_key)
    other = tr("You can choose {where} instead, as it was first: all who react to it get it.", where=where)
    return f"{alone} {other} {kept}"


def _facts(letter: DeadLetter) -> list[Fact]:
    at = figures.moment(letter.dead_at) if letter.dead_at is not None else ""
    when = figures.precise_time(letter.dead_at) if letter.dead_at is not None else figures.NONE
    return [
        Fact(tr("Queue"), letter.queue, face="mono"),
        Fact(tr("Since"), when, face="mono", tooltip=at),
        Fact(tr("Tries"), figures.count(letter.attempts)),
        Fact(tr("Replayed before"), figures.count(letter.replays)),
        Fact(tr("Source"), letter.source or figures.NONE),
        Fact(tr("Message id"), shortened(letter.message_id, 22), face="mono", tooltip=letter.message_id),
        Fact(tr("Trace"), shortened(letter.trace, 18) or figures.NONE, face="mono", tooltip=letter.trace),
        Fact(tr("Size"), figures.size(letter.size)),
    ]
