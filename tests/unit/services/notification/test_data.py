"""The data of a template are bounded, and what is too much is named."""

from typing import Any

import pytest

from embedded_services.contracts.errors import ApiError
from embedded_services.services.notification.data import check_data


def test_ordinary_data_pass() -> None:
    check_data({"name": "Ann", "items": [{"id": 1, "price": 29.99, "gone": None, "new": True}]})


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"a": "x" * 2001}, "data.a"),
        ({"a": [0] * 201}, "data.a"),
        ({"a": [{"b": "x" * 2001}]}, "data.a[0].b"),
        ({"a": 2**60}, "data.a"),
        ({"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}, "data.a.b.c.d.e.f"),
        ({"a": {"n" * 65: 1}}, "data.a"),
        ({name: [0] * 200 for name in "abcdefghijkl"}, "data"),
    ],
)
def test_what_is_too_much_is_named(data: dict[str, Any], field: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_data(data)
    assert caught.value.details is not None
    assert caught.value.details[0].field == field
