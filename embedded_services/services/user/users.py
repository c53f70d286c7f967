"""Users and their roles.

A token carries the role it was issued with, so a change of role acts on the user's next login. The last admin stays:
nobody could ever give the role back.
"""

from sqlalchemy import Connection, bindparam, select, update

from embedded_services.common.clock import Clock
from embedded_services.common.prepared import Prepared
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.wire import Page
from embedded_services.services.kit.database import AnyRow, Database
from embedded_services.services.kit.endpoints import NO_CONTENT, Answer, Ask, Nothing, not_found
from embedded_services.services.kit.pages import Paging, page_of, rows_of_page
from embedded_services.services.kit.roles import DESCRIPTIONS, PERMISSIONS, Permission, Role
from embedded_services.services.user.emails import normalise
from embedded_services.services.user.messages import RoleChange, RoleView, User, UserFilter, UserPatch
from embedded_services.services.user.tables import show, users

_present = select(users).where(users.c.deleted_at.is_(None))
_present_of_id = _present.where(users.c.id == bindparam("id"))
_by_id = Prepared(_present_of_id)
_by_id_locked = Prepared(_present_of_id.with_for_update())
_by_id_even_deleted = select(users).where(users.c.id == bindparam("id"))


class Users:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def list(self, ask: Ask[UserFilter]) -> Page[User]:
        rows = _present
        if ask.input.email is not None:
            rows = rows.where(users.c.email == normalise(ask.input.email))
        if ask.input.role is not None:
            rows = rows.where(users.c.role == ask.input.role)

        def work(connection: Connection) -> Page[User]:
            found, cursor = rows_of_page(connection, rows, users.c.seq, ask.input, of="users")
            return Page(items=[show(row) for row in found], next_cursor=cursor)

        return await self._database.read(work)

    async def get(self, ask: Ask[Nothing]) -> User:
        ask.caller.must_see(ask.params["id"], Permission.USERS_READ, "user")
        return await self._database.read(lambda connection: show(find(connection, ask.params["id"])))

    async def rename(self, ask: Ask[UserPatch]) -> User:
        ask.caller.must_change(ask.params["id"], Permission.USERS_READ, Permission.USERS_WRITE, "user")
        return await self._change(ask.params["id"], name=ask.input.name.strip())

    async def set_role(self, ask: Ask[RoleChange]) -> User:
        return await self._change(ask.params["id"], role=ask.input.role)

    async def delete(self, ask: Ask[Nothing]) -> Answer:
        if ask.params["id"] == ask.caller.id:
            raise ApiError("CONFLICT", "Nobody can delete their own account")
        await self._change(ask.params["id"], deleted_at=self._clock.now())
        return NO_CONTENT

    async def roles(self, ask: Ask[Paging]) -> Page[RoleView]:
        views = [
            RoleView(name=role, description=DESCRIPTIONS[role], permissions=sorted(PERMISSIONS[role]))
            for role in Role
        ]
        return page_of(views, lambda view: view.name, ask.input, of="roles")

    async def _change(self, id_: str, **values: object) -> User:
        now = self._clock.now()

        def work(connection: Connection) -> User:
            before = find(connection, id_, lock=True)
            if before.role == Role.ADMIN and values.keys() & {"role", "deleted_at"}:
                _keep_an_admin(connection, values.get("role"))
            connection.execute(
                update(users)
                .where(users.c.id == id_)
                .values(**values, revision=users.c.revision + 1, updated_at=now)
            )
            return show(connection.execute(_by_id_even_deleted, {"id": id_}).one())

        return await self._database.transact(work)


def find(connection: Connection, id_: str, *, lock: bool = False) -> AnyRow:
    """A user who was not deleted; `lock` keeps others from changing the row meanwhile. Raises ApiError NOT_FOUND."""
    found = (_by_id_locked if lock else _by_id).row(connection, {"id": id_})
    if found is None:
        raise not_found("user")
    return found


def _keep_an_admin(connection: Connection, new_role: object) -> None:
    admins = connection.execute(_present.where(users.c.role == Role.ADMIN).with_for_update()).all()
    if new_role != Role.ADMIN and len(admins) == 1:
        raise ApiError("CONFLICT", "The last admin cannot lose the role")
