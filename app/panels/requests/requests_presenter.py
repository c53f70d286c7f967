"""Sends what the panel asks for, keeps the token, and finds out what only the gateway knows of a request."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from app.core.console import Console, NoReplyError, Outgoing, Reply
from app.core.feed import REQUESTS, SETTINGS, SYSTEM
from app.core.language import tr
from app.core.messages import NotConnectedError, to_message
from app.core.session import Port
from app.core.settings import WindowSettings
from app.panels.requests.body_view import body_view
from app.panels.requests.curl import curl
from app.panels.requests.draft import Draft, DraftError, names_authorization, outgoing
from app.panels.requests.history import restored, saved
from app.panels.requests.meanings import error_of, meaning
from app.panels.requests.requests_model import Exchange, RequestsModel
from app.panels.requests.requests_panel import RequestsPanel
from app.panels.requests.token_keeper import TokenKeeper
from app.qt.dialogs import confirm
from app.qt.tasks import Latest, spawn
from app.qt.throttle import Throttle
from embedded_services.common.clock import Clock, SystemClock

OWN_PATHS: Final = ("/api/dashboard", "/health", "/ready", "/metrics")
MAX_ERROR: Final = 500
_AWAITED: Final = 50


class RequestsPresenter(QObject):
    """`settings` remember the history, without tokens; whoever owns them writes them down."""

    def __init__(
        self,
        panel: RequestsPanel,
        model: RequestsModel,
        port: Port,
        settings: WindowSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(panel)
        self._panel, self._model, self._port = panel, model, port
        self._settings = settings or WindowSettings()
        self._clock = clock or SystemClock()
        self._token = TokenKeeper(
            panel.token, port, self._clock, answered=self._on_logged_in, ready=panel.show_ready, parent=self
        )
        self._sending = Latest(self)
        self._cancel: Callable[[], None] = lambda: None
        self._awaited: dict[str, int] = {}
        self._looked = (-1, 0)
        """The run of the gateway's records and the number up to which they were looked through."""
        self._records = Throttle(panel, self._look_up)
        self._surroundings = Throttle(panel, self._show_surroundings)
        leave = [
            port.feed.listen(self._records.poke, REQUESTS),
            port.feed.listen(self._surroundings.poke, SETTINGS, SYSTEM),
        ]
        self.destroyed.connect(lambda: [end() for end in leave])
        self._connect()
        model.restore(restored(self._settings.requests))
        self._surroundings.poke()

    def _connect(self) -> None:
        panel = self._panel
        panel.send_requested.connect(self._on_send_requested)
        panel.cancel_requested.connect(self._on_cancel_requested)
        panel.curl_requested.connect(self._on_curl_requested)
        panel.put_aside.connect(self._on_put_aside)
        panel.history.clear_requested.connect(self._on_clear_requested)

    # --- sending --------------------------------------------------------------------------------------------------

    def _on_send_requested(self, draft: Draft) -> None:
        if self._sending.is_running:
            return
        gateway, sent = self._port.gateway, self._token.sent(draft.auth)
        if gateway is None:
            self._panel.show_refused(NotConnectedError().message)
            return
        try:
            request = outgoing(draft, gateway, sent.raw if sent else None)
        except DraftError as error:
            self._panel.show_problem(error.field, error.text)
            return
        used = self._token.is_held and not names_authorization(draft.headers)
        known = {"at": self._clock.now(), "sent_as": draft.auth if used else None}
        if not self._awaited:
            tail = self._port.feed.tail(REQUESTS)
            self._looked = (tail.run, tail.total)
        self._panel.show_sending(draft)
        self._cancel = partial(self._on_cancelled, draft, known)
        self._sending.spawn(
            self._send(gateway, request, draft, known),
            draft.method,
            on_error=partial(self._on_no_reply, draft, known),
        )

    async def _send(self, gateway: str, request: Outgoing, draft: Draft, known: dict[str, Any]) -> None:
        async with Console(gateway, clock=self._clock) as console:
            reply = await console.send(request, self._panel.response.show_progress)
        body = await asyncio.to_thread(body_view, reply)
        row = self._answered(draft, reply, known)
        self._panel.show_reply(row, reply, body)

    def _answered(self, draft: Draft, reply: Reply, known: dict[str, Any]) -> Exchange:
        """The exchange in the history; what the gateway knows of it is awaited."""
        error = error_of(reply.kept)
        row = self._model.add(
            draft,
            status=reply.status,
            outcome=meaning(reply.status, error),
            error=error.message[:MAX_ERROR] if error is not None else "",
            took_ms=reply.took_ms,
            size=reply.size,
            instance=reply.header("x-service-instance"),
            request_id=reply.header("x-request-id"),
            headers=reply.headers,
            **known,
        )
        if row.request_id:
            self._awaited[row.request_id] = row.number
            while len(self._awaited) > _AWAITED:
                del self._awaited[next(iter(self._awaited))]
        self._remember()
        self._records.poke()
        return row

    def _on_logged_in(self, draft: Draft, reply: Reply, began: float) -> None:
        self._answered(draft, reply, {"at": began})

    def _on_no_reply(self, draft: Draft, known: dict[str, Any], error: Exception) -> None:
        message = to_message(error)
        took = error.took_ms if isinstance(error, NoReplyError) else None
        row = self._model.add(draft, problem=message.text, took_ms=took, **known)
        self._remember()
        self._panel.show_no_reply(row, message)

    def _on_cancel_requested(self) -> None:
        if self._sending.is_running:
            self._sending.cancel()
            self._cancel()

    def _on_cancelled(self, draft: Draft, known: dict[str, Any]) -> None:
        took = (self._clock.now() - known["at"]) * 1000
        row = self._model.add(draft, cancelled=True, took_ms=took, **known)
        self._remember()
        self._panel.show_cancelled(row)

    # --- what the gateway knows -----------------------------------------------------------------------------------

    def _look_up(self) -> None:
        """Records come a moment after the answers, and under load not all of them do."""
        tail, (run, seq) = self._port.feed.tail(REQUESTS), self._looked
        if not self._awaited:
            return
        for number, record in tail.after(seq if run == tail.run else 0):
            self._looked = (tail.run, number)
            if (found := self._awaited.pop(record.id, None)) is None:
                continue
            row = self._model.change(
                found, tries=record.tries, trace=record.trace, user=record.user or "", note=record.note
            )
            if row is not None:
                self._panel.show_known(row)

    def _show_surroundings(self) -> None:
        states = list(self._port.feed.rows(SETTINGS).values())
        prefixes = [route.prefix for route in states[0].settings.routes] if states else []
        self._panel.bar.set_routes([*prefixes, *OWN_PATHS])
        if self._port.gateway:
            self._panel.set_subtitle(tr("through the gateway, {url}", url=self._port.gateway))

    # --- curl and history -----------------------------------------------------------------------------------------

    def _on_curl_requested(self, draft: Draft, with_token: bool) -> None:
        sent = self._token.sent(draft.auth)
        gateway = self._port.gateway or ""
        try:
            request = outgoing(draft, gateway, sent.raw if sent else None)
        except DraftError as error:
            self._panel.show_problem(error.field, error.text)
            return
        QGuiApplication.clipboard().setText(curl(request, gateway, with_token=with_token))
        if sent is None:
            text = tr("Copied as curl.")
        elif with_token:
            text = tr("Copied as curl, with the token in it.")
        else:
            text = tr("Copied as curl; $TOKEN stands in the token's place.")
        self._panel.toast_requested.emit(text)

    def _on_put_aside(self, draft: Draft) -> None:
        self._model.add(draft, at=self._clock.now())
        self._remember()

    def _on_clear_requested(self) -> None:
        _ = spawn(self, self._clear(), "clear the history", on_error=self._panel.show_failure)

    async def _clear(self) -> None:
        title = tr("Clear the history?")
        text = tr("All {n} requests are forgotten, in the settings too.", n=self._model.rowCount())
        if await confirm(self._panel, title, text, tr("Clear")):
            self._model.clear()
            self._remember()

    def _remember(self) -> None:
        self._settings.requests = saved(self._model.rows())
