"""One keep-alive connection of a virtual client: sends a request, hears the whole answer. One at a time."""

import asyncio
from typing import Protocol, cast

import httptools

from embedded_services.contracts.traffic import Cause


class Listener(Protocol):
    """Who waits for an answer."""

    def answered(self, connection: "Connection", status: int, body: bytes, /) -> None:
        """The answer is complete. `connection.reusable` says whether another request may follow."""
        ...

    def broke(self, connection: "Connection", cause: Cause, /) -> None:
        """There will be no answer; the connection is closed."""
        ...


class Connection(asyncio.Protocol):
    __slots__ = ("_body", "_keep_body", "_listener", "_parser", "_transport", "closed", "idle_since")

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._listener: Listener | None = None
        self._keep_body = False
        self._body = b""
        self.closed = False
        self.idle_since = 0.0

    @property
    def reusable(self) -> bool:
        return not self.closed and self._parser.should_keep_alive()

    def send(self, request: bytes, listener: Listener, *, keep_body: bool = False) -> None:
        """Only while nothing is under way. `listener` hears how it ends, unless `close` comes first."""
        self._listener = listener
        self._keep_body = keep_body
        self._body = b""
        if self.closed or self._transport is None:
            self._break(Cause.CLOSED)
        else:
            self._transport.write(request)

    def close(self) -> None:
        """Give it up, at once; nobody hears of it."""
        self._listener = None
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def _break(self, cause: Cause) -> None:
        listener = self._listener
        self.close()
        if listener is not None:
            listener.broke(self, cause)

    # --- called by the event loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._listener is None:
            self.close()  # nobody asked
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break(Cause.MALFORMED)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self.closed = True
        if self._listener is not None:
            self._break(Cause.RESET if error is not None else Cause.CLOSED)

    # --- called by the parser ---

    def on_body(self, data: bytes) -> None:
        if self._keep_body:
            self._body += data

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        listener = self._listener
        if status < 200 or listener is None:
            return
        self._listener = None
        listener.answered(self, status, self._body)
