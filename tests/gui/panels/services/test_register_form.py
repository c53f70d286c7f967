"""What was typed becomes a registration, or says field by field what is wrong. It never raises."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.panels.services.register_form import FIELDS, FieldName, Wish, parse

GOOD: dict[FieldName, str] = {
    "service": "user", "id": "ext-1", "host": "127.0.0.1", "port": "4000", "ttl": "30", "health_path": "/health",
    "weight": "1",
}  # fmt: skip


def test_well_formed_texts_become_a_registration() -> None:
    wish = parse({**GOOD, "port": " 4000 ", "health_path": ""}, keep=True)
    assert isinstance(wish, Wish)
    assert (wish.service, wish.id, wish.keep) == ("user", "ext-1", True)
    assert (wish.registration.port, wish.registration.ttl, wish.registration.health_path) == (
        4000,
        30.0,
        None,
    )


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("port", "0"), ("port", "65536"), ("port", "3_001"), ("port", "٣"), ("port", "true"), ("port", ""),
        ("ttl", "nan"), ("ttl", "inf"), ("ttl", "0.5"), ("ttl", "null"), ("weight", "0"), ("weight", "1.5"),
        ("health_path", "health"), ("health_path", "/a b"), ("host", ""), ("host", "a b"), ("id", "a/b"), ("id", "a" * 61),
        ("service", "Ünïcode"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_and_no_other(field: FieldName, text: str) -> None:
    errors = parse({**GOOD, field: text}, keep=True)
    assert isinstance(errors, dict)
    assert list(errors) == [field]
    assert errors[field].endswith(".")


def test_all_that_is_wrong_is_said_at_once() -> None:
    errors = parse(dict.fromkeys(FIELDS, ""), keep=False)
    assert isinstance(errors, dict)
    assert set(errors) == {"service", "id", "host", "port", "ttl", "weight"}


@given(st.fixed_dictionaries({name: st.one_of(st.text(max_size=12), st.just(GOOD[name])) for name in FIELDS}))
def test_no_text_breaks_it(texts: dict[FieldName, Any]) -> None:
    assert isinstance(parse(texts, keep=True), Wish | dict)
