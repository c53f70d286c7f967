"""The user service's process: accounts, users, roles and profiles."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from embedded_services.agent.context import ChildContext
from embedded_services.bus.outbox import Outbox
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Endpoint, Endpoints, Nothing
from embedded_services.services.kit.events import service_events, service_outbox
from embedded_services.services.kit.pages import Paging
from embedded_services.services.kit.process import serve_endpoints, service_database
from embedded_services.services.kit.roles import Permission
from embedded_services.services.user import tables
from embedded_services.services.user.accounts import Accounts
from embedded_services.services.user.messages import (
    Login,
    ProfileInput,
    ProfilePatch,
    Registration,
    RoleChange,
    UserFilter,
    UserPatch,
)
from embedded_services.services.user.passwords import Passwords
from embedded_services.services.user.profiles import Profiles
from embedded_services.services.user.users import Users


@asynccontextmanager
async def serve(context: ChildContext) -> AsyncIterator[int]:
    async with (
        Passwords() as passwords,
        service_database(context, "users.db", tables.SCHEMA) as database,
        service_events(
            context, database, outbox := service_outbox(context, tables.outbox), tables.inbox
        ) as stop,
        serve_endpoints(context, database, endpoints(context, database, outbox, passwords), stop) as port,
    ):
        yield port


def endpoints(context: ChildContext, database: Database, outbox: Outbox, passwords: Passwords) -> Endpoints:
    accounts = Accounts(database, context.clock, outbox, passwords, context.spec.jwt_secret)
    users = Users(database, context.clock)
    profiles = Profiles(database, context.clock)
    return [
        Endpoint("POST", "/auth/register", accounts.register, Registration, public=True),
        Endpoint("POST", "/auth/login", accounts.login, Login, public=True),
        Endpoint("GET", "/users", users.list, UserFilter, needs=Permission.USERS_READ),
        Endpoint("GET", "/users/roles", users.roles, Paging),
        Endpoint("GET", "/users/{id}", users.get, Nothing),
        Endpoint("PATCH", "/users/{id}", users.rename, UserPatch),
        Endpoint("DELETE", "/users/{id}", users.delete, Nothing, needs=Permission.USERS_WRITE),
        Endpoint("PATCH", "/users/{id}/role", users.set_role, RoleChange, needs=Permission.ROLES_WRITE),
        Endpoint("GET", "/profiles/{userId}", profiles.get, Nothing),
        Endpoint("PUT", "/profiles/{userId}", profiles.replace, ProfileInput),
        Endpoint("PATCH", "/profiles/{userId}", profiles.change, ProfilePatch),
    ]
