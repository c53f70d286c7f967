"""Who the request comes from: log in as a demo user, and choose which token goes with it, good or falsified."""

from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.requests.draft import TokenKind
from app.panels.requests.tokens import Token
from app.qt.tokens import Tone
from app.widgets.button import Button
from app.widgets.copyable_id import CopyableId
from app.widgets.json_view import JsonView
from app.widgets.label import ElidedLabel, Label
from app.widgets.notice import Notice
from app.widgets.segmented_toggle import SegmentedToggle

Role = Literal["customer", "admin"]
SOON_S: Final = 60


@dataclass(frozen=True)
class Holder:
    """Whose the token is; `left_s` seconds remain (negative: ago), None where it does not say."""

    email: str
    role: str
    left_s: float | None


@dataclass(frozen=True)
class Held:
    """What the keeper of the token holds: the token, and the keys to falsify it with."""

    token: Token
    keys: list[str]


class TokenBox(QFrame):
    """`choice` is what the user chose, whether or not there is a token to choose."""

    login_requested = Signal(str)
    choice_changed = Signal(str)
    recalled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("region", "section")
        self._customer = Button(tr("Customer"), "login", name=tr("Log in as customer"))
        self._admin = Button(tr("Admin"), "login", name=tr("Log in as admin"))
        self._who = ElidedLabel(tr("not logged in"), "body", "text_muted")
        self._left = Label("", "body", "text_secondary")
        self._kind = SegmentedToggle(tr("Send with"), _kinds())
        self._hint = Label("", "small", "text_muted", wrap=True)
        self.notice = Notice("bad")
        self.claims = ClaimsView()
        self._own = False
        self._sent: Token | None = None
        self.held: Held | None = None
        self._has_token = False
        self._build_ui()
        self._customer.clicked.connect(lambda: self.login_requested.emit("customer"))
        self._admin.clicked.connect(lambda: self.login_requested.emit("admin"))
        self._kind.choice_requested.connect(self._on_choice)
        self.show_token(None, None)

    def _build_ui(self) -> None:
        self._customer.setObjectName("loginCustomer")
        self._admin.setObjectName("loginAdmin")
        self._kind.setObjectName("sendWith")
        self._left.setObjectName("timeLeft")
        self._who.setObjectName("holder")
        self._hint.setObjectName("tokenHint")
        first = QHBoxLayout()
        first.setSpacing(8)
        first.addWidget(Label(tr("Log in as"), "strong", "text_secondary"))
        first.addStretch(1)
        first.addWidget(self._customer)
        first.addWidget(self._admin)
        second = QHBoxLayout()
        second.addWidget(self._who, 1)
        second.addWidget(self._left)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        column.addLayout(first)
        column.addWidget(self.notice)
        column.addLayout(second)
        column.addWidget(self._kind)
        column.addWidget(self._hint)

    @property
    def choice(self) -> TokenKind:
        return cast("TokenKind", self._kind.choice)

    @property
    def is_logged_in(self) -> bool:
        return self._has_token

    def recall(self, held: Held | None) -> None:
        """What the box had that was here before this one: whoever keeps the token takes it back."""
        self.held = held
        self.recalled.emit()

    def choose(self, kind: TokenKind) -> None:
        self._kind.set_choice(kind)
        self.choice_changed.emit(kind)

    def set_busy(self, role: str, *, busy: bool) -> None:
        (self._admin if role == "admin" else self._customer).set_busy(busy)

    def show_failure(self, message: UserMessage) -> None:
        self.notice.show_message(message)

    def show_holder(self, holder: Holder | None) -> None:
        """Called each second: the time that is left counts down."""
        if holder is None:
            self._who.setText(tr("not logged in"))
            self._left.setText("")
            return
        self._who.setText(tr("{email} · {role}", email=holder.email, role=holder.role))
        self._who.set_tone("text")
        self._left.setText(_left(holder.left_s))
        soon = holder.left_s is not None and holder.left_s < SOON_S
        self._left.set_tone("warn" if soon else "text_secondary")

    def show_token(self, good: Token | None, sent: Token | None) -> None:
        """`sent` is what goes out by the present choice, made from `good`."""
        self._has_token, self._sent = good is not None, sent
        self._kind.setEnabled(good is not None)
        self.claims.show_token(sent)
        self._show_hint()

    def set_own_authorization(self, *, own: bool) -> None:
        """Whether the headers name an Authorization, which then goes out instead."""
        if own != self._own:
            self._own = own
            self._show_hint()

    def _show_hint(self) -> None:
        falsified = self._has_token and self.choice not in ("good", "none") and not self._own
        tone: Tone = "fault" if falsified else "text_muted"
        self._hint.setText(self._words())
        self._hint.set_tone(tone)

    def _words(self) -> str:
        if self._own:
            return tr("The headers name an Authorization of their own: that is sent.")
        if not self._has_token:
            return tr("Requests go out without a token until you log in.")
        if self.choice == "expired" and self._sent is not None and not self._sent.signed:
            return tr("Too old, and its signature is wrong too: the key is not known here. 403 is right.")
        return {
            "good": tr("As the user service signed it."),
            "none": tr("No Authorization at all. 401 is right, where a token is wanted."),
            "expired": tr("Well signed, and an hour too old. 403 is right."),
            "forged": tr("An administrator's claims below a signature made for others. 403 is right."),
            "alg-none": tr("It says that it needs no signature, and has none. 403 is right."),
        }[self.choice]

    def _on_choice(self, kind: str) -> None:
        self.choice_changed.emit(kind)


class ClaimsView(QWidget):
    """Header and claims of the token as it goes out, falsified or not, and the token itself to be copied."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tree = JsonView(tr("Header and claims of the token"))
        self._raw = CopyableId(shown=28)
        self._none = Label(tr("No token goes out."), "body", "text_muted", wrap=True)
        self._tree.setObjectName("claims")
        self._raw.setObjectName("rawToken")
        self._shown: Token | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self._none, self._raw, self._tree):
            column.addWidget(widget, 1 if widget is self._tree else 0)
        self.show_token(None)

    def show_token(self, token: Token | None) -> None:
        if token != self._shown or token is None:
            self._shown = token
            value: dict[str, Any] = {}
            if token is not None:
                value = {"header": dict(token.header), "claims": _readable(dict(token.claims))}
            self._tree.set_value(value)
            self._raw.set_id(token.raw if token is not None else "")
        self._none.setVisible(token is None)
        self._raw.setVisible(token is not None)
        self._tree.setVisible(token is not None)


def _readable(claims: dict[str, Any]) -> dict[str, Any]:
    """Times with the moment that they mean."""
    for name in ("iat", "nbf", "exp"):
        value = claims.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 33:
            claims[tr("{name}, as time", name=name)] = figures.moment(value).partition(".")[0]
    return claims


def _left(seconds: float | None) -> str:
    if seconds is None:
        return tr("no expiry")
    if seconds <= 0:
        return tr("expired {ago}", ago=figures.ago(-seconds))
    return tr("{time} left", time=figures.lasting(seconds))


def _kinds() -> dict[str, str]:
    return {
        "good": tr("Token"),
        "none": tr("None"),
        "expired": tr("Expired"),
        "forged": tr("Forged"),
        "alg-none": tr("alg: none"),
    }
