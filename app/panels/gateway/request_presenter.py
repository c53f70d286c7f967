"""Brings requests into the log while it follows, and the trace of the one that is looked at into the inspector."""

import asyncio
import shlex
from typing import Final

from PySide6.QtCore import QObject

from app.core.feed import REQUESTS
from app.core.language import tr
from app.core.messages import to_message
from app.core.session import Port
from app.panels.gateway.gateway_panel import GatewayPanel
from app.panels.gateway.request_book import LoggedRequest
from app.panels.gateway.requests_model import RequestsModel
from app.panels.gateway.trace_rows import of_record, of_trace
from app.qt.tasks import Latest
from app.qt.throttle import Throttle
from embedded_services.client.errors import ControlError
from embedded_services.contracts.system import RequestRecord

LOOKS: Final = 4
PAUSE_S: Final = 0.4
"""Spans come up to a second after the request, from each process on its own."""


class RequestPresenter(QObject):
    def __init__(self, panel: GatewayPanel, model: RequestsModel, port: Port, parent: QObject) -> None:
        super().__init__(parent)
        self._panel, self._model, self._port = panel, model, port
        self._run = -1
        self._tracing = Latest(self)
        self._rows = Throttle(panel, self._show)
        leave = port.feed.listen(self._rows.poke, REQUESTS)
        self.destroyed.connect(lambda: leave())
        panel.log.followed.connect(self._rows.poke)
        panel.request_selected.connect(self._on_selected)
        panel.curl_requested.connect(self._on_curl)
        self._rows.poke()

    def _show(self) -> None:
        tail = self._port.feed.tail(REQUESTS)
        if tail.run != self._run:
            self._run = tail.run
            self._model.restart()
        if self._panel.log.is_following:
            fresh = tail.after(self._model.book.newest)
            self._model.take([LoggedRequest(seq, record) for seq, record in fresh], tail.total)

    # --- one request ----------------------------------------------------------------------------------------------

    def _on_selected(self, row: LoggedRequest) -> None:
        """Its tries at once, from the record; its spans as soon as they are here."""
        self._tracing.cancel()
        if not row.record.sampled:
            note = tr("This request was not sampled: its tries are known, its spans are not.")
            self._panel.request_page.show_request(row, of_record(row.record, note))
            return
        self._panel.request_page.show_request(row, of_record(row.record, tr("Fetching its spans…")))
        self._tracing.spawn(
            self._trace(row),
            f"trace {row.record.trace}",
            on_error=lambda error: self._on_no_trace(row, error),
        )

    async def _trace(self, row: LoggedRequest) -> None:
        """Shown with each look, for the processes tell of their spans one after the other."""
        found, refused = 0, None
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(PAUSE_S)
            try:
                trace = await self._port.control().trace(row.record.trace)
            except ControlError as error:
                if error.status != 404:
                    raise
                refused = error
                continue
            if len(trace.spans) == found and look:
                return
            found = len(trace.spans)
            self._panel.show_trace(row, of_trace(row.record, trace))
        if not found and refused is not None:
            raise refused

    def _on_no_trace(self, row: LoggedRequest, error: Exception) -> None:
        gone = isinstance(error, ControlError) and error.status == 404
        why = (
            tr("Its spans are no longer kept.")
            if gone
            else tr("Its spans could not be fetched: {why}", why=to_message(error).text)
        )
        self._panel.show_trace(row, of_record(row.record, why))

    def _on_curl(self, row: LoggedRequest) -> None:
        self._panel.copy_curl(curl(row.record, self._port.gateway or ""))


def curl(record: RequestRecord, gateway: str) -> str:
    """As far as it is known: the gateway keeps no headers and no bodies. A token is never written into it."""
    lines = [f"curl -i --globoff --path-as-is {shlex.quote(gateway.rstrip('/') + record.path)}"]
    if record.method == "HEAD":
        lines.append("--head")
    elif record.method != "GET":
        lines.append(f"--request {shlex.quote(record.method)}")
    if record.user is not None:
        lines.append('--header "Authorization: Bearer $TOKEN"')
    return " \\\n  ".join(lines)
