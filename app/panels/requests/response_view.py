"""The answer: status with its meaning, times, who served it, ids, body and headers; or why there is none."""

from typing import Final

from PySide6.QtCore import QElapsedTimer, QTimer, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.core import figures
from app.core.console import Reply
from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.requests.body_view import BodyView
from app.panels.requests.meanings import error_of, lamp, meaning, phrase
from app.panels.requests.requests_model import Exchange
from app.panels.requests.response_body import ResponseBody
from app.widgets.button import BUSY_AFTER_MS
from app.widgets.copyable_id import CopyableId
from app.widgets.label import ElidedLabel, Label
from app.widgets.state_view import StateView
from app.widgets.status_pill import StatusPill

_TICK_MS: Final = 100


class ResponseView(QWidget):
    """`action_requested` when the user takes what the empty state offers."""

    action_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = StateView()
        self._pill = StatusPill()
        self._took = Label("", "figure")
        self._line = ElidedLabel("", "mono", "text_secondary")
        self._meaning = Label("", "body", wrap=True)
        self._facts: dict[str, Label] = {}
        self._request_id, self._trace = CopyableId(), CopyableId()
        self._body = ResponseBody()
        self._stack = QStackedWidget()
        self._shown = 0
        self.is_empty = True
        """Nothing was sent yet."""
        self._since = QElapsedTimer()
        self._received = 0
        self._ticking = QTimer(self)
        self._ticking.timeout.connect(self._show_waiting)
        self._build_ui()
        self.state.action_requested.connect(self.action_requested)

    def _build_ui(self) -> None:
        for name, widget in (
            ("answerState", self.state),
            ("status", self._pill),
            ("took", self._took),
            ("answerTo", self._line),
            ("meaning", self._meaning),
            ("requestId", self._request_id),
            ("traceId", self._trace),
        ):
            widget.setObjectName(name)
        first = QHBoxLayout()
        first.setSpacing(12)
        first.addWidget(self._pill)
        first.addWidget(self._line, 1)
        first.addWidget(self._took)
        head = QFrame()
        head.setProperty("region", "section")
        column = QVBoxLayout(head)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        column.addLayout(first)
        column.addWidget(self._meaning)
        column.addLayout(self._fact_grid())
        page = QWidget()
        whole = QVBoxLayout(page)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(head)
        whole.addWidget(self._body, 1)
        self._stack.addWidget(self.state)
        self._stack.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)

    def _fact_grid(self) -> QGridLayout:
        """Names above values, in two rows of three."""
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(0)
        names = {
            "instance": tr("Served by"), "tries": tr("Tries"), "gateway": tr("In the gateway"),
            "size": tr("Body"), "request": tr("Request"), "trace": tr("Trace"),
        }  # fmt: skip
        for at, (key, name) in enumerate(names.items()):
            row, column = 3 * (at // 3), at % 3
            grid.addWidget(Label(name, "caption", "text_muted"), row, column)
            if key in ("request", "trace"):
                grid.addWidget(self._request_id if key == "request" else self._trace, row + 1, column)
                continue
            self._facts[key] = Label(figures.NONE, "body")
            self._facts[key].setObjectName(key)
            grid.addWidget(self._facts[key], row + 1, column)
        grid.setRowMinimumHeight(2, 8)
        for column in range(3):
            grid.setColumnStretch(column, 1)
        return grid

    # --- what it shows --------------------------------------------------------------------------------------------

    def show_empty(self, title: str, text: str, action: str) -> None:
        self._stop()
        self.state.show_empty(title, text, action, icon="send")
        self._stack.setCurrentWidget(self.state)

    def show_waiting(self) -> None:
        """What was shown stays for a moment: most answers are quicker than the eye."""
        self.is_empty = False
        self._since.start()
        self._received = 0
        self._ticking.start(BUSY_AFTER_MS)

    def show_progress(self, received: int) -> None:
        """Bytes of the body so far."""
        self._received = received

    def show_error(self, message: UserMessage) -> None:
        self.is_empty = False
        self._stop()
        self.state.show_error(message)
        self._stack.setCurrentWidget(self.state)

    def show_cancelled(self) -> None:
        waited = self._since.elapsed() / 1000
        self._stop()
        self.state.show_empty(
            tr("Cancelled"),
            tr(
                "The answer was not waited for after {s:.1f} s. Whether it was carried out is not known.",
                s=waited,
            ),
            tr("Send it again"),
            icon="stop",
        )
        self._stack.setCurrentWidget(self.state)

    def show_reply(self, row: Exchange, reply: Reply, body: BodyView) -> None:
        self._stop()
        self._shown = row.number
        error = error_of(reply.kept) if reply.is_whole else None
        words = reply.phrase or phrase(reply.status)
        self._pill.set_status(lamp(reply.status), f"{reply.status} {words}".strip())
        self._took.setText(tr("{n} ms", n=figures.decimal(reply.took_ms)))
        first = figures.decimal(reply.first_ms)
        self._took.setToolTip(tr("Until the end of the body; its first byte came after {n} ms", n=first))
        self._line.setText(row.line)
        self._meaning.setText(meaning(reply.status, error))
        self._facts["size"].setText(figures.size(reply.size))
        self._facts["gateway"].setText(_milliseconds(reply.header("x-response-time")))
        self._body.show_body(body, reply.headers)
        self.show_known(row)
        self._stack.setCurrentIndex(1)

    def show_known(self, row: Exchange) -> None:
        """What became known since, of the exchange that is shown; of another one, nothing."""
        if row.number == self._shown:
            self._facts["instance"].setText(row.instance or figures.NONE)
            self._facts["tries"].setText(figures.count(row.tries))
            self._request_id.set_id(row.request_id)
            self._trace.set_id(row.trace)

    def _stop(self) -> None:
        self._ticking.stop()

    def _show_waiting(self) -> None:
        self._ticking.setInterval(_TICK_MS)
        seconds = tr("{s:.1f} s", s=self._since.elapsed() / 1000)
        if self._received:
            text = tr("{size} of the body so far · {s}", size=figures.size(self._received), s=seconds)
        else:
            text = tr("{s} · Esc cancels", s=seconds)
        self.state.show_loading(tr("Waiting for the answer"), text)
        self._stack.setCurrentWidget(self.state)


def _milliseconds(header: str) -> str:
    """The gateway says `12.345ms`."""
    number = header.strip().removesuffix("ms").strip()
    try:
        return tr("{n} ms", n=figures.decimal(float(number)))
    except ValueError:
        return header or figures.NONE
