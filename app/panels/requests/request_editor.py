"""Where body and headers are written, and where it is said what is wrong with them; the token's claims beside them."""

import json

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QStackedWidget, QVBoxLayout, QWidget

from app.core.language import tr
from app.panels.requests.draft import MAX_CHECKED, Draft, DraftError, json_problem, parsed_headers, says_json
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.button import Button
from app.widgets.label import Label
from app.widgets.segmented_toggle import SegmentedToggle

_CHECK_MS = 150
_PAGES = ("body", "headers", "claims")


class RequestEditor(QWidget):
    """`checked(doubtful)`: whether the body is not the JSON that it would be sent as. `edited` by the user's hand."""

    checked = Signal(bool)
    edited = Signal()

    def __init__(self, claims: QWidget, parent: QWidget | None = None) -> None:
        """`claims` is what the third page shows."""
        super().__init__(parent)
        self._pages = SegmentedToggle(
            tr("Part of the request"),
            {"body": tr("Body"), "headers": tr("Headers"), "claims": tr("Claims")},
        )
        self._body = _text_field("body", tr("Body of the request"), tr("Empty, or JSON"))
        self._headers = _text_field("headers", tr("Headers of the request"), tr("One a line: X-Name: value"))
        self._tidy = Button(tr("Tidy"), kind="link", tooltip=tr("Indent the JSON"))
        self._check = Label("", "small", "text_muted", wrap=True)
        self._stack = QStackedWidget()
        self._method = "GET"
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_CHECK_MS)
        self._build_ui(claims)
        self._connect()

    def _build_ui(self, claims: QWidget) -> None:
        self._pages.setObjectName("part")
        self._tidy.setObjectName("tidy")
        self._check.setObjectName("check")
        top = QHBoxLayout()
        top.addWidget(self._pages)
        top.addStretch(1)
        top.addWidget(self._tidy)
        for page in (self._body, self._headers, claims):
            self._stack.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        column.addLayout(top)
        column.addWidget(self._stack, 1)
        column.addWidget(self._check)

    def _connect(self) -> None:
        self._pages.choice_requested.connect(self.show_page)
        self._tidy.clicked.connect(self._on_tidy)
        self._pause.timeout.connect(self.check)
        for field in (self._body, self._headers):
            field.textChanged.connect(self._pause.start)
            field.textChanged.connect(self.edited)

    # --- its text -------------------------------------------------------------------------------------------------

    @property
    def body(self) -> str:
        return self._body.toPlainText()

    @property
    def headers(self) -> str:
        return self._headers.toPlainText()

    def set_text(self, body: str, headers: str) -> None:
        """What was there before comes back with Ctrl+Z."""
        for field, text in ((self._body, body), (self._headers, headers)):
            if field.toPlainText() != text:
                cursor = field.textCursor()
                cursor.select(cursor.SelectionType.Document)
                cursor.insertText(text)
        self.check()

    def set_method(self, method: str) -> None:
        if method != self._method:
            self._method = method
            self.check()

    def show_page(self, page: str) -> None:
        self._pages.set_choice(page)
        self._stack.setCurrentIndex(_PAGES.index(page))
        self._tidy.setVisible(page == "body")
        self.check()

    # --- its check ------------------------------------------------------------------------------------------------

    def check(self) -> bool:
        """Say what is wrong, if anything. Returns whether the body is not the JSON that it would be sent as."""
        self._pause.stop()
        headers_problem, count = self._headers_problem()
        self._pages.set_word("headers", tr("Headers {n}", n=count) if count else tr("Headers"))
        body_problem = json_problem(self.body) if says_json(self.headers) else ""
        doubtful = bool(body_problem) and self._draft.sends_body
        text, tone = self._body_words(body_problem)
        if self._pages.choice == "headers":
            text, tone = headers_problem, "bad"
        elif self._pages.choice == "claims":
            text = ""
        self._say(text, tone)
        self._mark(self._body, wrong=doubtful)
        self._mark(self._headers, wrong=bool(headers_problem))
        self.checked.emit(doubtful)
        return doubtful

    def show_headers_problem(self, text: str) -> None:
        self.show_page("headers")
        self._say(text, "bad")
        self._headers.setFocus()

    @property
    def _draft(self) -> Draft:
        return Draft(self._method, headers=self.headers, body=self.body)  # type: ignore[arg-type] # a method's word

    def _headers_problem(self) -> tuple[str, int]:
        try:
            return "", len(parsed_headers(self.headers))
        except DraftError as error:
            return error.text, len([line for line in self.headers.splitlines() if line.strip()])

    def _body_words(self, problem: str) -> tuple[str, Tone]:
        if not self.body:
            return "", "text_muted"
        if not self._draft.sends_body:
            return tr("Not sent: {method} has no body.", method=self._method), "text_muted"
        if not says_json(self.headers):
            return tr("Sent as it is, by the Content-Type of the headers."), "text_muted"
        if problem:
            return tr("Not JSON: {why}. It can be sent as it is, on purpose.", why=problem), "bad"
        if len(self.body) > MAX_CHECKED:
            return tr("Too large to be looked through; sent as it is."), "warn"
        return tr("JSON"), "ok"

    def _say(self, text: str, tone: Tone) -> None:
        self._check.setText(text)
        self._check.set_tone(tone)
        self._check.setVisible(bool(text))

    def _mark(self, field: QPlainTextEdit, *, wrong: bool) -> None:
        if bool(field.property("invalid")) != wrong:
            field.setProperty("invalid", wrong)
            field.style().polish(field)

    def _on_tidy(self) -> None:
        if json_problem(self.body) or not self.body.strip() or len(self.body) > MAX_CHECKED:
            self.check()
            return
        self.set_text(json.dumps(json.loads(self.body), indent=2, ensure_ascii=False), self.headers)


def _text_field(name: str, accessible: str, hint: str) -> QPlainTextEdit:
    field = QPlainTextEdit()
    field.setObjectName(name)
    field.setFont(theme().font("mono"))
    field.setAccessibleName(accessible)
    field.setPlaceholderText(hint)
    field.setTabChangesFocus(True)
    field.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
    field.setTabStopDistance(2 * QFontMetrics(theme().font("mono")).horizontalAdvance(" "))
    field.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
    return field
