"""The sagas that there are: what they are started with, and what their steps ask."""

from typing import Any

import pytest

from embedded_services.contracts.errors import ApiError
from embedded_services.sagas.definition import Definition, Step
from embedded_services.sagas.order_processing import ORDER_PROCESSING
from embedded_services.sagas.refund_order import REFUND_ORDER
from tests.unit.sagas.world import call

ORDER = {"userId": "usr_demo", "items": [{"productId": "prod1", "quantity": 2, "price": 29.99}]}
DONE = {
    **ORDER,
    "orderId": "ord_1",
    "total": 59.98,
    "paymentId": "pay_1",
    "order": {"id": "ord_1", "items": [], "total": 59.98, "status": "confirmed", "revision": 2},
}


@pytest.mark.parametrize(
    ("data", "message", "field"),
    [
        ({**ORDER, "items": []}, "Order must contain items", "items"),
        ({**ORDER, "items": [{"productId": "p", "quantity": 0}]}, "items[0].quantity must be at least 1", "items[0].quantity"),
        ({**ORDER, "items": [{"productId": "p", "quantity": 10**9}]}, "items[0].quantity must be at most 1000", "items[0].quantity"),
        ({**ORDER, "items": [{"productId": "", "quantity": 1}]}, None, "items[0].productId"),
        ({**ORDER, "items": [{"productId": "p", "quantity": 1, "price": -1}]}, None, "items[0].price"),
        ({**ORDER, "items": "all"}, "items must be a list, not a text", "items"),
        ({"items": ORDER["items"]}, None, "userId"),
        ({**ORDER, "orderId": "ord_of_another"}, None, "orderId"),
    ],
)  # fmt: skip
def test_an_order_that_cannot_be_is_refused_with_the_field(
    data: dict[str, Any], message: str | None, field: str
) -> None:
    with pytest.raises(ApiError) as error:
        ORDER_PROCESSING.check(data)
    assert error.value.code == "VALIDATION_FAILED"
    assert error.value.details is not None
    assert error.value.details[0].field == field
    assert message is None or error.value.message == message


def test_each_order_has_an_id_of_its_own_from_the_start() -> None:
    ids = {ORDER_PROCESSING.check(ORDER)["orderId"] for _ in range(10)}
    assert len(ids) == 10


@pytest.mark.parametrize("definition", [ORDER_PROCESSING, REFUND_ORDER], ids=lambda each: each.name)
def test_every_compensation_can_be_asked_for_with_what_the_saga_began_with(definition: Definition) -> None:
    """Nobody knows what a step that was not heard of would have added."""
    began = definition.check(ORDER if definition is ORDER_PROCESSING else {"orderId": "ord_1"})
    for step in definition.steps:
        if step.undo is not None:
            assert step.undo.request(began).path == f"/saga/{step.name}/undo"


def test_the_steps_of_an_order_ask_for_what_they_need() -> None:
    asked = {step.name: step.do.request(DONE).body for step in ORDER_PROCESSING.steps}
    assert asked == {
        "validate-order": {"orderId": "ord_1", "userId": "usr_demo", "items": ORDER["items"]},
        "reserve-inventory": {"orderId": "ord_1"},
        "process-payment": {"orderId": "ord_1", "userId": "usr_demo", "amount": 59.98},
        "create-order": {"orderId": "ord_1", "paymentId": "pay_1"},
        "send-confirmation": {
            "orderId": "ord_1",
            "userId": "usr_demo",
            "order": {"items": [], "total": 59.98, "status": "confirmed"},
        },
    }
    needs = ORDER_PROCESSING.steps[0].needs
    assert needs is not None
    assert needs.request({"userId": "a/b?c"}).path == "/users/a%2Fb%3Fc"


def test_a_refund_has_a_point_of_no_return_and_ends_side_by_side() -> None:
    assert [step.pivot for step in REFUND_ORDER.steps] == [False, True, False, False]
    assert REFUND_ORDER.stages == ((0,), (1,), (2, 3))


def test_steps_need_names_of_their_own() -> None:
    for steps in ([], [Step("a", call("a")), Step("a", call("b"))]):
        with pytest.raises(ValueError, match="names of their own"):
            Definition("broken", steps)
