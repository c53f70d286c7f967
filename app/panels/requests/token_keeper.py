"""Keeps the token of the console: logs in, falsifies it as chosen, and counts its time down."""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Final

from PySide6.QtCore import QObject, QTimer

from app.core.console import Console, Reply
from app.core.language import tr
from app.core.messages import NotConnectedError, UserFacingError, to_message
from app.core.session import Port
from app.panels.requests.draft import Draft, TokenKind, outgoing
from app.panels.requests.meanings import error_of
from app.panels.requests.token_box import Held, Holder, TokenBox
from app.panels.requests.tokens import Token, read_token, sent_token
from app.qt.tasks import Latest
from embedded_services.client.signing import signing_keys
from embedded_services.common.clock import Clock

EMAILS: Final = {"customer": "demo@faultdeck.local", "admin": "admin@faultdeck.local"}
PASSWORD: Final = "faultdeck"  # noqa: S105 - of the demo users of a throw-away system, and documented
LOGIN: Final = "/api/auth/login"
_TICK_MS: Final = 1000

Answered = Callable[[Draft, Reply, float], object]


class TokenKeeper(QObject):
    """The token lives here and nowhere else: it is never written down. `answered` hears of each login that was
    answered, with the moment it began; `ready` of each that succeeded.
    """

    def __init__(
        self,
        box: TokenBox,
        port: Port,
        clock: Clock,
        *,
        answered: Answered,
        ready: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._box, self._port, self._clock = box, port, clock
        self._answered, self._ready = answered, ready
        self._token: Token | None = None
        self._keys: list[str] = []
        self._logging_in = Latest(self)
        self._ticking = QTimer(self)
        self._ticking.setInterval(_TICK_MS)
        self._ticking.timeout.connect(self._show_holder)
        box.login_requested.connect(self._on_login_requested)
        box.choice_changed.connect(self._show_token)
        box.recalled.connect(self._on_recalled)

    @property
    def is_held(self) -> bool:
        return self._token is not None

    def sent(self, kind: TokenKind) -> Token | None:
        """What goes out for `kind` now; None for no token."""
        return sent_token(self._token, kind, self._keys, self._clock.now())

    def _on_login_requested(self, role: str) -> None:
        if self._logging_in.is_running:
            return
        self._box.notice.clear()
        self._box.set_busy(role, busy=True)
        failed = partial(self._on_failed, role)
        self._logging_in.spawn(self._log_in(role), f"log in as {role}", on_error=failed)

    async def _log_in(self, role: str) -> None:
        """With a request like any other, which appears in the history."""
        gateway = self._port.gateway
        if gateway is None:
            raise NotConnectedError
        body = json.dumps({"email": EMAILS[role], "password": PASSWORD}, indent=2)
        draft, began = Draft("POST", LOGIN, body=body, auth="none"), self._clock.now()
        async with Console(gateway, clock=self._clock) as console:
            reply = await console.send(outgoing(draft, gateway, None))
        self._keys = await asyncio.to_thread(signing_keys, self._port.workspace)
        self._answered(draft, reply, began)
        self._token = _issued(reply)
        self._box.held = Held(self._token, self._keys)
        self._box.set_busy(role, busy=False)
        self._show_held()

    def _on_recalled(self) -> None:
        """The box before this one knew who was logged in."""
        if self._box.held is not None:
            self._token, self._keys = self._box.held.token, self._box.held.keys
            self._show_held()

    def _show_held(self) -> None:
        self._ticking.start()
        self._show_holder()
        self._show_token()
        self._ready()

    def _on_failed(self, role: str, error: Exception) -> None:
        self._box.set_busy(role, busy=False)
        self._box.show_failure(to_message(error))

    def _show_holder(self) -> None:
        if self._token is None:
            return
        expires = self._token.expires_at
        left = expires - self._clock.now() if expires is not None else None
        email, role = (str(self._token.claims.get(name, "")) for name in ("email", "role"))
        self._box.show_holder(Holder(email, role, left))

    def _show_token(self, *_: object) -> None:
        self._box.show_token(self._token, self.sent(self._box.choice))


def _issued(reply: Reply) -> Token:
    """The token of a login's answer. Raises UserFacingError when there is none."""
    error = error_of(reply.kept)
    if reply.status != 200 or error is not None:
        why = error.message if error is not None else reply.phrase
        text = tr("The login was refused with {status}: {why}.", status=reply.status, why=why.rstrip("."))
        raise UserFacingError(text, tr("The request is in the history, with its answer."))
    try:
        return read_token(str(json.loads(reply.kept)["token"]))
    except (ValueError, KeyError, TypeError) as failure:
        raise UserFacingError(tr("The login's answer holds no token."), str(failure)) from failure
