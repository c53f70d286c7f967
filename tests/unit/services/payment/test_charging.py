"""What is charged, declined and given back."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.errors import ApiError
from embedded_services.services.payment.charging import (
    check_method,
    failure_of,
    refund_amount,
    status_after_refund,
)
from embedded_services.services.payment.messages import Method, NewPayment, PaymentStatus

DECLINED = "4000000000000002"


def payment(method: Method = Method.CARD, card: str | None = None) -> NewPayment:
    return NewPayment(order_id="ord_1", amount=Decimal("10.00"), method=method, card_number=card)


def test_only_the_documented_test_cards_are_declined() -> None:
    assert failure_of(payment(card=DECLINED)) == "The card was declined"
    assert failure_of(payment(card="4242424242424242")) is None
    assert failure_of(payment()) is None


def test_a_card_number_needs_a_card() -> None:
    with pytest.raises(ApiError, match="cardNumber"):
        check_method(payment(Method.WALLET, DECLINED))
    check_method(payment(Method.CARD, DECLINED))


@given(
    st.integers(min_value=1, max_value=10_000),
    st.lists(st.integers(min_value=1, max_value=10_000), max_size=10),
)
def test_refunds_never_exceed_what_was_paid(amount: int, asked: list[int]) -> None:
    refunded = 0
    status = PaymentStatus.COMPLETED
    for wanted in asked:
        if status is PaymentStatus.REFUNDED or wanted > amount - refunded:
            with pytest.raises(ApiError):
                refund_amount(status, amount, refunded, wanted)
            continue
        given_back = refund_amount(status, amount, refunded, wanted)
        assert given_back == wanted
        refunded += given_back
        status = status_after_refund(amount, refunded)
        assert refunded <= amount
        assert (status is PaymentStatus.REFUNDED) == (refunded == amount)


def test_without_an_amount_the_rest_is_refunded() -> None:
    assert refund_amount(PaymentStatus.PARTIALLY_REFUNDED, 1000, 400, None) == 600


@pytest.mark.parametrize("status", [PaymentStatus.FAILED, PaymentStatus.REFUNDED, PaymentStatus.PENDING])
def test_what_was_not_charged_or_is_gone_cannot_be_refunded(status: PaymentStatus) -> None:
    with pytest.raises(ApiError) as caught:
        refund_amount(status, 1000, 0, None)
    assert caught.value.status == 409
