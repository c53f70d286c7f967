"""Cursors are opaque, and only good for the list that gave them out."""

import base64
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.errors import ApiError
from embedded_services.services.kit.pages import Paging, decode_cursor, encode_cursor, page_of


@given(st.integers(min_value=0, max_value=2**63 - 1), st.text(max_size=100))
def test_a_cursor_gives_back_its_key(number: int, text: str) -> None:
    assert decode_cursor("orders", encode_cursor("orders", number), int) == number
    assert decode_cursor("orders", encode_cursor("orders", text), str) == text


def test_the_empty_cursor_asks_for_the_first_page() -> None:
    assert decode_cursor("orders", "", int) is None


@given(st.text(alphabet=string.printable, min_size=1, max_size=80))
def test_no_text_but_a_cursor_is_taken_for_one(text: str) -> None:
    with pytest.raises(ApiError, match="cursor"):
        decode_cursor("orders", text, int)


@pytest.mark.parametrize(
    ("cursor", "kind"),
    [
        (encode_cursor("payments", 5), int),
        (encode_cursor("orders", "5"), int),
        (encode_cursor("orders", 5), str),
        (base64.urlsafe_b64encode(b'["orders",-1]').decode(), int),
        (base64.urlsafe_b64encode(b'["orders",9223372036854775808]').decode(), int),
        (base64.urlsafe_b64encode(b'["orders",1,2]').decode(), int),
        (base64.urlsafe_b64encode(b'{"a":1}').decode(), int),
    ],
)
def test_a_cursor_of_another_list_or_another_making_is_refused(cursor: str, kind: Any) -> None:
    with pytest.raises(ApiError) as caught:
        decode_cursor("orders", cursor, kind)
    assert caught.value.code == "VALIDATION_FAILED"


@given(st.lists(st.text(max_size=5), unique=True, max_size=20), st.integers(min_value=1, max_value=7))
def test_pages_together_are_the_whole_list(items: list[str], limit: int) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = page_of(items, str, Paging(limit=limit, cursor=cursor), of="names")
        assert len(page.items) <= limit
        seen += page.items
        cursor = page.next_cursor
    assert seen == sorted(items)
