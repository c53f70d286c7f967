"""A lane's way to its database: one connection, and one transaction after the other on it.

Taking a connection out of the pool for each transaction, and giving it back, costs more than beginning and ending one. So
it is kept, where it cannot be lost meanwhile, until something goes wrong with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from embedded_services.services.kit.storage import Storage


class Access:
    """To be used by one thread at a time. Its transactions may write only if `writes`."""

    def __init__(self, storage: Storage, *, writes: bool) -> None:
        self._keeps = storage.keeps
        self._engine = storage.engine(writes=writes)
        self._kept: Connection | None = None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction: committed at the end, rolled back if anything is raised."""
        if not self._keeps:
            with self._engine.begin() as connection:
                yield connection
            return
        connection = self._kept = self._kept or self._engine.connect()
        try:
            with connection.begin():
                yield connection
        except DBAPIError:
            self._kept = None
            connection.close()
            raise

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None
        self._engine.dispose()
