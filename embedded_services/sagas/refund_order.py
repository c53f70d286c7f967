"""The saga `refund-order`: an order that was paid is given back and cancelled.

Once the money may be on its way back there is no return (the pivot): what is left is tried until it is done, or a person
says how to go on. The last two steps run side by side.

| step           | service      | action                                     |
|----------------|--------------|--------------------------------------------|
| check-refund   | order        | it was paid, and is not on its way         |
| refund-payment | payment      | what remains is given back (pivot)         |
| cancel-order   | order        | `cancelled`, stock released                |
| notify-owner   | notification | cancellation notice                        |
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from embedded_services.contracts.wire import END, Request
from embedded_services.sagas.definition import PATIENT, Call, Data, Definition, Step, checked, post

NAME: Final = "refund-order"


class RefundData(Request, frozen=True):
    order_id: Annotated[str, Meta(pattern=r"^[!-~]{1,64}" + END)]
    reason: Annotated[str, Meta(max_length=200)] = ""


_decoder: Final = msgspec.json.Decoder(RefundData)


def check(data: Data) -> Data:
    """Raises ApiError VALIDATION_FAILED."""
    return checked(_decoder, data)


REFUND_ORDER: Final = Definition(
    NAME,
    [
        Step(
            "check-refund",
            do=Call("order", post("/saga/check-refund", "orderId")),
            fails="This order cannot be refunded",
        ),
        Step(
            "refund-payment",
            do=Call("payment", post("/saga/refund-payment", "orderId", "userId")),
            retry=PATIENT,
            pivot=True,
            fails="The payment cannot be refunded",
        ),
        Step(
            "cancel-order",
            do=Call(
                "order", post("/saga/cancel-order", "orderId"), adds=lambda _: {"orderStatus": "cancelled"}
            ),
            retry=PATIENT,
            fails="The order cannot be cancelled",
        ),
        Step(
            "notify-owner",
            do=Call("notification", post("/saga/send-cancellation", "orderId", "userId", "reason")),
            retry=PATIENT,
            beside=True,
            fails="The owner cannot be told",
        ),
    ],
    check=check,
)
