"""The bar from which a burst is sent: how many, as whom, what it asks, how far it is, and what came of it."""

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIntValidator, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QProgressBar, QWidget

from app.core.language import tr
from app.panels.limits.burst import BEYOND, DEFAULT_CLIENTS, MOST, TARGET, BurstWish, Tally, client_error
from app.panels.limits.limits_words import KeyKind, kind_of
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.button import Button
from app.widgets.label import ElidedLabel, Label
from embedded_services.contracts.limits import LimitSettings

_HEIGHT: Final = 48
_COUNT_WIDTH: Final = 64
_CLIENT_WIDTH: Final = 128
_WIDE: Final = 820


class BurstBar(QFrame):
    """`burst_requested(BurstWish)` and `cancel_requested`."""

    burst_requested = Signal(object)
    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("region", "bar")
        self.setFixedHeight(_HEIGHT)
        self._kind: KeyKind = "ip"
        self._header = ""
        self._usual = 0
        self._is_live = False
        self._is_running = False
        self._count = QLineEdit()
        self._client = QLineEdit(DEFAULT_CLIENTS["ip"])
        self._as = Label("", "body", "text_secondary")
        self._asks = ElidedLabel(f"GET {TARGET}", "mono", "text_muted")
        self._send = Button(tr("Burst"), "traffic")
        self._cancel = Button(tr("Cancel"))
        self._progress = QProgressBar()
        self._says = ElidedLabel("", "body", "text_secondary")
        self._build_ui()
        self._connect()
        self.show_rule(LimitSettings(), live=False)

    def _build_ui(self) -> None:
        for widget, name in (
            (self._count, "burstCount"), (self._client, "burstClient"), (self._send, "burst"),
            (self._cancel, "cancelBurst"), (self._progress, "burstProgress"), (self._says, "burstResult"),
        ):  # fmt: skip
            widget.setObjectName(name)
        for field, width in ((self._count, _COUNT_WIDTH), (self._client, _CLIENT_WIDTH)):
            field.setFont(theme().font("body"))
            field.setFixedWidth(width)
        self._count.setValidator(QIntValidator(1, MOST, self))
        self._count.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._count.setAccessibleName(tr("Requests in the burst"))
        self._client.setMaxLength(200)
        self._asks.setAccessibleDescription(
            tr("What the burst asks for: cheap, and open to everybody who has a token.")
        )
        self._progress.setFixedSize(120, 6)
        self._progress.setTextVisible(False)
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 0, 16, 0)
        line.setSpacing(8)
        line.addWidget(self._send)
        line.addWidget(self._count)
        line.addWidget(self._as)
        line.addWidget(self._client)
        line.addWidget(self._asks)
        line.addSpacing(8)
        line.addWidget(self._progress)
        line.addWidget(self._says, 1)
        line.addWidget(self._cancel)
        self._progress.setVisible(False)
        self._cancel.setVisible(False)

    def _connect(self) -> None:
        self._send.clicked.connect(self.send)
        self._count.returnPressed.connect(self.send)
        self._client.returnPressed.connect(self.send)
        self._cancel.clicked.connect(self.cancel_requested)
        self._client.textEdited.connect(lambda: self._show_error(""))

    # --- what the presenter tells ---------------------------------------------------------------------------------

    def show_rule(self, rule: LimitSettings, *, live: bool) -> None:
        """The usual burst is a little more than the limit; what the user typed stays."""
        kind, header = kind_of(rule.key)
        self._is_live = live
        if (kind, header) != (self._kind, self._header) or not self._as.text():
            self._kind, self._header = kind, header
            self._client.setText(DEFAULT_CLIENTS[kind])
            self._show_error("")
        usual = min(MOST, rule.limit + BEYOND)
        if self._count.text() in ("", str(self._usual)):
            self._count.setText(str(usual))
        self._usual = usual
        self._as.setText(self._words())
        self._client.setAccessibleName(self._words())
        if rule.limit > MOST:
            tip = tr("A burst has at most {most} requests, and the limit is higher.", most=f"{MOST:,}")
        else:
            tip = tr("At most {most} requests, as fast as this window can.", most=f"{MOST:,}")
        self._count.setToolTip(tip)
        self._send.setToolTip(f"GET {TARGET}\n{tip}")
        self._send.setEnabled(live and not self._is_running)

    def _words(self) -> str:
        match self._kind:
            case "ip":
                return tr("requests from")
            case "user":
                return tr("requests as user")
            case "header":
                return tr("requests with {header}:", header=self._header)

    def show_progress(self, tally: Tally) -> None:
        self._is_running = True
        self._send.setEnabled(False)
        self._cancel.setVisible(True)
        self._progress.setVisible(True)
        self._progress.setMaximum(tally.asked)
        self._progress.setValue(tally.done)
        self._say(tr("{n} of {total}", n=f"{tally.done:,}", total=f"{tally.asked:,}"), "text_secondary")

    def show_result(self, tally: Tally) -> None:
        self._end()
        tone: Tone = "status_429" if tally.limited else "ok" if tally.passed else "text_secondary"
        self._say(tally.says(), tone)

    def show_failure(self, text: str) -> None:
        self._end()
        self._say(text, "bad")

    def _end(self) -> None:
        self._is_running = False
        self._send.setEnabled(self._is_live)
        self._cancel.setVisible(False)
        self._progress.setVisible(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room, what came of the burst matters more than what it asks; the button says it too."""
        super().resizeEvent(event)
        self._asks.setVisible(event.size().width() >= _WIDE)

    # --- what the user wants --------------------------------------------------------------------------------------

    def send(self) -> None:
        """As the fields say; or it is said what is wrong with them."""
        if self._is_running or not self._is_live:
            return
        client = self._client.text().strip() if self._kind != "header" else self._client.text()
        error = client_error(self._kind, client)
        if not self._count.hasAcceptableInput():
            error = tr("A burst has 1 to {most} requests.", most=f"{MOST:,}")
        self._show_error(error)
        if not error:
            wish = BurstWish(int(self._count.text()), self._kind, client, self._header)
            self.burst_requested.emit(wish)

    def send_as(self, key: str) -> bool:
        """As this client of the list; False where nobody can act as it from here."""
        client = key.removeprefix(f"{self._kind} ")
        if client_error(self._kind, client):
            return False
        self._client.setText(client)
        self.send()
        return True

    def can_act_as(self, key: str) -> bool:
        return self._is_live and not client_error(self._kind, key.removeprefix(f"{self._kind} "))

    def _show_error(self, text: str) -> None:
        is_count = not self._count.hasAcceptableInput()
        for field, is_wrong in ((self._count, is_count), (self._client, not is_count)):
            says = text if text and is_wrong else ""
            field.setProperty("invalid", "true" if says else None)
            field.setAccessibleDescription(says)
            field.style().polish(field)
        self._say(text, "bad")

    def _say(self, text: str, tone: Tone) -> None:
        self._says.set_tone(tone)
        self._says.setText(text)
