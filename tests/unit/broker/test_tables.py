from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import decode
from pamqp import encode as pamqp_encode

from embedded_services.broker import tables

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=10).map(bytearray),
    st.integers(1, 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.integers(0, 10**6).map(lambda units: Decimal(units) / 100),
)
names = st.text(max_size=20).filter(lambda name: len(name.encode()) <= 100)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
whole = st.dictionaries(names, values, max_size=5)


@given(whole)
def test_what_is_written_is_read_as_it_was(table: dict[str, Any]) -> None:
    raw = tables.encode(table)
    used, read = decode.field_table(raw)
    assert used == len(raw)
    assert read == table


@given(whole, whole)
def test_a_change_leaves_the_other_fields_byte_for_byte(
    table: dict[str, Any], change: dict[str, Any]
) -> None:
    raw = tables.encode(table)
    before, after = dict(tables.fields(raw)), dict(tables.fields(tables.changed(raw, change)))
    assert {name for name, value in before.items() if after[name] != value} <= {
        name.encode() for name in change
    }
    assert decode.field_table(tables.changed(raw, change))[1] == {**table, **change}


def test_a_table_of_pamqps_is_taken_apart() -> None:
    raw = pamqp_encode.field_table({"small": 1, "short": 300, "list": [1], "table": {"a": None}})
    assert dict(tables.fields(raw)) == {
        b"small": b"b\x01",
        b"short": b"s\x01\x2c",
        b"list": b"A\x00\x00\x00\x02b\x01",
        b"table": b"F\x00\x00\x00\x03\x01aV",
    }


def test_text_that_is_none_is_kept() -> None:
    raw = tables.encode({"raw": b"\xff\xfe"})
    assert decode.field_table(raw)[1] == {"raw": b"\xff\xfe"}


def test_what_no_table_can_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="object is nothing that a table can hold"):
        tables.encode({"a": object()})
