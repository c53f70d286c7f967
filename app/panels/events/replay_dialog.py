"""The dialog in which it is decided how dead letters are sent again; what each choice does is said before it is made. What it
begins with makes nobody act twice.
"""

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.core.language import tr
from app.qt.tokens import Tone
from app.widgets.button import Button
from app.widgets.label import Label
from app.widgets.segmented_toggle import SegmentedToggle
from embedded_services.contracts.queues import ReplayOptions, Target

_WIDTH = 480


@dataclass(frozen=True)
class ReplayOffer:
    """`queue` is where they failed, empty for several; `exchange` and `key` are where they were published first, empty if that
    differs, or if they were sent to the queue by its name (`has_exchange` is false)."""

    title: str
    accept: str
    queue: str = ""
    exchange: str = ""
    key: str = ""
    has_exchange: bool = True


class ReplayDialog(QDialog):
    def __init__(self, offer: ReplayOffer, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("replayDialog")
        self.setWindowTitle(offer.title)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setFixedWidth(_WIDTH)
        self._offer = offer
        words = {"queue": tr("The queue that failed"), "exchange": tr("All, as at first")}
        self.to = SegmentedToggle(tr("Where to"), words)
        self.keep_id = QCheckBox(tr("Keep the message id"))
        self._where = Label("", "body", "text", wrap=True)
        self._identity = Label("", "body", "text", wrap=True)
        self._build_ui()
        self.to.choice_requested.connect(self._on_choice)
        self.keep_id.toggled.connect(lambda _: self._show())
        self.keep_id.setChecked(True)
        self._show()

    def _build_ui(self) -> None:
        self.to.setObjectName("replayTo")
        self.keep_id.setObjectName("keepId")
        self.to.setVisible(self._offer.has_exchange)
        rest = Label(
            tr("The trace is kept. What fails again comes back here with its new reasons."),
            "body", "text_secondary", wrap=True,
        )  # fmt: skip
        accept, cancel = (
            Button(self._offer.accept, kind="primary", large=True),
            Button(tr("Cancel"), large=True),
        )
        accept.setObjectName("accept")
        accept.setDefault(True)
        accept.clicked.connect(self.accept)
        cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(accept)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(10)
        column.addWidget(Label(self._offer.title, "section"))
        for widget in (self.to, self._where, self.keep_id, self._identity, rest):
            column.addWidget(widget)
        column.addLayout(buttons)
        accept.setFocus()

    @property
    def options(self) -> ReplayOptions:
        to: Target = "exchange" if self.to.choice == "exchange" else "queue"
        return ReplayOptions(to=to, keep_id=self.keep_id.isChecked())

    def _on_choice(self, key: str) -> None:
        self.to.set_choice(key)
        self._show()

    def _show(self) -> None:
        offer, options = self._offer, self.options
        tone: Tone = "text"
        if options.to == "queue":
            queue = offer.queue or tr("the queue in which it failed")
            where = tr(
                "Sent again to {queue} alone: services that have handled it are not asked.", queue=queue
            )
        elif offer.exchange:
            where = tr("Published again to the exchange {exchange} with the key {key}: all who react to it get it.",
                       exchange=offer.exchange, key=offer.key)  # fmt: skip
        else:
            where = tr(
                "Published again to the exchange and with the key of its first time: all who react get it."
            )
        if options.keep_id:
            identity = tr("Whoever has handled it knows it by its id, and passes over it.")
        elif options.to == "queue":
            identity = tr("With a new id it counts as new: the service acts even if it has handled it.")
        else:
            identity = tr("With a new id it counts as new: services that have handled it act again.")
            tone = "warn"
        self._where.setText(where)
        self._identity.setText(identity)
        self._identity.set_tone(tone)
