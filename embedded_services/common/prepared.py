"""Statements of SQLAlchemy Core that are run very often: compiled once, then handed to the driver as they are.

What Core does for each execution (its cache's key, a context, a result with its own rows) takes three times as long as
SQLite takes for the statement. What is left out is only what such a statement does not need: types that are converted on
the way, lists of varying length, and columns that vary from one execution to the next; a statement with these is refused.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ClauseElement, Connection, Float, Integer, LargeBinary, String
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import NullType, TypeEngine

Given = Mapping[str, Any]
NOTHING: Final[Given] = {}
_AS_THEY_ARE: Final = (Float, Integer, LargeBinary, NullType, String)
"""Types whose values the drivers take and give as we have them."""


class Prepared:
    """`row = Prepared(select(…).where(… == bindparam("id"))).row(connection, {"id": id_})`

    To be given exactly the statement's parameters, of an insertion always the same columns. It runs in the transaction that
    `connection` is in. Rows have their columns as attributes. Raises what Core raises: SQLAlchemy's DBAPIError.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._plans: dict[tuple[str, str], _Plan] = {}

    def rows(self, connection: Connection, given: Given = NOTHING) -> list[Any]:
        plan, cursor = self._run(connection, given)
        make = plan.row or plan.rows_of(cursor)
        return [make(values) for values in cursor.fetchall()]

    def row(self, connection: Connection, given: Given = NOTHING) -> Any | None:
        """The first one."""
        plan, cursor = self._run(connection, given)
        values = cursor.fetchone()
        return None if values is None else (plan.row or plan.rows_of(cursor))(values)

    def value(self, connection: Connection, given: Given = NOTHING) -> Any | None:
        """The first column of the first row; None also where there is no row."""
        values = self._run(connection, given)[1].fetchone()
        return None if values is None else values[0]

    def run(self, connection: Connection, given: Given = NOTHING) -> int:
        """How many rows were changed."""
        return int(self._run(connection, given)[1].rowcount)

    def run_each(self, connection: Connection, given: Sequence[Given]) -> None:
        """Once for each, in their order."""
        if not given:
            return
        plan = self._plan(connection.dialect, given[0])
        cursor = _cursor(connection)
        values = [plan.values(each) for each in given]
        try:
            cursor.executemany(plan.text, values)
        except plan.errors as error:
            raise plan.told(error, values) from error

    def _run(self, connection: Connection, given: Given) -> tuple["_Plan", Any]:
        plan = self._plan(connection.dialect, given)
        cursor = _cursor(connection)
        values = plan.values(given)
        try:
            cursor.execute(plan.text, values)
        except plan.errors as error:
            raise plan.told(error, values) from error
        return plan, cursor

    def _plan(self, dialect: Dialect, given: Given) -> "_Plan":
        key = (dialect.name, dialect.paramstyle)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _Plan(self._statement, dialect, list(given))
        return plan


class _Plan:
    """A statement in one dialect."""

    def __init__(self, statement: ClauseElement, dialect: Dialect, names: list[str]) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=names)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError(f"{compiled} is no statement with parameters")
        for type_ in (
            *(bind.type for bind in compiled.binds.values()),
            *(column.type for column in getattr(statement, "selected_columns", ())),
        ):
            _check_type(type_, compiled)
        if compiled.post_compile_params:
            raise TypeError(f"a list in it may be of any length: {compiled}")
        self.text = compiled.string
        self.row: Callable[[Sequence[Any]], Any] | None = None
        self.errors: type[Exception] = dialect.loaded_dbapi.Error
        self._dialect = dialect
        self._count = len(names)
        known = {**compiled.params, **_defaults(compiled)}
        order = compiled.positiontup
        self._order = list(known) if order is None else order
        self._positional = order is not None
        self._known = [None if name in names else known[name] for name in self._order]
        self._places = [(place, name) for place, name in enumerate(self._order) if name in names]
        if {name for _, name in self._places} != set(names):
            raise TypeError(f"not all of {names} are parameters of {compiled}")

    def values(self, given: Given) -> Any:
        if len(given) != self._count:
            raise TypeError(f"{list(given)} are not the parameters of {self.text}")
        values = self._known.copy()
        for place, name in self._places:
            values[place] = given[name]
        return values if self._positional else dict(zip(self._order, values, strict=True))

    def rows_of(self, cursor: Any) -> Callable[[Sequence[Any]], Any]:
        kind: Any = namedtuple("Row", " ".join(column[0] for column in cursor.description))  # type: ignore[misc]
        make: Callable[[Sequence[Any]], Any] = kind._make
        self.row = make
        return make

    def told(self, error: Exception, values: Any) -> BaseException:
        return DBAPIError.instance(
            self.text, values, error, self._dialect.loaded_dbapi.Error, dialect=self._dialect
        )


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()


def _check_type(type_: TypeEngine[Any], compiled: SQLCompiler) -> None:
    if not isinstance(type_, _AS_THEY_ARE):
        raise TypeError(f"values of type {type_!r} are converted on the way: {compiled}")


def _defaults(compiled: SQLCompiler) -> dict[str, Any]:
    """Of an insertion's columns that are not given."""
    found: dict[str, Any] = {}
    for column in compiled.insert_prefetch:
        default = column.default
        if default is None or not default.is_scalar:
            raise TypeError(f"the default of {column} is made anew each time: {compiled}")
        found[column.key] = default.arg  # type: ignore[attr-defined]  # a scalar one has it
    return found
