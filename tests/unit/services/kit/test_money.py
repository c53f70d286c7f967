"""Money keeps every cent on its way in and out."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.errors import ApiError
from embedded_services.services.kit.endpoints import answer
from embedded_services.services.kit.money import from_minor, to_minor

MINOR = st.integers(min_value=1, max_value=100_000_000)


def over_the_wire(text: str) -> Decimal:
    return msgspec.json.decode(text, type=Decimal)


@given(MINOR)
def test_an_amount_survives_the_wire_to_the_cent(minor: int) -> None:
    assert to_minor(over_the_wire(answer(from_minor(minor)).content.decode()), "amount") == minor


@given(MINOR)
def test_what_a_float_using_client_sends_is_understood(minor: int) -> None:
    assert to_minor(over_the_wire(repr(minor / 100)), "amount") == minor


@pytest.mark.parametrize(
    ("text", "minor"),
    [("29.99", 2999), ("30", 3000), ("0.1", 10), ("1e2", 10_000), ("0.01", 1), ("1000000", 10**8)],
)
def test_any_way_to_write_an_amount_is_read(text: str, minor: int) -> None:
    assert to_minor(over_the_wire(text), "amount") == minor


@pytest.mark.parametrize(
    "text",
    [
        "1.005",
        "0.001",
        "0",
        "-1",
        "1000000.01",
        "1e999999999",
        "1e-999999",
        '"NaN"',
        '"Infinity"',
        "0e999999999",
        "1.000",
    ],
)
def test_what_is_not_an_amount_is_refused_by_name(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        to_minor(over_the_wire(text), "items[0].price")
    assert caught.value.details is not None
    assert caught.value.details[0].field == "items[0].price"


def test_two_decimals_are_always_shown() -> None:
    assert answer([from_minor(6000), from_minor(5), from_minor(-250)]).content == b"[60.00,0.05,-2.50]"
