"""What is wanted of each product, from the lines of an order."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.errors import ApiError
from embedded_services.services.order.messages import MAX_QUANTITY, Wanted
from embedded_services.services.order.placing import merge

LINES = st.lists(
    st.builds(Wanted, product_id=st.sampled_from("abcd"), quantity=st.integers(min_value=1, max_value=100)),
    min_size=1,
    max_size=10,
)


@given(LINES)
def test_a_product_on_several_lines_counts_once_with_all_its_pieces(lines: list[Wanted]) -> None:
    pieces: Counter[str] = Counter()
    for line in lines:
        pieces[line.product_id] += line.quantity
    merged = merge(lines)
    assert {entry.product_id: entry.quantity for entry in merged} == pieces
    assert [entry.product_id for entry in merged] == list(pieces)


def test_no_lines_are_refused_in_the_words_of_the_saga() -> None:
    with pytest.raises(ApiError, match=r"^Order must contain items$"):
        merge([])


def test_pieces_are_bounded_when_added() -> None:
    with pytest.raises(ApiError) as caught:
        merge([Wanted(product_id="a", quantity=MAX_QUANTITY), Wanted(product_id="a", quantity=1)])
    assert caught.value.details is not None
    assert (caught.value.details[0].field, caught.value.details[0].bound) == (
        "items[1].quantity",
        MAX_QUANTITY,
    )


def test_lines_that_disagree_on_a_price_are_refused() -> None:
    with pytest.raises(ApiError, match=r"items\[1\]\.price"):
        merge(
            [
                Wanted(product_id="a", quantity=1, price=Decimal("1.00")),
                Wanted(product_id="a", quantity=1, price=Decimal("2.00")),
            ]
        )


def test_a_price_on_any_line_is_kept() -> None:
    (entry,) = merge(
        [Wanted(product_id="a", quantity=1), Wanted(product_id="a", quantity=1, price=Decimal("2.00"))]
    )
    assert entry.price == 200
