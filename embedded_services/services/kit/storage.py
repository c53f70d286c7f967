"""What differs between database systems, in one place: SQLite, which is what runs here, and any server by URL.

SQLite is shared by the processes of one service. WAL lets readers go on while one writes; every write transaction
is `BEGIN IMMEDIATE`, because one that first reads and then asks for the lock can only fail when another was quicker.
`synchronous=NORMAL` loses the last transactions in a power cut, none when a process dies, and never corrupts.
A file carries its service's `application_id`: the tables' version alone does not tell one service's file from another's.
"""

import os
import sqlite3
import threading
import urllib.parse
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from embedded_services.common import platform

BUSY_TIMEOUT_S: Final = 5.0
_WAL_PAUSE_S: Final = 0.01
_LOCK_LOOK_S: Final = 0.1
_SCHEMA_LOCK: Final = 0x_FA_01_7D_EC  # the keys of PostgreSQL's advisory locks: any numbers that only we use
_FAULT_LOCK: Final = 0x_FA_01_7D_ED
_TRY_TURN: Final = text("SELECT pg_try_advisory_xact_lock(:key)")


class Storage(Protocol):
    name: str
    """What people call it: a path, or a URL without its password."""
    groups: bool
    """Whether there is one writer at a time, so that several transactions may be one: they cannot wait for each other."""
    keeps: bool
    """Whether a connection holds as long as the process, so that it need not be looked at before each transaction."""

    def engine(self, *, writes: bool) -> Engine:
        """One connection, used by one thread at a time. Its transactions may write only if `writes`."""
        ...

    def lock_schema(self, connection: Connection) -> None:
        """Until this transaction ends, let no other process look at the version or make tables."""
        ...

    def version(self, connection: Connection) -> int:
        """The schema's version, 0 where there is none; asks the database itself."""
        ...

    def is_ours(self, connection: Connection) -> bool | None:
        """Whether the database is of this service, None where it does not say."""
        ...

    def sign(self, connection: Connection, version: int) -> None:
        """Mark the database as this service's, at this version of the schema."""
        ...

    def loss(self) -> str | None:
        """Why what is written from now on would be lost, if it would. Takes microseconds."""
        ...

    def is_busy(self, error: DBAPIError) -> bool:
        """Whether another process held the lock for too long."""
        ...

    def is_damage(self, error: DBAPIError) -> bool: ...

    def lock_out(self, seconds: float, pause_s: float, ended: threading.Event) -> bool:
        """Keep everybody from writing for so long, then let them for `pause_s`; not longer than until `ended`. False if another
        process does so already. For faults; blocks the thread."""
        ...


class SqliteStorage:
    """The file at `path`, whose `application_id` says that it is of `service`, a kind of service."""

    groups = True
    keeps = True

    def __init__(self, path: Path, service: str) -> None:
        self.name = str(path)
        self._path = path
        self._application_id = application_id(service)
        self._opened: tuple[int, int] | None = None

    def engine(self, *, writes: bool) -> Engine:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = create_engine(
            URL.create("sqlite", database=str(self._path)),
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            pool_reset_on_return=None,
            # Transactions are begun below, by us: the driver would begin them deferred.
            connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        )
        event.listen(engine, "connect", self._remember_file)
        event.listen(engine, "connect", _prepare_writer if writes else _prepare_reader)
        event.listen(engine, "begin", _begin_immediate if writes else _begin)
        return engine

    def lock_schema(self, connection: Connection) -> None:
        """`BEGIN IMMEDIATE` did."""

    def version(self, connection: Connection) -> int:
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())

    def is_ours(self, connection: Connection) -> bool | None:
        found = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
        return found == self._application_id if found else None

    def sign(self, connection: Connection, version: int) -> None:
        connection.exec_driver_sql(f"PRAGMA application_id = {self._application_id:d}")
        connection.exec_driver_sql(f"PRAGMA user_version = {version:d}")

    def loss(self) -> str | None:
        try:
            if self._opened in (None, _identity(self._path)):
                return None
        except OSError:
            pass  # the path leads nowhere: as lost as behind another file
        return f"{self._path.name} was deleted or replaced while it was in use; restart the system to go on"

    def is_busy(self, error: DBAPIError) -> bool:
        return _code(error.orig) == sqlite3.SQLITE_BUSY

    def is_damage(self, error: DBAPIError) -> bool:
        return _code(error.orig) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

    def lock_out(self, seconds: float, pause_s: float, ended: threading.Event) -> bool:
        with self._path.with_name(f"{self._path.name}.fault").open("a") as turn:
            try:
                with platform.exclusive(turn):
                    if self._lock(seconds, ended):
                        ended.wait(pause_s)
                    return True
            except BlockingIOError:
                return False

    def _lock(self, seconds: float, ended: threading.Event) -> bool:
        """Hold the write lock; False if it was not to be had before `ended`."""
        uri = f"file:{urllib.parse.quote(str(self._path))}?mode=rw"
        with closing(
            sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_LOCK_LOOK_S)
        ) as connection:
            while not ended.is_set():
                try:
                    connection.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as error:
                    if _code(error) != sqlite3.SQLITE_BUSY:
                        raise
                else:
                    ended.wait(seconds)
                    connection.execute("ROLLBACK")
                    return True
        return False

    def _remember_file(self, _connection: sqlite3.Connection, _record: object) -> None:
        """Of the first connection: a later one may open what has taken the file's place."""
        self._opened = self._opened or _identity(self._path)


class ServerStorage:
    """A database server, PostgreSQL above all. The driver that its URL names has to be installed."""

    groups = False
    keeps = False

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = url

    def engine(self, *, writes: bool) -> Engine:  # noqa: ARG002 - the server keeps readers and writers apart itself
        engine = create_engine(self._url, pool_size=1, max_overflow=0, pool_pre_ping=True)
        self.name = engine.url.render_as_string(hide_password=True)
        return engine

    def lock_schema(self, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})

    def version(self, connection: Connection) -> int:
        if not inspect(connection).has_table("schema_version"):
            return 0
        return int(connection.execute(text("SELECT max(version) FROM schema_version")).scalar() or 0)

    def is_ours(self, connection: Connection) -> bool | None:  # noqa: ARG002 - whoever wrote the URL chose it
        return True

    def sign(self, connection: Connection, version: int) -> None:
        connection.execute(text("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)"))
        connection.execute(text("INSERT INTO schema_version VALUES (:version)"), {"version": version})

    def loss(self) -> str | None:
        return None  # a server that goes away closes the connection

    def is_busy(self, error: DBAPIError) -> bool:
        return getattr(error.orig, "sqlstate", None) in ("55P03", "40001", "40P01")

    def is_damage(self, error: DBAPIError) -> bool:
        return getattr(error.orig, "sqlstate", None) in ("XX001", "XX002")

    def lock_out(self, seconds: float, pause_s: float, ended: threading.Event) -> bool:
        engine = create_engine(self._url, pool_size=1, max_overflow=0)
        try:
            with engine.begin() as connection:
                if not connection.execute(_TRY_TURN, {"key": _FAULT_LOCK}).scalar():
                    return False
                for table in inspect(connection).get_table_names():
                    name = connection.dialect.identifier_preparer.quote(table)
                    connection.execute(text(f"LOCK TABLE {name} IN EXCLUSIVE MODE"))
                ended.wait(seconds)
            ended.wait(pause_s)
        finally:
            engine.dispose()
        return True


def application_id(service: str) -> int:
    """What marks an SQLite file as the database of a kind of service; the same for ever, and not 0."""
    return zlib.crc32(f"faultdeck {service}".encode()) & 0x7FFF_FFFF


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _prepare_writer(connection: sqlite3.Connection, _record: object) -> None:
    _until_unlocked(lambda: connection.execute("PRAGMA journal_mode = WAL"))
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _prepare_reader(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA query_only = ON")


def execute_plainly(connection: Connection, statement: str) -> None:
    """A statement without parameters or result. Raises DBAPIError, as the other ways do."""
    try:
        connection.connection.cursor().execute(statement)
    except sqlite3.Error as error:
        raise DBAPIError.instance(statement, (), error, sqlite3.Error) from error


def _begin_immediate(connection: Connection) -> None:
    execute_plainly(connection, "BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    execute_plainly(connection, "BEGIN")


def _until_unlocked(statement: Callable[[], Any]) -> None:
    """SQLite's busy timeout does not cover the change to WAL, which two processes may attempt at one moment."""
    pause = threading.Event()
    for _ in range(int(BUSY_TIMEOUT_S / _WAL_PAUSE_S)):
        try:
            statement()
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY:
                raise
            pause.wait(_WAL_PAUSE_S)
        else:
            return
    statement()


def _code(error: BaseException | None) -> int | None:
    """SQLite's primary result code: the low byte of the extended one."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
