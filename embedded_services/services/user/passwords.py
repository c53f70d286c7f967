"""Password hashing: argon2id with OWASP's first choice of parameters, one at a time in a process.

One at a time, in its own thread, so that logins can take no more than one core and 19 MiB from everything else.
"""

from functools import partial
from types import TracebackType
from typing import Final, Self

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from embedded_services.services.kit.lane import Lane

WAITING_LIMIT: Final = 64


def new_hasher() -> PasswordHasher:
    return PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1, type=Type.ID)


class Passwords:
    """`async with Passwords() as passwords:`"""

    def __init__(self) -> None:
        self._hasher = new_hasher()
        self._lane = Lane("password check", limit=WAITING_LIMIT)

    async def hash(self, password: str) -> str:
        return await self._lane.run(partial(self._hasher.hash, password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one of `stored`. Takes as long where nothing is stored, and is then False."""
        return await self._lane.run(partial(self._matches, stored, password))

    def _matches(self, stored: str | None, password: str) -> bool:
        if stored is None:
            self._hasher.hash(password)  # the same work as to verify
            return False
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._lane.close()
