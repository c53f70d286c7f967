"""A database that a fault makes slow or locks: really so, for all who share it, and not a moment longer than the fault."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, insert, select

from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.faults import FaultTarget
from embedded_services.faults import touched
from embedded_services.services.kit.database import Database, Schema, open_database
from embedded_services.services.kit.storage import SqliteStorage
from tests.helpers.eventually import until
from tests.helpers.faults import Arming

metadata = MetaData()
numbers = Table("numbers", metadata, Column("n", Integer, primary_key=True))
SCHEMA = Schema(metadata, version=1, seed=lambda _connection, _now: None)
ORDER = FaultTarget(service="order")


def write(connection: Connection) -> None:
    connection.execute(insert(numbers))


def count(connection: Connection) -> int:
    return len(connection.execute(select(numbers)).all())


@asynccontextmanager
async def instance(path: Path, slot: int) -> AsyncIterator[tuple[Database, Arming]]:
    faults = Arming(f"order-{slot}", "order")
    async with (
        open_database(SqliteStorage(path, "order"), SCHEMA, SystemClock()) as database,
        database.suffering(faults.held),
    ):
        yield database, faults


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


def is_locked(path: Path) -> bool:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()
    return False


async def until_locked(path: Path, *, locked: bool) -> None:
    async def look() -> bool:
        return is_locked(path) is locked

    await until(look)


async def test_every_transaction_takes_longer_and_says_whom_that_held_up(path: Path) -> None:
    async with instance(path, 1) as (database, faults):
        fault = faults.add("slow-database", ORDER, distribution="fixed", ms=80)
        touches = touched.begin("req_1", "00-" + "a" * 32 + "-" + "b" * 16 + "-01")
        await database.transact(write)
        assert await database.read(count) == 1
        assert touches.faults[fault] >= 0.16
        counts = faults.counts(fault)
        assert (counts.eligible, counts.injected) == (2, 2)
        assert counts.last[0].request_id == "req_1"
        touched.end()


async def test_a_wait_ends_with_its_fault(path: Path) -> None:
    async with instance(path, 1) as (database, faults):
        fault = faults.add("slow-database", ORDER, distribution="fixed", ms=60_000)
        async with Tasks("test") as tasks:
            writing = tasks.start(database.transact(write), "write")

            async def struck() -> bool:
                return faults.counts(fault).injected == 1

            await until(struck)
            assert not writing.done()
            faults.take_back(fault)
            await writing


async def test_another_services_database_is_not_slow(path: Path) -> None:
    async with instance(path, 1) as (database, faults):
        fault = faults.add("slow-database", FaultTarget(service="payment"), distribution="fixed", ms=60_000)
        await database.transact(write)
        assert faults.counts(fault).eligible == 0


async def test_the_write_lock_is_held_for_all_and_readers_go_on(path: Path) -> None:
    async with instance(path, 1) as (one, mine), instance(path, 2) as (two, theirs):
        await one.transact(write)
        fault = mine.add("locked-database", ORDER, holdMs=60_000, pauseMs=0)
        theirs.add("locked-database", ORDER, holdMs=60_000, pauseMs=0)
        await until_locked(path, locked=True)
        assert await one.read(count) == 1
        assert await two.read(count) == 1
        await two.ready()
        mine.take_back(fault)
        theirs.arm()
        await until_locked(path, locked=False)
        await two.transact(write)
        assert await two.read(count) == 2


async def test_a_lock_comes_and_goes_in_one_rhythm_however_many_instances_there_are(path: Path) -> None:
    async with instance(path, 1) as (one, mine), instance(path, 2) as (_, theirs):
        faults = [
            (each, each.add("locked-database", ORDER, holdMs=80, pauseMs=80)) for each in (mine, theirs)
        ]
        for _ in range(4):
            await one.transact(write)

        async def held_thrice() -> bool:
            return sum(each.counts(fault).injected for each, fault in faults) >= 3

        await until(held_thrice)
        assert await one.read(count) == 4


async def test_a_lock_is_let_go_when_its_holder_leaves(path: Path) -> None:
    async with instance(path, 1) as (_, faults):
        faults.add("locked-database", ORDER, holdMs=60_000, pauseMs=0)
        await until_locked(path, locked=True)
    assert not is_locked(path)


async def test_armed_again_at_once_it_is_locked_again(path: Path) -> None:
    async with instance(path, 1) as (_, faults):
        for _ in range(3):
            fault = faults.add("locked-database", ORDER, holdMs=60_000, pauseMs=0)
            await until_locked(path, locked=True)
            faults.take_back(fault)
        await until_locked(path, locked=False)


async def test_a_write_that_waited_for_the_lock_names_the_fault(path: Path) -> None:
    async with instance(path, 1) as (database, faults):
        fault = faults.add("locked-database", ORDER, holdMs=300, pauseMs=300)
        await until_locked(path, locked=True)
        touches = touched.begin("req_2", "")
        await database.transact(write)
        assert touches.faults[fault] > 0.0
        touched.end()
