from collections.abc import Iterator

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from embedded_services.common.prepared import Prepared

metadata = MetaData()
notes = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text", String(20), nullable=False, unique=True),
    Column("body", LargeBinary),
    Column("revision", Integer, nullable=False, default=1),
)
ADD = Prepared(insert(notes))
BY_TEXT = Prepared(select(notes).where(notes.c.text == bindparam("wanted")))
NEWEST = Prepared(
    select(notes.c.id, notes.c.text).where(notes.c.text != "hidden").order_by(notes.c.id.desc())
)


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        yield connection
    engine.dispose()


def test_rows_are_as_core_gives_them(connection: Connection) -> None:
    ADD.run(connection, {"text": "a", "body": b"\0\1"})
    row = BY_TEXT.row(connection, {"wanted": "a"})
    assert row == tuple(connection.execute(select(notes)).one())
    assert row is not None
    assert (row.text, row.body, row.revision) == ("a", b"\0\1", 1)
    assert BY_TEXT.row(connection, {"wanted": "b"}) is None
    assert BY_TEXT.rows(connection, {"wanted": "b"}) == []


def test_each_is_run_in_order_with_the_statement_s_own_values(connection: Connection) -> None:
    ADD.run_each(connection, [{"text": text, "body": None} for text in ("a", "hidden", "c")])
    ADD.run_each(connection, [])
    assert NEWEST.rows(connection) == [(3, "c"), (1, "a")]
    assert NEWEST.value(connection) == 3


def test_changes_are_counted(connection: Connection) -> None:
    ADD.run_each(connection, [{"text": text, "body": None} for text in "ab"])
    change = Prepared(
        update(notes)
        .where(notes.c.text == bindparam("of"))
        .values(revision=notes.c.revision + bindparam("by"))
    )
    assert change.run(connection, {"of": "a", "by": 5}) == 1
    assert change.run(connection, {"of": "z", "by": 5}) == 0
    row = BY_TEXT.row(connection, {"wanted": "a"})
    assert row is not None
    assert row.revision == 6
    assert Prepared(delete(notes)).run(connection) == 2
    assert Prepared(select(func.max(notes.c.id))).value(connection) is None


def test_errors_are_core_s(connection: Connection) -> None:
    ADD.run(connection, {"text": "a", "body": None})
    with pytest.raises(IntegrityError, match="UNIQUE"):
        ADD.run(connection, {"text": "a", "body": None})
    with pytest.raises(IntegrityError, match="UNIQUE"):
        ADD.run_each(connection, [{"text": "a", "body": None}])


def test_a_statement_that_is_given_something_else_is_refused(connection: Connection) -> None:
    ADD.run(connection, {"text": "a", "body": None})
    with pytest.raises(TypeError, match="are not the parameters"):
        ADD.run(connection, {"text": "b"})
    with pytest.raises(KeyError):
        ADD.run(connection, {"text": "b", "revision": 2})
    with pytest.raises(TypeError, match="parameters of"):
        Prepared(select(notes)).rows(connection, {"wanted": "a"})


def test_what_core_would_have_to_convert_is_refused(connection: Connection) -> None:
    flags = Table("flags", MetaData(), Column("on", Boolean), Column("at", Integer, default=lambda: 1))
    with pytest.raises(TypeError, match="converted on the way"):
        Prepared(select(flags.c.on)).rows(connection)
    with pytest.raises(TypeError, match="any length"):
        Prepared(select(notes).where(notes.c.id.in_(bindparam("ids", expanding=True)))).rows(
            connection, {"ids": [1]}
        )
    with pytest.raises(TypeError, match="made anew each time"):
        Prepared(insert(Table("t", MetaData(), Column("a", Integer), flags.c.at._copy()))).run(
            connection, {"a": 1}
        )
