"""The moves of an order's status are those of the table, and no other."""

import itertools

import pytest

from embedded_services.contracts.errors import ApiError
from embedded_services.services.order.moves import MOVES, OrderStatus, check_move

S = OrderStatus
LEGAL = {
    (S.PENDING, S.CONFIRMED),
    (S.PENDING, S.PAID),
    (S.PENDING, S.CANCELLED),
    (S.CONFIRMED, S.PAID),
    (S.CONFIRMED, S.CANCELLED),
    (S.PAID, S.SHIPPED),
    (S.PAID, S.CANCELLED),
}
EVERY_PAIR = list(itertools.product(S, S))


def test_every_status_is_in_the_table() -> None:
    assert set(MOVES) == set(S)


@pytest.mark.parametrize(("before", "after"), EVERY_PAIR)
def test_an_admin_makes_legal_moves_only(before: OrderStatus, after: OrderStatus) -> None:
    if (before, after) in LEGAL:
        check_move(before, after, owner_only=False)
    else:
        with pytest.raises(ApiError) as caught:
            check_move(before, after, owner_only=False)
        assert caught.value.status == 409


@pytest.mark.parametrize(("before", "after"), EVERY_PAIR)
def test_an_owner_only_cancels_what_is_not_paid(before: OrderStatus, after: OrderStatus) -> None:
    if after is S.CANCELLED and before in (S.PENDING, S.CONFIRMED):
        check_move(before, after, owner_only=True)
        return
    with pytest.raises(ApiError) as caught:
        check_move(before, after, owner_only=True)
    assert caught.value.status == (403 if (before, after) in LEGAL else 409)
