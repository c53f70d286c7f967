"""Transactions that wait for their turn are committed as one, and none notices."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, insert, select

from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.services.kit.database import Database, Schema, open_database
from embedded_services.services.kit.storage import SqliteStorage

metadata = MetaData()
numbers = Table("numbers", metadata, Column("number", Integer, primary_key=True))
SCHEMA = Schema(metadata, version=1, seed=lambda _connection, _now: None)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(
        SqliteStorage(tmp_path / "numbers.db", "numbers"), SCHEMA, SystemClock()
    ) as found:
        yield found


def add(number: int, connection: Connection) -> int:
    connection.execute(insert(numbers).values(number=number))
    return number


def all_of(connection: Connection) -> list[int]:
    return list(connection.execute(select(numbers.c.number).order_by(numbers.c.number)).scalars())


@asynccontextmanager
async def busy(database: Database, tasks: Tasks) -> AsyncIterator[None]:
    """While the writer is kept busy, so that what is asked meanwhile waits."""
    inside, leave = threading.Event(), threading.Event()

    def hold(_connection: Connection) -> None:
        inside.set()
        leave.wait(5)

    holding = tasks.start(database.transact(hold), "hold")
    await asyncio.to_thread(inside.wait, 5)
    yield
    await asyncio.sleep(0)
    leave.set()
    await holding


async def test_they_are_one_commit_and_each_has_its_own_answer(database: Database) -> None:
    commits = 0

    def committed() -> None:
        nonlocal commits
        commits += 1

    database.after_commit = committed
    async with Tasks("test") as tasks:
        async with busy(database, tasks):
            adding = [tasks.start(database.transact(partial(add, n)), "add") for n in range(10)]
            await asyncio.sleep(0)
        assert await asyncio.gather(*adding) == list(range(10))
    assert commits == 2, "one that kept it busy, one for all the others"
    assert await database.read(all_of) == list(range(10))


async def test_one_that_fails_is_undone_alone(database: Database) -> None:
    def fail(connection: Connection) -> None:
        add(100, connection)
        raise ValueError("no")

    async with Tasks("test") as tasks:
        async with busy(database, tasks):
            first = tasks.start(database.transact(partial(add, 1)), "add")
            failing = asyncio.gather(database.transact(fail), return_exceptions=True)
            twice = asyncio.gather(database.transact(partial(add, 1)), return_exceptions=True)
            last = tasks.start(
                database.transact(
                    lambda c: c.execute(select(func.count()).select_from(numbers)).scalar_one()
                ),
                "count",
            )
            await asyncio.sleep(0)
        assert await first == 1
        assert [type(error).__name__ for error in (*await failing, *await twice)] == [
            "ValueError",
            "IntegrityError",
        ]
        assert await last == 1
    assert await database.read(all_of) == [1]


async def test_one_that_nobody_waits_for_any_more_is_left_out(database: Database) -> None:
    async with Tasks("test") as tasks:
        async with busy(database, tasks):
            given_up = [tasks.start(database.transact(partial(add, n)), "add") for n in range(40)]
            wanted = tasks.start(database.transact(partial(add, 100)), "add")
            await asyncio.sleep(0)
            for task in given_up:
                task.cancel()
            await asyncio.sleep(0)
        assert await wanted == 100
    assert await database.read(all_of) == [100]


async def test_a_commit_that_fails_is_told_to_all(database: Database, tmp_path: Path) -> None:
    def defer(connection: Connection) -> None:
        """A fault that only the commit finds."""
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.exec_driver_sql("INSERT INTO child VALUES (77)")

    with closing(sqlite3.connect(tmp_path / "numbers.db")) as other:
        other.execute("CREATE TABLE child (number INTEGER REFERENCES numbers (number))")
    async with Tasks("test") as tasks:
        async with busy(database, tasks):
            outcomes = asyncio.gather(
                database.transact(partial(add, 1)), database.transact(defer), return_exceptions=True
            )
            await asyncio.sleep(0)
        assert [type(outcome).__name__ for outcome in await outcomes] == ["IntegrityError", "IntegrityError"]
    assert await database.read(all_of) == []
