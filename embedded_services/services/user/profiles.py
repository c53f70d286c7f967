"""Profiles: what a user tells of themselves. Every user has one, empty until it is filled in."""

from collections.abc import Callable

import msgspec
from sqlalchemy import Connection, insert, select, update

from embedded_services.common.clock import Clock
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Ask, Nothing
from embedded_services.services.kit.roles import Permission
from embedded_services.services.user.messages import Profile, ProfileInput, ProfilePatch
from embedded_services.services.user.tables import profiles
from embedded_services.services.user.users import find


class Profiles:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, ask: Ask[Nothing]) -> Profile:
        owner = ask.params["userId"]
        ask.caller.must_see(owner, Permission.USERS_READ, "profile")
        return await self._database.read(lambda connection: _show(owner, *_load(connection, owner)))

    async def replace(self, ask: Ask[ProfileInput]) -> Profile:
        return await self._write(ask, lambda _before: ask.input)

    async def change(self, ask: Ask[ProfilePatch]) -> Profile:
        given = {
            name: value
            for name, value in msgspec.structs.asdict(ask.input).items()
            if value is not msgspec.UNSET
        }
        return await self._write(ask, lambda before: msgspec.structs.replace(before, **given))

    async def _write(
        self, ask: Ask[ProfileInput] | Ask[ProfilePatch], new: Callable[[ProfileInput], ProfileInput]
    ) -> Profile:
        owner = ask.params["userId"]
        ask.caller.must_change(owner, Permission.USERS_READ, Permission.USERS_WRITE, "profile")
        now = self._clock.now()

        def work(connection: Connection) -> Profile:
            before, written_at = _load(connection, owner, lock=True)
            after = new(before)
            values = {"content": msgspec.json.encode(after), "updated_at": now}
            if written_at is None:
                connection.execute(insert(profiles).values(user_id=owner, **values))
            else:
                connection.execute(update(profiles).where(profiles.c.user_id == owner).values(values))
            return _show(owner, after, now)

        return await self._database.transact(work)


def _load(connection: Connection, owner: str, *, lock: bool = False) -> tuple[ProfileInput, float | None]:
    """The profile, and when it was last written. Raises ApiError NOT_FOUND when there is no such user."""
    find(connection, owner, lock=lock)
    row = connection.execute(select(profiles).where(profiles.c.user_id == owner)).one_or_none()
    if row is None:
        return ProfileInput(), None
    return msgspec.json.decode(row.content, type=ProfileInput), row.updated_at


def _show(owner: str, profile: ProfileInput, updated_at: float | None) -> Profile:
    return Profile(user_id=owner, updated_at=updated_at, **msgspec.structs.asdict(profile))
