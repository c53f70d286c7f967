"""A single question over a connection, for whoever waits for the answer."""

import asyncio

from embedded_services.contracts.traffic import Cause
from embedded_services.traffic.connection import Connection

Answer = tuple[int, bytes] | Cause
"""Status and body, or why there is none."""


class _Waiting:
    def __init__(self, answer: "asyncio.Future[Answer]") -> None:
        self._answer = answer

    def answered(self, _: Connection, status: int, body: bytes) -> None:
        self._set((status, body))

    def broke(self, _: Connection, cause: Cause) -> None:
        self._set(cause)

    def _set(self, answer: Answer) -> None:
        if not self._answer.done():
            self._answer.set_result(answer)


async def ask_once(connection: Connection, request: bytes, timeout_s: float) -> Answer:
    """Wait for the whole answer. The connection is closed when it takes longer."""
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    connection.send(request, _Waiting(answer), keep_body=True)
    try:
        async with asyncio.timeout(timeout_s):
            return await answer
    except TimeoutError:
        return Cause.TIMEOUT
    finally:
        if not answer.done() or answer.cancelled():
            connection.close()
