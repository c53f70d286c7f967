"""The dialog in which it is chosen what carries the events: the embedded broker or one by URL, tried before it is saved."""

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.core.messages import UserMessage
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.label import Label
from app.widgets.notice import Notice
from app.widgets.segmented_toggle import SegmentedToggle
from embedded_services.contracts.events import BrokerTest

_WIDTH = 520


@dataclass(frozen=True)
class BrokerOffer:
    """What is used `now`, in words, and the `url` that is written down, None for the embedded broker."""

    now: str
    url: str | None


class BrokerDialog(QDialog):
    """`test_requested(url)`, then `show_test` or `show_failure`; `save_requested(url | None)`, then `accept` or `show_failure`.
    Deletes itself when it is closed."""

    test_requested = Signal(str)
    save_requested = Signal(object)

    def __init__(self, offer: BrokerOffer, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("brokerDialog")
        self.setWindowTitle(tr("Broker"))
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFixedWidth(_WIDTH)
        self.kind = SegmentedToggle(tr("Which broker"), {"embedded": tr("Embedded"), "url": tr("By URL")})
        self._url = QLineEdit(offer.url or "")
        self._error = Label("", "small", "bad", wrap=True)
        self._test = Button(tr("Test"))
        self._result = Label("", "body", "text_secondary", wrap=True, selectable=True)
        self._notice = Notice("bad")
        self._save = Button(tr("Save"), kind="primary", large=True)
        self._cancel = Button(tr("Cancel"), large=True)
        self._build_ui(offer)
        self._connect()
        self._on_kind("url" if offer.url else "embedded")

    def _build_ui(self, offer: BrokerOffer) -> None:
        for widget, name in (
            (self.kind, "brokerKind"), (self._url, "brokerUrl"), (self._error, "brokerError"), (self._test, "testBroker"),
            (self._result, "brokerResult"), (self._save, "saveBroker"), (self._cancel, "cancel"),
        ):  # fmt: skip
            widget.setObjectName(name)
        self._url.setFont(theme().font("mono"))
        self._url.setMaxLength(500)
        self._url.setPlaceholderText("amqp://guest:guest@127.0.0.1:5672/")
        self._url.setAccessibleName(tr("Address of the broker"))
        self._save.setDefault(True)
        self._error.setVisible(False)
        line, test, buttons = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        line.addWidget(self.kind)
        line.addStretch(1)
        test.addWidget(self._test, 0, Qt.AlignmentFlag.AlignTop)
        test.addWidget(self._result, 1)
        test.setSpacing(12)
        buttons.addStretch(1)
        buttons.addWidget(self._cancel)
        buttons.addWidget(self._save)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(10)
        column.addWidget(Label(tr("What carries the events"), "section"))
        column.addWidget(
            Label(tr("In use now: {broker}", broker=offer.now), "body", "text_secondary", wrap=True)
        )
        column.addLayout(line)
        for widget in (self._url, self._error):
            column.addWidget(widget)
        column.addLayout(test)
        rule = tr(
            "A change takes effect at the next start. What lies in the queues of the present broker then stays there; "
            "what services have still to tell goes to the new one."
        )
        column.addWidget(Label(rule, "body", "text_secondary", wrap=True))
        column.addWidget(self._notice)
        column.addLayout(buttons)

    def _connect(self) -> None:
        self.kind.choice_requested.connect(self._on_kind)
        self._url.textEdited.connect(lambda _: self._forget())
        self._test.clicked.connect(self._on_test)
        self._save.clicked.connect(self._on_save)
        self._cancel.clicked.connect(self.reject)

    # --- what the presenter tells ---------------------------------------------------------------------------------

    def show_test(self, test: BrokerTest) -> None:
        """Unless something else was written since."""
        if not self._test.is_busy:
            return
        self._test.set_busy(False)
        who = " ".join(part for part in (test.product, test.version) if part)
        if test.ok:
            parts = [tr("Connected and logged in"), who, tr("{ms} ms", ms=figures.decimal(test.took_ms))]
        else:
            parts = [tr("It cannot be used: {why}", why=test.message)]
        self._result.setText(" · ".join(part for part in parts if part))
        self._result.set_tone("ok" if test.ok else "bad")

    def show_failure(self, message: UserMessage, url: str = "") -> None:
        """It was refused as a whole, or `url` says what is wrong with the address."""
        self._test.set_busy(False)
        self._save.set_busy(False)
        if url:
            self._show_error(url)
        else:
            self._notice.show_message(message)

    # --- what the user does ---------------------------------------------------------------------------------------

    def _on_kind(self, key: str) -> None:
        self.kind.set_choice(key)
        self._forget()
        for widget in (self._url, self._test, self._result):
            widget.setVisible(key == "url")
        if key == "url":
            self._url.setFocus()

    def _forget(self) -> None:
        """What was said of another address."""
        self._test.set_busy(False)
        self._result.setText("")
        self._show_error("")
        self._notice.clear()

    def _on_test(self) -> None:
        if self._wrote_url():
            self._forget()
            self._test.set_busy(True)
            self._result.set_tone("text_secondary")
            self._result.setText(tr("connecting…"))
            self.test_requested.emit(self._url.text().strip())

    def _on_save(self) -> None:
        is_url = self.kind.choice == "url"
        if self._save.is_busy or (is_url and not self._wrote_url()):
            return
        self._notice.clear()
        self._save.set_busy(True)
        self.save_requested.emit(self._url.text().strip() if is_url else None)

    def _wrote_url(self) -> bool:
        wrote = bool(self._url.text().strip())
        if not wrote:
            self._show_error(tr("Write the address of the broker."))
            self._url.setFocus()
        return wrote

    def _show_error(self, says: str) -> None:
        self._error.setText(says)
        self._error.setVisible(bool(says))
        self._url.setAccessibleDescription(says)
        if self._url.property("invalid") != ("true" if says else None):
            self._url.setProperty("invalid", "true" if says else None)
            self._url.style().polish(self._url)
