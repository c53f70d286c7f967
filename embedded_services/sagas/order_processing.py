"""The saga `order-processing`: from an order to its confirmation, or to an order that is cancelled, with its stock and its
money where they were.

| step              | service      | action                                   | compensation          |
|-------------------|--------------|------------------------------------------|-----------------------|
| validate-order    | order        | user, items, prices; written `pending`   | `cancelled`           |
| reserve-inventory | order        | "Insufficient inventory"                 | stock released        |
| process-payment   | payment      | "Payment processing failed"              | refund                |
| create-order      | order        | `confirmed`, or `paid`                   | `cancelled`           |
| send-confirmation | notification | confirmation                             | cancellation notice   |
"""

from typing import Annotated, Final
from urllib.parse import quote

import msgspec
from msgspec import Meta

from embedded_services.common.ids import new_id
from embedded_services.contracts.errors import ApiError, ErrorDetail
from embedded_services.contracts.wire import END, Request
from embedded_services.sagas.definition import Call, Data, Definition, HttpCall, Step, checked, picked, post

NAME: Final = "order-processing"
MAX_LINES: Final = 50
MAX_QUANTITY: Final = 1000

Id = Annotated[str, Meta(pattern=r"^[!-~]{1,64}" + END)]
Price = Annotated[float, Meta(gt=0, le=1_000_000)]


class Item(Request, frozen=True):
    """`price`, where it is given, must be the catalogue's."""

    product_id: Id
    quantity: Annotated[int, Meta(ge=1, le=MAX_QUANTITY, extra_json_schema={"x-unit": "pieces"})]
    price: Price | None = None


class OrderData(Request, frozen=True):
    """What the saga is started with. The order's id is added here: later steps and every undoing need it also when nobody
    heard how an earlier step went."""

    user_id: Id
    items: Annotated[list[Item], Meta(max_length=MAX_LINES)]


_decoder: Final = msgspec.json.Decoder(OrderData)


def check(data: Data) -> Data:
    """Raises ApiError VALIDATION_FAILED. Whether there are such products, and for whom, is for the services to say."""
    asked = checked(_decoder, data)
    if not asked["items"]:
        raise ApiError(
            "VALIDATION_FAILED",
            "Order must contain items",
            details=[ErrorDetail(field="items", message="must not be empty", bound=1, unit="items")],
        )
    return {**asked, "orderId": new_id("ord")}


def _user(data: Data) -> HttpCall:
    return HttpCall("GET", f"/users/{quote(str(data['userId']), safe='')}")


def _validate(data: Data) -> HttpCall:
    items = [picked(item, "productId", "quantity", "price") for item in data["items"]]
    return HttpCall(
        "POST",
        "/saga/validate-order",
        {"orderId": data["orderId"], "userId": data["userId"], "items": items},
    )


def _charge(data: Data) -> HttpCall:
    body = {"orderId": data["orderId"], "userId": data["userId"], "amount": data["total"]}
    return HttpCall("POST", "/saga/process-payment", body)


def _confirm(data: Data) -> HttpCall:
    order = picked(data["order"], "items", "total", "status")
    body = {"orderId": data["orderId"], "userId": data["userId"], "order": order}
    return HttpCall("POST", "/saga/send-confirmation", body)


ORDER_PROCESSING: Final = Definition(
    NAME,
    [
        Step(
            "validate-order",
            needs=Call("user", _user),
            do=Call("order", _validate),
            undo=Call("order", post("/saga/validate-order/undo", "orderId")),
            fails="Order must contain items",
        ),
        Step(
            "reserve-inventory",
            do=Call("order", post("/saga/reserve-inventory", "orderId")),
            undo=Call("order", post("/saga/reserve-inventory/undo", "orderId")),
            fails="Insufficient inventory",
        ),
        Step(
            "process-payment",
            do=Call("payment", _charge),
            undo=Call("payment", post("/saga/process-payment/undo", "orderId", "userId")),
            fails="Payment processing failed",
        ),
        Step(
            "create-order",
            do=Call("order", post("/saga/create-order", "orderId", "paymentId")),
            undo=Call("order", post("/saga/create-order/undo", "orderId")),
            fails="The order could not be created",
        ),
        Step(
            "send-confirmation",
            do=Call("notification", _confirm),
            undo=Call("notification", post("/saga/send-confirmation/undo", "orderId", "userId")),
            fails="The confirmation could not be sent",
        ),
    ],
    check=check,
)
