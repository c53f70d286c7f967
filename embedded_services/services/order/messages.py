"""What the order service is asked and what it says. Amounts are in USD, with at most two decimals."""

from decimal import Decimal
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from embedded_services.contracts.wire import Message, Request, Timestamp
from embedded_services.services.kit.fields import ONE_LINE, Id
from embedded_services.services.kit.pages import Paging
from embedded_services.services.kit.times import Moment
from embedded_services.services.order.moves import OrderStatus

MAX_LINES: Final = 50
MAX_QUANTITY: Final = 1000

Quantity = Annotated[int, Meta(ge=1, le=MAX_QUANTITY, extra_json_schema={"x-unit": "pieces"})]
Stock = Annotated[int, Meta(ge=0, le=1_000_000_000, extra_json_schema={"x-unit": "pieces"})]
ProductName = Annotated[str, Meta(min_length=1, max_length=120, pattern=ONE_LINE)]


class NewProduct(Request, frozen=True):
    name: ProductName
    price: Decimal
    stock: Stock = 0


class ProductPatch(Request, frozen=True):
    name: ProductName | None = None
    price: Decimal | None = None
    stock: Stock | None = None


class Product(Message, frozen=True):
    id: str
    name: str
    price: Decimal
    stock: int
    created_at: Timestamp
    updated_at: Timestamp
    revision: int


class Wanted(Request, frozen=True):
    """A product and how many. A `price` that is given must be the catalogue's."""

    product_id: Id
    quantity: Quantity
    price: Decimal | None = None


class NewOrder(Request, frozen=True):
    items: Annotated[list[Wanted], Meta(max_length=MAX_LINES)]


class Placed(Message, frozen=True):
    """`saga_id` is null where no saga was started."""

    id: str
    saga_id: str | None
    status: OrderStatus


class Line(Message, frozen=True):
    """`price` is of one piece, when the order was placed; `subtotal` of all."""

    product_id: str
    name: str
    quantity: int
    price: Decimal
    subtotal: Decimal


class Order(Message, frozen=True):
    id: str
    user_id: str
    status: OrderStatus
    items: list[Line]
    total: Decimal
    payment_id: str | None
    created_at: Timestamp
    updated_at: Timestamp
    revision: int


class OrderFilter(Paging, frozen=True):
    """Orders placed at or after `from` and before `to`."""

    status: OrderStatus | None = None
    user_id: Id | None = None
    from_: Moment | None = msgspec.field(default=None, name="from")
    to: Moment | None = None


class OrderPatch(Request, frozen=True):
    """`payment_id` may be given when an order becomes `paid`."""

    status: OrderStatus
    payment_id: Id | None = None


class CartQuantity(Request, frozen=True):
    quantity: Quantity


class CartLine(Message, frozen=True):
    """At today's price. `available` says whether there are as many as wanted."""

    product_id: str
    name: str
    quantity: int
    price: Decimal
    subtotal: Decimal
    available: bool


class Cart(Message, frozen=True):
    user_id: str
    items: list[CartLine]
    total: Decimal
