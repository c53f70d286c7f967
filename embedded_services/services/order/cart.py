"""The cart: what a user means to order. Checkout places the order and empties the cart in one transaction."""

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from embedded_services.bus.outbox import Outbox
from embedded_services.common.clock import Clock
from embedded_services.contracts.validation import invalid
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import NO_CONTENT, Answer, Ask, Nothing, not_found
from embedded_services.services.kit.idempotency import once
from embedded_services.services.kit.money import from_minor
from embedded_services.services.order.catalogue import find
from embedded_services.services.order.messages import MAX_LINES, Cart, CartLine, CartQuantity, Wanted
from embedded_services.services.order.orders import accepted
from embedded_services.services.order.placing import place
from embedded_services.services.order.tables import cart_items, idempotency_keys, products


class Carts:
    def __init__(self, database: Database, clock: Clock, outbox: Outbox) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox

    async def get(self, ask: Ask[Nothing]) -> Cart:
        return await self._database.read(lambda connection: _show(connection, ask.caller.id))

    async def put(self, ask: Ask[CartQuantity]) -> Cart:
        user, product, quantity = ask.caller.id, ask.params["productId"], ask.input.quantity
        now = self._clock.now()

        def work(connection: Connection) -> Cart:
            find(connection, product)
            changed = connection.execute(
                update(cart_items).where(_line(user, product)).values(quantity=quantity)
            )
            if changed.rowcount == 0:
                _keep_small(connection, user)
                connection.execute(
                    insert(cart_items).values(
                        user_id=user, product_id=product, quantity=quantity, added_at=now
                    )
                )
            return _show(connection, user)

        return await self._database.transact(work)

    async def remove(self, ask: Ask[Nothing]) -> Cart:
        user, product = ask.caller.id, ask.params["productId"]

        def work(connection: Connection) -> Cart:
            if connection.execute(delete(cart_items).where(_line(user, product))).rowcount == 0:
                raise not_found("product in the cart")
            return _show(connection, user)

        return await self._database.transact(work)

    async def clear(self, ask: Ask[Nothing]) -> Answer:
        await self._database.transact(lambda connection: _empty(connection, ask.caller.id))
        return NO_CONTENT

    async def check_out(self, ask: Ask[Nothing]) -> Answer:
        """Answers like placing an order. Honours Idempotency-Key."""
        user = ask.caller.id
        now = self._clock.now()

        def work(connection: Connection) -> Answer:
            def effect() -> Answer:
                wanted = [
                    Wanted(product_id=row.product_id, quantity=row.quantity)
                    for row in connection.execute(
                        select(cart_items)
                        .where(cart_items.c.user_id == user)
                        .order_by(cart_items.c.added_at, cart_items.c.product_id)
                        .with_for_update()
                    )
                ]
                placed = place(connection, self._outbox, user, wanted, now)
                _empty(connection, user)
                return accepted(placed, ask.path)

            return once(connection, idempotency_keys, ask, now, effect)

        return await self._database.transact(work)


def _line(user: str, product: str) -> ColumnElement[bool]:
    return (cart_items.c.user_id == user) & (cart_items.c.product_id == product)


def _empty(connection: Connection, user: str) -> None:
    connection.execute(delete(cart_items).where(cart_items.c.user_id == user))


def _keep_small(connection: Connection, user: str) -> None:
    mine = select(func.count()).select_from(cart_items).where(cart_items.c.user_id == user)
    if connection.execute(mine).scalar_one() >= MAX_LINES:
        raise invalid("cart", f"must have at most {MAX_LINES} items", bound=MAX_LINES, unit="items")


def _show(connection: Connection, user: str) -> Cart:
    rows = connection.execute(
        select(
            cart_items.c.product_id,
            cart_items.c.quantity,
            products.c.name,
            products.c.price,
            products.c.stock,
        )
        .join(products, products.c.id == cart_items.c.product_id)
        .where(cart_items.c.user_id == user)
        .order_by(cart_items.c.added_at, cart_items.c.product_id)
    ).all()
    return Cart(
        user_id=user,
        items=[
            CartLine(
                product_id=row.product_id,
                name=row.name,
                quantity=row.quantity,
                price=from_minor(row.price),
                subtotal=from_minor(row.price * row.quantity),
                available=row.stock >= row.quantity,
            )
            for row in rows
        ],
        total=from_minor(sum(row.price * row.quantity for row in rows)),
    )
