"""Requests under way: each is sent over a connection of its client's, and ends in the tally once, however it ends."""

import secrets
from collections.abc import Callable
from typing import Final

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.traffic import Cause
from embedded_services.traffic.accounts import decode_session
from embedded_services.traffic.clients import Client, ConnectError
from embedded_services.traffic.connection import Connection
from embedded_services.traffic.mix import ORDERS, Ask, head
from embedded_services.traffic.once import Answer, ask_once
from embedded_services.traffic.tally import KindTally, Tally

LOOK_S: Final = 0.25
"""Between two looks at an order that takes long."""
PENDING: Final = "pending"
CANCELLED: Final = "cancelled"

TokenChange = Callable[[str], str | None]
"""May put another token in the place of a client's, or take it away: for faults that act on tokens."""


class _Order(msgspec.Struct, frozen=True):
    """What an answer says of an order, as far as it matters here."""

    id: str = ""
    status: str = ""


_decode_order = msgspec.json.Decoder(_Order).decode


class Flight:
    """One request until it has ended. `due` is its intended time; `order` the one that it follows."""

    __slots__ = ("ask", "client", "connection", "due", "flights", "kind", "order", "status")

    def __init__(self, flights: "Flights", client: Client, kind: KindTally, ask: Ask, due: float) -> None:
        self.flights = flights
        self.client = client
        self.kind = kind
        self.ask = ask
        self.due = due
        self.connection: Connection | None = None
        self.order = ""
        self.status = 0

    def answered(self, connection: Connection, status: int, body: bytes) -> None:
        self.flights.answered(self, connection, status, body)

    def broke(self, connection: Connection, cause: Cause) -> None:
        self.flights.broke(self, connection, cause)


class Flights:
    """`to` says where requests go. Times are monotonic, but for the ends of tokens."""

    def __init__(self, clock: Clock, tasks: Tasks, host: str, port: int, tally: Tally) -> None:
        self._clock = clock
        self._tasks = tasks
        self._host = host
        self._port = port
        self.name = f"{host}:{port}"
        self._tally = tally
        self._flying: dict[Flight, None] = {}
        """In the order in which they were sent, which is that of their intended times."""
        self.change_token: TokenChange | None = None

    def __len__(self) -> int:
        return len(self._flying)

    def send(self, client: Client, kind: KindTally, ask: Ask, due: float) -> None:
        flight = Flight(self, client, kind, ask, due)
        self._flying[flight] = None
        self._send(flight, self._written(flight), keep_body=ask.signs_in or ask.follows)

    def waited(self, now: float) -> float:
        """How long the oldest has waited."""
        return max(0.0, now - next(iter(self._flying)).due) if self._flying else 0.0

    def expire(self, now: float, timeout_s: float) -> None:
        """Give up what has waited for so long."""
        while self._flying:
            flight = next(iter(self._flying))
            if now - flight.due < timeout_s:
                return
            self._give_up(flight, Cause.TIMEOUT)

    def cancel_all(self) -> None:
        for flight in list(self._flying):
            self._give_up(flight, Cause.CANCELLED)

    # --- how a request goes ---------------------------------------------------------------------------------------

    def _written(self, flight: Flight) -> bytes:
        ask = flight.ask
        parts = [ask.head]
        if ask.authorised and (token := self._token(flight.client)) is not None:
            parts.append(b"Authorization: Bearer %b\r\n" % token.encode())
        if ask.signs_in:
            parts.append(flight.client.credentials())
            return b"".join(parts)
        if ask.keyed:
            parts.append(b"Idempotency-Key: %b\r\n" % secrets.token_hex(12).encode())
        parts += (b"\r\n", ask.body)
        return b"".join(parts)

    def _token(self, client: Client) -> str | None:
        token = client.token(self._clock.now())
        return token if token is None or self.change_token is None else self.change_token(token)

    def _send(self, flight: Flight, request: bytes, *, keep_body: bool) -> None:
        connection = flight.client.take()
        if connection is None:
            self._tasks.spawn(self._connect_and_send(flight, request, keep_body), "connect")
            return
        flight.connection = connection
        connection.send(request, flight, keep_body=keep_body)

    async def _connect_and_send(self, flight: Flight, request: bytes, keep_body: bool) -> None:
        try:
            connection = await flight.client.connect(self._host, self._port)
        except ConnectError as error:
            self._end(flight, error.cause)
            return
        self._tally.connections += 1
        if flight not in self._flying:  # given up meanwhile
            flight.client.give_back(connection, self._clock.monotonic())
            return
        flight.connection = connection
        connection.send(request, flight, keep_body=keep_body)

    def answered(self, flight: Flight, connection: Connection, status: int, body: bytes) -> None:
        """Its answer is complete."""
        flight.connection = None
        flight.client.give_back(connection, self._clock.monotonic())
        ask = flight.ask
        if ask.follows and (flight.order or status == 202):
            self._follow(flight, status, body)
            return
        if ask.signs_in and status == 200:
            self._log_in(flight.client, body)
        self._end(flight, status)

    def broke(self, flight: Flight, connection: Connection, cause: Cause) -> None:
        """There will be no answer."""
        flight.connection = None
        flight.client.lost(connection)
        self._end(flight, cause)

    def _end(self, flight: Flight, outcome: int | Cause) -> None:
        if self._flying.pop(flight, self) is self:
            return  # it was given up
        took = self._clock.monotonic() - flight.due
        if isinstance(outcome, Cause):
            self._tally.broke(flight.kind, outcome, took)
        else:
            self._tally.answered(flight.kind, outcome, took)

    def _give_up(self, flight: Flight, cause: Cause) -> None:
        connection, flight.connection = flight.connection, None
        if connection is not None:
            connection.close()
            flight.client.lost(connection)
        self._end(flight, cause)

    # --- what answers mean ----------------------------------------------------------------------------------------

    def _log_in(self, client: Client, body: bytes) -> None:
        try:
            session = decode_session(body)
        except msgspec.DecodeError:
            return  # the answer counts; its token is of no use
        client.logged_in(session.token, session.expires_at - 60.0)

    def _follow(self, flight: Flight, status: int, body: bytes) -> None:
        """An order that was taken on is looked at until it is settled; the request is answered then, with what it was told
        first."""
        try:
            order = _decode_order(body)
        except msgspec.DecodeError:
            order = _Order()
        if not flight.order:
            flight.order, flight.status = order.id, status
        if order.status == CANCELLED:
            self._end(flight, Cause.ORDER_CANCELLED)
        elif flight.order and (order.status == PENDING or status >= 500):
            self._tasks.spawn(self._look_later(flight), "look at an order")
        else:
            self._end(flight, flight.status)

    async def _look_later(self, flight: Flight) -> None:
        await self._clock.sleep(LOOK_S)
        if flight not in self._flying:
            return
        self._tally.follow_ups += 1
        request = head("GET", f"{ORDERS}/{flight.order}", self.name)
        if (token := self._token(flight.client)) is not None:
            request += b"Authorization: Bearer %b\r\n" % token.encode()
        self._send(flight, request + b"\r\n", keep_body=True)

    # --- requests besides ------------------------------------------------------------------------------------------

    async def fetch(self, client: Client, request: bytes, timeout_s: float) -> Answer:
        """Send one that is no arrival, on a connection of its own. Status and body of the answer, or why there is none."""
        self._tally.follow_ups += 1
        try:
            connection = await client.connect(self._host, self._port)
        except ConnectError as error:
            return error.cause
        answer = await ask_once(connection, request, timeout_s)
        client.give_back(connection, self._clock.monotonic())
        return answer
