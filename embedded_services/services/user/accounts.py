"""Registering and logging in: the two endpoints that anyone may call."""

import jwt
import msgspec
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from embedded_services.bus.outbox import Outbox
from embedded_services.common.clock import Clock
from embedded_services.common.ids import new_id
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.tokens import ALGORITHM, AUDIENCE, ISSUER, LIFETIME_S, TokenClaims
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Answer, Ask, answer
from embedded_services.services.kit.events import data_of
from embedded_services.services.kit.roles import Role
from embedded_services.services.user.emails import normalise
from embedded_services.services.user.messages import Login, Registration, Session, User
from embedded_services.services.user.passwords import Passwords
from embedded_services.services.user.tables import show, users


class Accounts:
    def __init__(
        self, database: Database, clock: Clock, outbox: Outbox, passwords: Passwords, secret: str
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._passwords = passwords
        self._secret = secret

    async def register(self, ask: Ask[Registration]) -> Answer:
        """A new customer, logged in. CONFLICT when the address is taken."""
        email = normalise(ask.input.email)
        hashed = await self._passwords.hash(ask.input.password)
        now = self._clock.now()
        new = {
            "id": new_id("usr"),
            "email": email,
            "name": ask.input.name.strip(),
            "role": Role.CUSTOMER,
            "password_hash": hashed,
            "created_at": now,
            "updated_at": now,
        }

        def add(connection: Connection) -> User:
            connection.execute(insert(users).values(new))
            user = show(connection.execute(select(users).where(users.c.id == new["id"])).one())
            self._outbox.publish(connection, "user.created", data_of(user), now)
            return user

        try:
            user = await self._database.transact(add)
        except IntegrityError as error:
            raise ApiError("CONFLICT", "There is an account with this e-mail address") from error
        return answer(self._session(user), 201, location=f"/users/{user.id}", asked=ask.path)

    async def login(self, ask: Ask[Login]) -> Session:
        """UNAUTHORIZED, after the same time and in the same words, for a wrong address and for a wrong password."""
        email = normalise(ask.input.email)
        found = await self._database.read(
            lambda connection: connection.execute(
                select(users).where(users.c.email == email, users.c.deleted_at.is_(None))
            ).one_or_none()
        )
        stored = None if found is None else found.password_hash
        if not await self._passwords.matches(stored, ask.input.password) or found is None:
            raise ApiError("UNAUTHORIZED", "E-mail address or password is wrong")
        return self._session(show(found))

    def _session(self, user: User) -> Session:
        issued = int(self._clock.now())
        claims = TokenClaims(
            iss=ISSUER,
            aud=AUDIENCE,
            sub=user.id,
            id=user.id,
            role=user.role,
            email=user.email,
            name=user.name,
            iat=issued,
            exp=issued + LIFETIME_S,
        )
        token = jwt.encode(msgspec.to_builtins(claims), self._secret, algorithm=ALGORITHM)
        return Session(token=token, expires_at=claims.exp, user=user)
