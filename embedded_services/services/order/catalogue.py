"""The catalogue: products, their prices and what is left of them."""

from sqlalchemy import Connection, bindparam, insert, select, update

from embedded_services.bus.outbox import Outbox
from embedded_services.common.clock import Clock
from embedded_services.common.ids import new_id
from embedded_services.contracts.validation import invalid
from embedded_services.contracts.wire import Page
from embedded_services.services.kit.database import AnyRow, Database
from embedded_services.services.kit.endpoints import Answer, Ask, Nothing, answer, not_found
from embedded_services.services.kit.money import from_minor, to_minor
from embedded_services.services.kit.pages import Paging, rows_of_page
from embedded_services.services.order.messages import NewProduct, Product, ProductPatch
from embedded_services.services.order.stock import StockChange, Why, tell_stock
from embedded_services.services.order.tables import products, receipts

_by_id = select(products).where(products.c.id == bindparam("id"))
_by_id_locked = _by_id.with_for_update()


class Catalogue:
    def __init__(self, database: Database, clock: Clock, outbox: Outbox) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox

    async def list(self, ask: Ask[Paging]) -> Page[Product]:
        def work(connection: Connection) -> Page[Product]:
            rows, cursor = rows_of_page(
                connection, select(products), products.c.seq, ask.input, of="products", newest_first=False
            )
            return Page(items=[_show(row) for row in rows], next_cursor=cursor)

        return await self._database.read(work)

    async def get(self, ask: Ask[Nothing]) -> Product:
        return await self._database.read(lambda connection: _show(find(connection, ask.params["id"])))

    async def add(self, ask: Ask[NewProduct]) -> Answer:
        now = self._clock.now()
        id_ = new_id("prod")
        new = {
            "id": id_,
            "name": ask.input.name.strip(),
            "price": to_minor(ask.input.price, "price"),
            "stock": ask.input.stock,
            "created_at": now,
            "updated_at": now,
        }

        def work(connection: Connection) -> Product:
            connection.execute(insert(products).values(new))
            connection.execute(insert(receipts).values(product_id=id_, received=ask.input.stock))
            product = find(connection, id_)
            self._tell(connection, product, 0, now)
            return _show(product)

        product = await self._database.transact(work)
        return answer(product, 201, location=f"/products/{product.id}", asked=ask.path)

    async def change(self, ask: Ask[ProductPatch]) -> Product:
        given = ask.input
        values: dict[str, object] = {}
        if given.name is not None:
            values["name"] = given.name.strip()
        if given.price is not None:
            values["price"] = to_minor(given.price, "price")
        if given.stock is not None:
            values["stock"] = given.stock
        if not values:
            raise invalid("body", "must change name, price or stock")
        now = self._clock.now()

        def work(connection: Connection) -> Product:
            before = find(connection, ask.params["id"], lock=True)
            connection.execute(
                update(products)
                .where(products.c.id == before.id)
                .values(**values, revision=products.c.revision + 1, updated_at=now)
            )
            product = find(connection, before.id)
            if product.stock != before.stock:
                connection.execute(
                    update(receipts)
                    .where(receipts.c.product_id == product.id)
                    .values(received=receipts.c.received + product.stock - before.stock)
                )
            self._tell(connection, product, before.stock, now)
            return _show(product)

        return await self._database.transact(work)

    def _tell(self, connection: Connection, product: AnyRow, before: int, now: float) -> None:
        if product.stock != before:
            change = StockChange(
                product_id=product.id,
                stock=product.stock,
                change=product.stock - before,
                reason=Why.ADMIN,
                revision=product.revision,
            )
            tell_stock(connection, self._outbox, [change], now)


def find(connection: Connection, id_: str, *, lock: bool = False) -> AnyRow:
    """`lock` keeps others from changing the row meanwhile. Raises ApiError NOT_FOUND."""
    row = connection.execute(_by_id_locked if lock else _by_id, {"id": id_}).one_or_none()
    if row is None:
        raise not_found("product")
    return row


def _show(row: AnyRow) -> Product:
    return Product(
        id=row.id,
        name=row.name,
        price=from_minor(row.price),
        stock=row.stock,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )
