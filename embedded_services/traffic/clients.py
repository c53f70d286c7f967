"""Virtual clients: each comes from its own address where the platform lets it, has its own connections and its own token."""

import asyncio
from typing import Final

from embedded_services.common.platform import client_address
from embedded_services.contracts.traffic import Cause
from embedded_services.traffic.accounts import Accounts
from embedded_services.traffic.connection import Connection

IDLE_S: Final = 10.0
"""An unused connection is closed after so long, the last one of a client too."""


class ConnectError(Exception):
    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.value)
        self.cause = cause


class Client:
    __slots__ = ("_accounts", "_own", "address", "all", "idle", "number", "retired")

    def __init__(self, number: int, accounts: Accounts) -> None:
        self.number = number
        self.address = client_address(number)
        self.idle: list[Connection] = []
        """The one used last comes last."""
        self.all: set[Connection] = set()
        self.retired = False
        """Its connections are closed as they become idle."""
        self._accounts = accounts
        self._own: tuple[float, str] | None = None

    def token(self, now: float) -> str | None:
        """Its own, from a login of the mix; else its account's; null while there is none."""
        if self._own is not None and now < self._own[0]:
            return self._own[1]
        return self._accounts.token(self.number)

    def logged_in(self, token: str, until: float) -> None:
        self._own = (until, token)

    def credentials(self) -> bytes:
        return self._accounts.credentials(self.number)

    def take(self) -> Connection | None:
        """An idle connection, if there is one."""
        while self.idle:
            connection = self.idle.pop()
            if not connection.closed:
                return connection
            self.all.discard(connection)
        return None

    def give_back(self, connection: Connection, now: float) -> None:
        if connection.reusable and not self.retired:
            connection.idle_since = now
            self.idle.append(connection)
        else:
            connection.close()
            self.all.discard(connection)

    def lost(self, connection: Connection) -> None:
        self.all.discard(connection)

    async def connect(self, host: str, port: int) -> Connection:
        """Raises ConnectError."""
        source = None if self.address is None else (self.address, 0)
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(Connection, host, port, local_addr=source)
        except OSError as error:
            raise ConnectError(_cause(error, bound=source is not None)) from error
        self.all.add(connection)
        return connection

    def tidy(self, now: float) -> None:
        """Close what has been idle for long."""
        while self.idle and (self.idle[0].closed or now - self.idle[0].idle_since > IDLE_S):
            connection = self.idle.pop(0)
            self.all.discard(connection)
            connection.close()

    def retire(self) -> None:
        """Let what is under way end, and nothing else."""
        self.retired = True
        while (connection := self.take()) is not None:
            self.all.discard(connection)
            connection.close()

    def close(self) -> None:
        for connection in self.all:
            connection.close()
        self.all.clear()
        self.idle.clear()


class Crowd:
    """As many clients as are wanted; they take turns."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._clients: list[Client] = []
        self._turn = 0

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def addresses(self) -> int:
        """How many source addresses they come from."""
        return len({client.address for client in self._clients})

    def resize(self, count: int) -> None:
        """Those that stay keep their connections and tokens; what the others have under way still ends."""
        for client in self._clients[count:]:
            client.retire()
        del self._clients[count:]
        self._clients += [Client(number, self._accounts) for number in range(len(self._clients), count)]

    def next(self) -> Client:
        self._turn = turn = (self._turn + 1) % len(self._clients)
        return self._clients[turn]

    def number(self, number: int) -> Client:
        """Of fewer clients, one of them."""
        return self._clients[number % len(self._clients)]

    def tidy(self, now: float) -> None:
        for client in self._clients:
            client.tidy(now)

    def close(self) -> None:
        for client in self._clients:
            client.close()


def _cause(error: OSError, *, bound: bool) -> Cause:
    if isinstance(error, ConnectionRefusedError):
        return Cause.REFUSED
    if isinstance(error, TimeoutError):
        return Cause.TIMEOUT
    if isinstance(error, ConnectionError):
        return Cause.RESET
    return Cause.NO_ADDRESS if bound and "bind" in str(error) else Cause.UNREACHABLE
