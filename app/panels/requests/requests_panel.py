"""The Requests panel: write a request, say who sends it, send it through the gateway, and read what came back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFrame, QMenu, QScrollArea, QSplitter, QVBoxLayout, QWidget

from app.core.console import Reply
from app.core.focus import Focus
from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.requests.body_view import BodyView
from app.panels.requests.draft import METHODS, Draft, Field, TokenKind, names_authorization
from app.panels.requests.exchange_page import ExchangePage, served_by
from app.panels.requests.history_view import HistoryView
from app.panels.requests.request_bar import RequestBar
from app.panels.requests.request_editor import RequestEditor
from app.panels.requests.requests_model import Exchange, RequestsModel
from app.panels.requests.response_view import ResponseView
from app.panels.requests.token_box import Held, TokenBox
from app.widgets.break_action import BreakAction
from app.widgets.button import Button, IconButton
from app.widgets.panel import Panel

TOKEN_FAULTS: Final[Mapping[object, TokenKind]] = {
    "expired-token": "expired",
    "wrong-signature": "forged",
    "alg-none-token": "alg-none",
}
"""By the kinds of fault that are not armed but sent from here."""
_EDITOR_WIDTH = 408
_HISTORY_HEIGHT = 216


@dataclass(frozen=True)
class _Kept:
    """What is written, and who is logged in."""

    draft: Draft
    held: Held | None


class RequestsPanel(Panel):
    """`put_aside` carries a draft that was never sent and gives way to one from the history."""

    send_requested = Signal(object)
    cancel_requested = Signal()
    curl_requested = Signal(object, bool)
    put_aside = Signal(object)

    def __init__(self, model: RequestsModel, parent: QWidget | None = None) -> None:
        super().__init__("requests", tr("Requests"), parent)
        self.bar = RequestBar()
        self.token = TokenBox()
        self.editor = RequestEditor(self.token.claims)
        self.response = ResponseView()
        self.history = HistoryView(model)
        self.page = ExchangePage(self)
        self._base = Draft()
        self.setFocusProxy(self.bar)
        self._build_ui()
        self._build_actions()
        self._connect()
        self.set_draft(Draft())
        self.response.show_empty(
            tr("No request sent yet"),
            tr("Most routes want a token: log in as a demo user, then send."),
            tr("Log in as customer"),
        )

    # --- building -------------------------------------------------------------------------------------------------

    def _build_ui(self) -> None:
        self._curl = Button(tr("Copy as curl"), "terminal", tooltip=tr("The token is left out"))
        self._curl.setObjectName("curl")
        self._more = IconButton("more", tr("More ways to copy"), framed=True)
        self._more.setObjectName("curlMenu")
        self.add_header_widget(self._curl)
        self.add_header_widget(self._more)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.token)
        column.addWidget(self.editor, 1)
        upper = _splitter(Qt.Orientation.Horizontal, left, self.response)
        upper.setSizes([_EDITOR_WIDTH, 1056 - _EDITOR_WIDTH])
        whole = _splitter(Qt.Orientation.Vertical, upper, self.history)
        whole.setSizes([2 * _HISTORY_HEIGHT, _HISTORY_HEIGHT])
        whole.setStretchFactor(0, 1)
        scroll = QScrollArea()  # for small screens and large scalings; elsewhere all has its place
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setWidget(whole)
        self.content.addWidget(self.bar)
        self.content.addWidget(scroll, 1)

    def _build_actions(self) -> None:
        self._add(tr("Send the request"), ["Ctrl+Return", "Ctrl+Enter"], self._on_send)
        self._cancel_action = self._add(tr("Cancel the request"), ["Esc"], self.cancel_requested.emit)
        self._cancel_action.setEnabled(False)
        self._add(tr("Write the path"), ["Ctrl+L"], self.bar.focus_target)
        self._add(tr("Copy the request as curl"), ["Ctrl+Shift+C"], lambda: self._on_curl(False))
        self._add(tr("Copy the request as curl, with its token"), [], lambda: self._on_curl(True))
        for role, text in (("customer", tr("Log in as customer")), ("admin", tr("Log in as admin"))):
            self._add(text, [], partial(self.token.login_requested.emit, role))

    def _add(self, text: str, keys: Sequence[str], call: Callable[[], object]) -> QAction:
        action = QAction(text, self)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda: call())
        self.addAction(action)
        return action

    def _connect(self) -> None:
        self.bar.send_requested.connect(self._on_send)
        self.bar.cancel_requested.connect(self.cancel_requested)
        self.bar.edited.connect(self._on_edited)
        self.editor.edited.connect(self._on_edited)
        self.editor.checked.connect(lambda doubtful: self.bar.set_doubt(doubtful=doubtful))
        self.response.action_requested.connect(self._on_offer)
        self._curl.clicked.connect(lambda: self._on_curl(False))
        self._more.clicked.connect(self._on_more)
        self.history.chosen.connect(lambda row: self._put_back(row.draft))
        self.history.shown.connect(self._on_shown)
        self.page.send_requested.connect(lambda number: self._with(number, self.send_requested.emit))
        self.page.curl_requested.connect(lambda number: self._with(number, self._copy_of))
        self.page.logs_requested.connect(self._on_logs)
        self.page.break_it.requested.connect(self.break_requested)
        BreakAction(self.history.rows, served_by).requested.connect(self.break_requested)

    # --- the draft ------------------------------------------------------------------------------------------------

    @property
    def draft(self) -> Draft:
        return Draft(
            self.bar.method, self.bar.target, self.editor.headers, self.editor.body, self.token.choice
        )

    def set_draft(self, draft: Draft) -> None:
        self.bar.set_line(draft.method, draft.target)
        self.editor.set_method(draft.method)
        self.editor.set_text(draft.body, draft.headers)
        self.token.choose(draft.auth)
        self._base = self.draft

    def memory(self) -> object:
        return _Kept(self.draft, self.token.held)

    def recall(self, memory: object) -> None:
        if isinstance(memory, _Kept):
            self.token.recall(memory.held)
            self.set_draft(memory.draft)

    def open_at(self, argument: object) -> None:
        """A request to send again, as (method, target), or a kind of fault that is a token; nothing is sent yet."""
        if argument in TOKEN_FAULTS:
            self.token.choose(TOKEN_FAULTS[argument])
            return
        method, target = argument if isinstance(argument, tuple) else ("", "")
        if method in METHODS:
            self._put_back(Draft(method, target))

    def focus_on(self, focus: Focus | None) -> None:
        """The history of what was sent from here."""
        focus = focus if focus is not None and (focus.services or focus.instances) else None
        self.show_focus(focus)
        self.history.focus_on(focus)

    def show_problem(self, field: Field, text: str) -> None:
        if field == "target":
            self.bar.show_problem(text)
        else:
            self.editor.show_headers_problem(text)

    # --- what comes of it -----------------------------------------------------------------------------------------

    def show_sending(self, draft: Draft) -> None:
        """On its way, until one of the four below."""
        self._base = draft
        self._set_sending(sending=True)
        self.response.show_waiting()

    def show_reply(self, row: Exchange, reply: Reply, body: BodyView) -> None:
        self._set_sending(sending=False)
        self.response.show_reply(row, reply, body)
        self.history.select(row)

    def show_no_reply(self, row: Exchange, message: UserMessage) -> None:
        self._set_sending(sending=False)
        self.response.show_error(message)
        self.history.select(row)

    def show_cancelled(self, row: Exchange) -> None:
        self._set_sending(sending=False)
        self.response.show_cancelled()
        self.history.select(row)

    def show_refused(self, message: UserMessage) -> None:
        """It could not even be tried."""
        self.response.show_error(message)

    def _set_sending(self, *, sending: bool) -> None:
        self.bar.set_sending(sending=sending)
        self._cancel_action.setEnabled(sending)

    def show_ready(self) -> None:
        """Somebody is logged in; an answer that is shown stays."""
        if self.response.is_empty:
            self.response.show_empty(
                tr("Ready to send"), tr("Ctrl+Enter sends what stands above, with the token."), tr("Send it")
            )

    def show_known(self, row: Exchange) -> None:
        """More became known of an exchange."""
        self.response.show_known(row)
        if row.number == self.page.number:
            self.page.show_exchange(row)

    def set_stale(self, stale: bool) -> None:
        """Answers stay true: they are of the past."""

    # --- what the user does ---------------------------------------------------------------------------------------

    def _on_send(self) -> None:
        self.editor.check()
        self.send_requested.emit(self.draft)

    def _on_offer(self) -> None:
        """The response area offers to log in at first, then to send, or to send again."""
        if self.response.is_empty and not self.token.is_logged_in:
            self.token.login_requested.emit("customer")
        else:
            self._on_send()

    def _on_edited(self) -> None:
        self.editor.set_method(self.bar.method)
        self.token.set_own_authorization(own=names_authorization(self.editor.headers))

    def _on_shown(self, row: Exchange | None) -> None:
        if row is not None:
            self.page.show_exchange(row)
        self.inspector_requested.emit(self.page if row is not None else None)

    def _put_back(self, draft: Draft) -> None:
        """What was written and never sent is put aside first, so that nothing is lost by a click."""
        if replace(self.draft, auth=self._base.auth) != self._base:
            self.put_aside.emit(self.draft)
        self.set_draft(draft)

    def _on_curl(self, with_token: bool) -> None:
        self.curl_requested.emit(self.draft, with_token)

    def _copy_of(self, draft: Draft) -> None:
        self.curl_requested.emit(draft, False)

    def _on_more(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(tr("Copy as curl, with $TOKEN in the token's place"), lambda: self._on_curl(False))
        menu.addAction(tr("Copy as curl, with the token itself"), lambda: self._on_curl(True))
        menu.popup(self._more.mapToGlobal(self._more.rect().bottomLeft()))

    def _with(self, number: int, call: Callable[[Draft], object]) -> None:
        if (row := self.history.row(number)) is not None:
            call(row.draft)

    def _on_logs(self, number: int) -> None:
        if (row := self.history.row(number)) is not None:
            self.navigation_requested.emit("logs", (row.instance or "gateway", row.at))


def _splitter(orientation: Qt.Orientation, *parts: QWidget) -> QSplitter:
    splitter = QSplitter(orientation)
    splitter.setHandleWidth(1)
    splitter.setChildrenCollapsible(False)
    for part in parts:
        splitter.addWidget(part)
    return splitter
