"""Every table can be made in PostgreSQL, too: the dialect compiles what SQLite is given."""

import importlib

import pytest
from sqlalchemy import MetaData, create_mock_engine
from sqlalchemy.schema import CreateIndex, CreateTable


@pytest.mark.parametrize("service", ["user", "order", "payment", "notification"])
def test_the_tables_are_not_bound_to_sqlite(service: str) -> None:
    tables = importlib.import_module(f"embedded_services.services.{service}.tables")
    metadata: MetaData = tables.metadata
    dialect = create_mock_engine("postgresql://", print).dialect
    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            text = str(CreateIndex(index).compile(dialect=dialect))
            assert ("WHERE" in text) == (index.dialect_options["sqlite"]["where"] is not None)
