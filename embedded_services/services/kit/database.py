"""A service's database: whole transactions, run in threads, one that writes and one that reads.

`await database.transact(work)` runs `work(connection)` as one write transaction: committed when it returns, rolled
back when it raises. `await database.read(work)` does the same for reading. `work` is plain synchronous SQLAlchemy
Core, sees a consistent state, and must not keep the connection. Only the services' own process opens the database.
"""

import asyncio
import contextvars
import logging
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from sqlalchemy import Connection, MetaData, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from embedded_services.agent.context import StartError
from embedded_services.common.clock import Clock
from embedded_services.contracts.errors import ApiError
from embedded_services.faults.armed import LocalFaults
from embedded_services.services.kit.access import Access
from embedded_services.services.kit.data_faults import DataFaults
from embedded_services.services.kit.gate import WriteGate
from embedded_services.services.kit.lane import Lane
from embedded_services.services.kit.storage import Storage, execute_plainly
from embedded_services.telemetry.spans import is_traced, span

WAITING_LIMIT: Final = 256
GROUP: Final = 16
"""Transactions that are committed as one, if so many wait."""
READY_TIMEOUT_S: Final = 0.3
"""Well under the health check's own timeout, so that the check hears the reason."""

T = TypeVar("T")
Work = Callable[[Connection], T]
AnyRow: TypeAlias = Any
"""A row of a result, Core's or a prepared statement's: its columns are attributes."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schema:
    """The tables, their version, and what a new database starts with; `seed` is given the time.

    All that versions above `grows_from` did is to add tables: a database of that version or a later one gets those that it
    lacks, and what `grow` writes. Without it a database of an earlier version is refused.
    """

    metadata: MetaData
    version: int
    seed: Callable[[Connection, float], None]
    grows_from: int | None = None
    grow: Callable[[Connection, float], None] | None = None

    def grows(self, version: int) -> bool:
        return self.grows_from is not None and self.grows_from <= version < self.version


class NotReadyError(Exception):
    """The database cannot serve; the text says why."""


class Database:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._gate = WriteGate(clock.monotonic)
        self._writing = Lane("database", limit=WAITING_LIMIT)
        self._reading = Lane("database", limit=WAITING_LIMIT)
        self._queue: deque[_Waiting[Any]] = deque()
        self._writer = Access(storage, writes=True)
        self._reader = Access(storage, writes=False)
        self._damage: str | None = None
        self._faults: DataFaults | None = None
        self.after_commit: Callable[[], None] = _nothing
        """Called after each transaction that was committed, in the thread that writes."""

    async def transact(self, work: Work[T], *, bounded: bool = True) -> T:
        """One write transaction, which sees the caller's context variables. ApiError SERVICE_UNAVAILABLE when the database
        stays locked, too much waits (unless not `bounded`), or the file is gone, so that what is written would be lost."""
        if self._faults is not None and self._faults.any:
            return await self._transact_under(self._faults, work, bounded=bounded)
        if not is_traced():
            return await self._write(work, bounded=bounded)
        with span(f"transaction {_name(work)}"):
            return await self._write(work, bounded=bounded)

    async def _transact_under(self, faults: DataFaults, work: Work[T], *, bounded: bool) -> T:
        with span(f"transaction {_name(work)}"):
            await faults.slow()
            began = self._clock.monotonic()
            try:
                return await self._write(work, bounded=bounded)
            finally:
                faults.held_up(self._clock.monotonic() - began)

    async def read(self, work: Work[T], *, bounded: bool = True) -> T:
        """One read transaction; writing in it is an error. Bounded as `transact`."""
        if self._faults is not None and self._faults.any:
            await self._faults.slow()
        if not is_traced():
            return await self._reading.run(partial(self._read, work), bounded=bounded)
        with span(f"read {_name(work)}"):
            return await self._reading.run(partial(self._read, work), bounded=bounded)

    async def ready(self) -> None:
        """Ask the database something. Raises NotReadyError with the reason, within `READY_TIMEOUT_S`."""
        if self._damage is not None:
            raise NotReadyError(f"the database is damaged: {self._damage}")
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                loss = await self._reading.run(self._ask, bounded=False)
        except TimeoutError as error:
            raise NotReadyError(f"the database did not answer within {READY_TIMEOUT_S} s") from error
        except (SQLAlchemyError, ApiError) as error:
            raise NotReadyError(f"the database failed: {_reason(error)}") from error
        if loss is not None:
            raise NotReadyError(loss)

    async def hold_writes(self, _: object = None) -> str:
        """Answer between two transactions and start no other: see WriteGate."""
        await asyncio.to_thread(self._gate.hold)
        return "no transaction is under way"

    async def release_writes(self, _: object = None) -> str:
        self._gate.release()
        return "transactions may start"

    @asynccontextmanager
    async def suffering(self, faults: LocalFaults) -> AsyncIterator[None]:
        """Inside, these may strike it."""
        self._faults = DataFaults(faults, self._storage, self._clock)
        try:
            yield
        finally:
            await self._faults.close()
            self._faults = None

    async def prepare(self, schema: Schema) -> None:
        """Make the tables and their first rows unless they are there. Two processes may do so at one moment.

        Raises StartError for a database that is not ours to change, which is then left exactly as it is.
        """
        if not await self._reading.run(partial(self._read, partial(self._is_made, schema))):
            await self._writing.run(partial(self._transaction, partial(self._make, schema)))

    async def close(self) -> None:
        """Let the transactions under way end, and close."""
        self._gate.release()
        await self._writing.close()
        await self._reading.close()
        self._writer.close()
        self._reader.close()

    async def _write(self, work: Work[T], *, bounded: bool) -> T:
        context = contextvars.copy_context()
        waiting = _Waiting(lambda connection: context.run(work, connection))

        def run() -> T:
            while not waiting.done:
                self._write_waiting()
            return waiting.result()

        self._writing.admit(bounded=bounded)
        self._queue.append(waiting)
        try:
            return await self._writing.run(run, bounded=False)
        except asyncio.CancelledError:
            waiting.wanted = False
            raise

    def _write_waiting(self) -> None:
        """One transaction for all that waits, up to a bound: taking the lock from a sibling and giving it back costs as much
        as the work of many. Each is undone by itself if it fails; if the whole fails, all of them did."""
        group = [
            self._queue.popleft() for _ in range(min(len(self._queue), GROUP if self._storage.groups else 1))
        ]
        group = [waiting for waiting in group if waiting.wanted]
        if len(group) == 1:
            group[0].run(self._transaction)
        elif group:
            try:
                self._transaction(partial(_each, group))
            except Exception as error:  # noqa: BLE001 - it is raised where each of them is waited for
                for waiting in group:
                    waiting.failed(error)

    def _transaction(self, work: Work[T]) -> T:
        self._gate.enter()
        try:
            if (loss := self._storage.loss()) is not None:
                raise ApiError("SERVICE_UNAVAILABLE", loss)
            with self._writer.begin() as connection:
                result = work(connection)
        except DBAPIError as error:
            self._judge(error)
            raise
        finally:
            self._gate.leave()
        self.after_commit()
        return result

    def _read(self, work: Work[T]) -> T:
        try:
            with self._reader.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            self._judge(error)
            raise

    def _ask(self) -> str | None:
        loss = self._storage.loss()
        if loss is None:
            self._read(self._storage.version)
        return loss

    def _judge(self, error: DBAPIError) -> None:
        if (loss := self._storage.loss()) is not None:
            raise ApiError("SERVICE_UNAVAILABLE", loss) from error
        if self._storage.is_damage(error):
            self._damage = _reason(error)
        elif self._storage.is_busy(error):
            log.warning("database %s stayed locked by another process", self._storage.name)
            raise ApiError("SERVICE_UNAVAILABLE", "The database is locked by another process") from error

    def _is_made(self, schema: Schema, connection: Connection) -> bool:
        """Whether nothing is left to do. StartError unless it is done or ours to do."""
        ours, version = self._storage.is_ours(connection), self._storage.version(connection)
        if ours is False:
            raise StartError(f"{self._storage.name} is the database of another service or program")
        if ours and version > schema.version:
            raise StartError(
                f"{self._storage.name} has schema version {version}, made by a newer Faultdeck; "
                f"this one knows {schema.version}"
            )
        if ours and version == schema.version:
            return True
        wanted, found = set(schema.metadata.tables), set(inspect(connection).get_table_names())
        if version == 0:
            # A server's database may be shared with other programs, a file that does not say whose it is may not.
            doable = wanted.isdisjoint(found) if ours else not found
        elif schema.grows(version):
            doable = bool(ours) or (bool(found) and found <= wanted)
        else:
            doable = not ours and version == schema.version and wanted <= found  # made, and never signed
        if not doable:
            raise StartError(f"{self._storage.name} has tables that this Faultdeck did not make")
        return False

    def _make(self, schema: Schema, connection: Connection) -> None:
        self._storage.lock_schema(connection)
        if self._is_made(schema, connection):
            return
        version = self._storage.version(connection)
        if version == 0:
            schema.metadata.create_all(connection)
            schema.seed(connection, self._clock.now())
            log.info("database %s made, schema version %d", self._storage.name, schema.version)
        elif version < schema.version:
            schema.metadata.create_all(connection)
            if schema.grow is not None:
                schema.grow(connection, self._clock.now())
            log.info("database %s grew from version %d to %d", self._storage.name, version, schema.version)
        self._storage.sign(connection, schema.version)


@asynccontextmanager
async def open_database(storage: Storage, schema: Schema, clock: Clock) -> AsyncIterator[Database]:
    """A database whose tables are there. Raises StartError if it cannot be used; it is then left as it was."""
    try:
        database = Database(storage, clock)
    except OSError as error:
        raise StartError(f"{storage.name} cannot be used: {error}") from error
    try:
        try:
            await database.prepare(schema)
        except (SQLAlchemyError, sqlite3.Error, ApiError, OSError) as error:
            raise StartError(
                f"{storage.name} cannot be used: {_reason(error)}; it was left as it is"
            ) from error
        yield database
    finally:
        await database.close()


class _Waiting(Generic[T]):
    """Work that waits to be written. Once `done` it has a result, or has failed."""

    def __init__(self, work: Work[T]) -> None:
        self._work = work
        self._result: T | None = None
        self._error: Exception | None = None
        self.wanted = True
        self.done = False

    def run(self, transaction: Callable[[Work[T]], T]) -> None:
        try:
            self._result = transaction(self._work)
        except Exception as error:  # noqa: BLE001 - it is raised where this is waited for
            self._error = error
        self.done = True

    def failed(self, error: Exception) -> None:
        """What it did was not kept."""
        self._error = self._error or error
        self.done = True

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return cast("T", self._result)


def _each(group: list[_Waiting[Any]], connection: Connection) -> None:
    for waiting in group:

        def apart(work: Work[Any]) -> Any:
            execute_plainly(connection, "SAVEPOINT apart")
            try:
                return work(connection)
            except BaseException:
                execute_plainly(connection, "ROLLBACK TO apart")
                raise
            finally:
                execute_plainly(connection, "RELEASE apart")

        waiting.run(apart)


def _reason(error: Exception) -> str:
    """The driver's own words, without SQLAlchemy's statement and link."""
    return str(error.orig if isinstance(error, DBAPIError) else error)


def _nothing() -> None: ...


def _name(work: Callable[..., object]) -> str:
    """What people call the function that runs inside."""
    while isinstance(work, partial):
        work = work.func
    return getattr(work, "__name__", type(work).__name__).strip("_")
