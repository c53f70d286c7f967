"""The tables of `users.db`, and the two users that a new one starts with. Others hear of those, too, and of users who were
there before there were events; but they need no welcome.

A user is never taken away, only marked deleted, so that orders and payments keep their owner; the address stays taken.
"""

from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
    select,
)

from embedded_services.bus.inbox import inbox_table
from embedded_services.bus.outbox import Outbox, outbox_table
from embedded_services.services.kit.database import AnyRow, Schema
from embedded_services.services.kit.events import data_of
from embedded_services.services.kit.roles import Role
from embedded_services.services.user.messages import User
from embedded_services.services.user.passwords import new_hasher

DEMO_PASSWORD: Final = "faultdeck"  # noqa: S105 - public, of a throw-away local system; README says so

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("name", String(80), nullable=False),
    Column("role", String(20), nullable=False, index=True),
    Column("password_hash", String(200), nullable=False),
    Column("revision", Integer, nullable=False, default=1),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("deleted_at", Float),
)

profiles = Table(
    "profiles",
    metadata,
    Column("user_id", String(64), ForeignKey("users.id"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("updated_at", Float, nullable=False),
)

outbox = outbox_table(metadata)
inbox = inbox_table(metadata)


def seed(connection: Connection, now: float) -> None:
    hasher = new_hasher()
    people = (
        ("usr_demo", "demo@faultdeck.local", "Demo Customer", Role.CUSTOMER),
        ("usr_admin", "admin@faultdeck.local", "Demo Admin", Role.ADMIN),
    )
    connection.execute(
        insert(users),
        [
            {
                "id": id_,
                "email": email,
                "name": name,
                "role": role,
                "password_hash": hasher.hash(DEMO_PASSWORD),
                "created_at": now,
                "updated_at": now,
            }
            for id_, email, name, role in people
        ],
    )
    introduce(connection, now)


def show(row: AnyRow) -> User:
    return User(
        id=row.id,
        email=row.email,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )


def introduce(connection: Connection, now: float) -> None:
    """Tell of everybody who is there, as nobody's instance: whichever there is adopts what is written here."""
    book = Outbox(outbox, "user", "user")
    for row in connection.execute(select(users).where(users.c.deleted_at.is_(None)).order_by(users.c.seq)):
        book.publish(connection, "user.created", {**data_of(show(row)), "welcome": False}, now)


SCHEMA: Final = Schema(metadata, version=2, seed=seed, grows_from=1, grow=introduce)
