"""The database of a service: transactions, the write gate, and files that cannot be used."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, func, insert, select
from sqlalchemy.exc import DatabaseError, OperationalError

from embedded_services.agent.context import StartError
from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError
from embedded_services.services.kit.database import Database, NotReadyError, Schema, open_database
from embedded_services.services.kit.storage import ServerStorage, SqliteStorage, Storage, application_id

metadata = MetaData()
notes = Table("notes", metadata, Column("id", Integer, primary_key=True), Column("text", String(20)))


def seed(connection: Connection, _now: float) -> None:
    connection.execute(insert(notes).values(text="first"))


SCHEMA = Schema(metadata, version=3, seed=seed)


def count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(notes)).scalar_one())


def add(connection: Connection) -> None:
    connection.execute(insert(notes).values(text="more"))


@asynccontextmanager
async def opened(path: Path, schema: Schema = SCHEMA) -> AsyncIterator[Database]:
    async with open_database(SqliteStorage(path, "notes"), schema, SystemClock()) as database:
        yield database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(tmp_path / "notes.db") as database:
        yield database


async def test_what_a_transaction_did_stays_and_what_failed_is_undone(database: Database) -> None:
    def fail(connection: Connection) -> None:
        add(connection)
        raise ValueError("no")

    await database.transact(add)
    with pytest.raises(ValueError, match="no"):
        await database.transact(fail)
    assert await database.read(count) == 2


async def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises(OperationalError, match="readonly"):
        await database.read(add)


async def test_reading_goes_on_while_a_transaction_is_under_way(database: Database) -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        add(connection)
        inside.set()
        leave.wait(5)

    async with Tasks("test") as tasks:
        writing = tasks.start(database.transact(slow), "write")
        await asyncio.to_thread(inside.wait, 5)
        assert await database.read(count) == 1
        await database.ready()
        leave.set()
        await writing
    assert await database.read(count) == 2


async def test_a_held_database_starts_no_transaction_until_it_is_released(database: Database) -> None:
    await database.hold_writes()
    async with Tasks("test") as tasks:
        writing = tasks.start(database.transact(add), "write")
        assert await database.read(count) == 1
        assert not writing.done()
        await database.release_writes()
        await writing
    assert await database.read(count) == 2


async def test_closing_finishes_the_transaction_under_way(tmp_path: Path) -> None:
    inside = threading.Event()

    def slow(connection: Connection) -> None:
        inside.set()
        add(connection)

    async with Tasks("test") as tasks:
        async with opened(tmp_path / "notes.db") as database:
            writing = tasks.start(database.transact(slow), "write")
            await asyncio.to_thread(inside.wait, 5)
        await writing
    async with opened(tmp_path / "notes.db") as database:
        assert await database.read(count) == 2


async def test_too_many_waiting_are_told_so_at_once(database: Database) -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow(_connection: Connection) -> None:
        inside.set()
        leave.wait(5)

    async with Tasks("test") as tasks:
        first = tasks.start(database.transact(slow), "write")
        await asyncio.to_thread(inside.wait, 5)
        rest = [tasks.start(database.transact(add), "write") for _ in range(300)]
        results = asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0)
        leave.set()
        await first
        refused = [result for result in await results if isinstance(result, ApiError)]
    assert {error.code for error in refused} == {"SERVICE_UNAVAILABLE"}
    assert await database.read(count) == 1 + 300 - len(refused)


async def test_a_database_that_stays_locked_is_said_to_be_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expect_log: Callable[[str], None]
) -> None:
    expect_log("stayed locked by another process")
    monkeypatch.setattr("embedded_services.services.kit.storage.BUSY_TIMEOUT_S", 0.05)
    async with opened(tmp_path / "notes.db") as database:
        other = sqlite3.connect(tmp_path / "notes.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ApiError, match="locked by another process"):
            await database.transact(add)
        await database.ready()
        other.execute("ROLLBACK")
        other.close()
        await database.transact(add)


async def test_many_that_open_a_new_file_at_one_moment_make_it_once(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        databases = await asyncio.gather(
            *[stack.enter_async_context(opened(tmp_path / "data" / "notes.db")) for _ in range(6)]
        )
        assert [await database.read(count) for database in databases] == [1] * 6


async def test_a_database_is_seeded_once(tmp_path: Path) -> None:
    for _ in range(2):
        async with opened(tmp_path / "notes.db") as database:
            assert await database.read(count) == 1


def take_away(path: Path) -> None:
    for file in path.parent.glob(path.name + "*"):
        file.unlink()


def put_another(path: Path) -> None:
    take_away(path)
    path.touch()


@pytest.mark.parametrize("spoil", [take_away, put_another])
async def test_a_file_deleted_or_replaced_in_use_takes_no_more_and_is_not_ready(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "notes.db"
    reason = r"^notes\.db was deleted or replaced while it was in use; restart the system to go on$"
    async with opened(path) as database:
        await database.transact(add)
        spoil(path)
        with pytest.raises(NotReadyError, match=reason):
            await database.ready()
        with pytest.raises(ApiError, match=reason) as caught:
            await database.transact(add)
        assert caught.value.code == "SERVICE_UNAVAILABLE"
        with pytest.raises(ApiError, match=reason):
            await database.read(count)  # a reader that had not looked into the journal yet finds none


async def test_a_file_that_is_put_back_is_used_again(tmp_path: Path) -> None:
    path, away = tmp_path / "notes.db", tmp_path / "away.db"
    async with opened(path) as database:
        path.rename(away)
        with pytest.raises(ApiError):
            await database.transact(add)
        away.rename(path)
        await database.transact(add)
        await database.ready()
        assert await database.read(count) == 2


async def test_a_file_that_took_anothers_place_outlives_it(tmp_path: Path) -> None:
    """Closing what was deleted must not take the new file's journal with it."""
    path = tmp_path / "notes.db"
    async with AsyncExitStack() as stack:
        async with opened(path) as old:
            await old.transact(add)
            take_away(path)
            new = await stack.enter_async_context(opened(path))
            await new.transact(add)
            await new.transact(add)
        await new.ready()
        async with opened(path) as other:
            assert await other.read(count) == 3
            await other.transact(add)
        assert await new.read(count) == 4


async def test_a_file_made_before_files_were_signed_is_signed(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    for _ in range(2):
        async with opened(path) as database:
            await database.transact(add)
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA application_id").fetchone() == (application_id("notes"),)
            connection.execute("PRAGMA application_id = 0")
        connection.close()
    async with opened(path) as database:
        assert await database.read(count) == 3


def not_a_database(path: Path) -> None:
    path.write_bytes(b"this is not a database, whatever its name says" * 100)


def newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id = {application_id('notes')}")
        connection.execute("PRAGMA user_version = 4")
    connection.close()


def of_another_service(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id = {application_id('orders')}")
        connection.execute("PRAGMA user_version = 3")
        connection.execute("CREATE TABLE notes (id)")
    connection.close()


def unsigned_at_our_version(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 3")
        connection.execute("CREATE TABLE orders (id)")
    connection.close()


def unsigned_with_other_tables(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id)")
    connection.close()


def of_another(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (id)")
    connection.close()


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (not_a_database, "file is not a database; it was left as it is"),
        (newer, "made by a newer Faultdeck"),
        (of_another_service, "is the database of another service or program"),
        (of_another, "has tables that this Faultdeck did not make"),
        (unsigned_at_our_version, "has tables that this Faultdeck did not make"),
        (unsigned_with_other_tables, "has tables that this Faultdeck did not make"),
        (a_folder, "unable to open database file"),
    ],
)
async def test_a_file_that_cannot_be_used_is_named_and_left_alone(
    tmp_path: Path, spoil: object, reason: str
) -> None:
    path = tmp_path / "notes.db"
    assert callable(spoil)
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StartError) as caught:
        async with opened(path):
            pass
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    if path.is_file():
        assert path.read_bytes() == before


later = MetaData()
notes.to_metadata(later)
marks = Table("marks", later, Column("id", Integer, primary_key=True), Column("note", Integer, index=True))


def mark(connection: Connection, _now: float) -> None:
    connection.execute(insert(marks).values(note=1))


GROWN = Schema(later, version=4, seed=seed, grows_from=3, grow=mark)


def marked(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(marks)).scalar_one())


async def test_a_database_of_an_earlier_version_gets_the_tables_that_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    async with opened(path) as database:
        await database.transact(add)
    async with AsyncExitStack() as stack:
        grown = await asyncio.gather(*[stack.enter_async_context(opened(path, GROWN)) for _ in range(4)])
        assert [await database.read(count) for database in grown] == [2] * 4
        assert [await database.read(marked) for database in grown] == [1] * 4, "it grows once"
    with pytest.raises(StartError, match="has schema version 4, made by a newer Faultdeck"):
        async with opened(path):
            pass


async def test_a_new_database_needs_not_grow(tmp_path: Path) -> None:
    async with opened(tmp_path / "notes.db", GROWN) as database:
        assert (await database.read(count), await database.read(marked)) == (1, 0)


async def test_an_earlier_file_that_was_never_signed_grows_if_it_has_our_tables_only(tmp_path: Path) -> None:
    for others, grows in (("", True), ("CREATE TABLE others (id)", False)):
        path = tmp_path / f"notes{len(others)}.db"
        async with opened(path):
            pass
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA application_id = 0")
            connection.execute(others)
        connection.close()
        if grows:
            async with opened(path, GROWN) as database:
                assert await database.read(marked) == 1
            continue
        with pytest.raises(StartError, match="tables that this Faultdeck did not make"):
            async with opened(path, GROWN):
                pass


async def test_a_growth_that_fails_changes_nothing(tmp_path: Path) -> None:
    def fail(connection: Connection, now: float) -> None:
        mark(connection, now)
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    path = tmp_path / "notes.db"
    async with opened(path):
        pass
    with pytest.raises(StartError, match="no such table: nowhere"):
        async with opened(path, Schema(later, version=4, seed=seed, grows_from=3, grow=fail)):
            pass
    async with opened(path) as database:
        assert await database.read(count) == 1


async def test_a_version_from_which_it_does_not_grow_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    async with opened(path):
        pass
    for schema in (Schema(later, version=5, seed=seed, grows_from=4), Schema(later, version=5, seed=seed)):
        with pytest.raises(StartError, match="tables that this Faultdeck did not make"):
            async with opened(path, schema):
                pass


async def test_commits_are_told_and_what_was_undone_is_not(database: Database) -> None:
    told: list[str] = []
    database.after_commit = lambda: told.append(threading.current_thread().name)

    def fail(connection: Connection) -> None:
        add(connection)
        raise ValueError("no")

    await database.transact(add)
    with pytest.raises(ValueError, match="no"):
        await database.transact(fail)
    await database.read(count)
    assert told == ["database"]


async def test_a_transaction_sees_its_caller_s_context(database: Database) -> None:
    asked: ContextVar[str] = ContextVar("asked")
    asked.set("me")
    assert await database.transact(lambda _: asked.get()) == "me"


async def test_a_workspace_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StartError, match="data"):
        async with opened(tmp_path / "data" / "notes.db"):
            pass


async def test_damage_found_while_running_makes_it_not_ready(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    rows = [{"text": "x" * 20}] * 5000
    async with opened(path) as database:
        await database.transact(lambda connection: connection.execute(insert(notes), rows).rowcount)
    with path.open("r+b") as file:
        file.seek(2 * 4096)
        file.write(b"\xff" * 10 * 4096)
    async with opened(path) as database:
        await database.ready()
        with pytest.raises(DatabaseError, match="malformed"):
            await database.read(lambda connection: len(connection.execute(select(notes)).all()))
        with pytest.raises(NotReadyError, match="damaged"):
            await database.ready()


async def test_a_database_named_by_url_keeps_its_version_in_a_table(tmp_path: Path) -> None:
    """What any server by URL does, tried on a file: the parts that are not SQLite's own."""
    storage: Storage = ServerStorage(f"sqlite:///{tmp_path / 'server.db'}")
    for _ in range(2):
        async with open_database(storage, SCHEMA, SystemClock()) as database:
            await database.ready()
            assert await database.read(count) == 1
