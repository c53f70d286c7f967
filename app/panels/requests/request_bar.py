"""The request line: method, path with the system's routes to complete it, Send and Cancel."""

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtWidgets import QComboBox, QCompleter, QFrame, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core.language import tr
from app.panels.requests.draft import METHODS, Method
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.label import Label


class RequestBar(QFrame):
    """`edited` when method or path change by the user's hand."""

    send_requested = Signal()
    cancel_requested = Signal()
    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("region", "bar")
        self._method = QComboBox()
        self._target = QLineEdit()
        self._problem = Label("", "small", "bad", wrap=True)
        self._send = Button(tr("Send"), "send", "primary", tooltip=tr("Send the request (Ctrl+Enter)"))
        self._cancel = Button(tr("Cancel"), tooltip=tr("Stop waiting for the answer (Esc)"))
        self._routes = QStringListModel(self)
        self._build_ui()
        self._connect()

    def _build_ui(self) -> None:
        for name, widget in (
            ("method", self._method),
            ("target", self._target),
            ("targetProblem", self._problem),
            ("send", self._send),
            ("cancel", self._cancel),
        ):
            widget.setObjectName(name)
        self._method.addItems(METHODS)
        self._method.setFixedWidth(112)
        self._method.setFont(theme().font("strong"))
        self._method.setAccessibleName(tr("Method"))
        self.setFocusProxy(self._target)
        self._target.setFont(theme().font("mono"))
        self._target.setAccessibleName(tr("Path"))
        self._target.setPlaceholderText(tr("Path, for example /api/products"))
        self._target.setCompleter(self._completer())
        self._send.setMinimumWidth(120)
        self._cancel.setMinimumWidth(80)
        self._cancel.setEnabled(False)
        self._problem.setVisible(False)
        line = QHBoxLayout()
        line.setSpacing(8)
        for widget in (self._method, self._target, self._send, self._cancel):
            line.addWidget(widget, 1 if widget is self._target else 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 16, 10)
        column.setSpacing(4)
        column.addLayout(line)
        column.addWidget(self._problem)

    def _completer(self) -> QCompleter:
        completer = QCompleter(self._routes, self._target)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setMaxVisibleItems(12)
        if (popup := completer.popup()) is not None:
            popup.setFont(theme().font("mono"))
        return completer

    def _connect(self) -> None:
        self._send.clicked.connect(self.send_requested)
        self._cancel.clicked.connect(self.cancel_requested)
        self._target.returnPressed.connect(self.send_requested)
        self._target.textEdited.connect(self._on_edited)
        self._method.activated.connect(self._on_edited)

    @property
    def method(self) -> Method:
        return cast("Method", self._method.currentText())

    @property
    def target(self) -> str:
        return self._target.text()

    def set_line(self, method: Method, target: str) -> None:
        self._method.setCurrentText(method)
        self._target.setText(target)
        self.show_problem("")

    def set_routes(self, routes: Sequence[str]) -> None:
        if list(routes) != self._routes.stringList():
            self._routes.setStringList(list(routes))

    def show_problem(self, text: str) -> None:
        """Below the path; empty for none."""
        self._problem.setText(text)
        self._problem.setVisible(bool(text))
        self._target.setProperty("invalid", bool(text))
        self._target.style().polish(self._target)
        if text:
            self._target.setFocus()

    def set_sending(self, *, sending: bool) -> None:
        self._send.set_busy(sending)
        self._cancel.setEnabled(sending)

    def set_doubt(self, *, doubtful: bool) -> None:
        """The body is not what it says to be: sending is still one click, on purpose."""
        self._send.setText(tr("Send anyway") if doubtful else tr("Send"))

    def focus_target(self) -> None:
        self._target.setFocus()
        self._target.selectAll()

    def _on_edited(self, *_: object) -> None:
        self.show_problem("")
        self.edited.emit()
