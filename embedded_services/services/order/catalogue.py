"""The catalogue: products, their prices and what is left of them."""

from sqlalchemy import Connection, bindparam, insert, select, update

from embedded_services.common.clock import Clock
from embedded_services.common.ids import new_id
from embedded_services.contracts.validation import invalid
from embedded_services.contracts.wire import Page
from embedded_services.services.kit.database import AnyRow, Database
from embedded_services.services.kit.endpoints import Answer, Ask, Nothing, answer, not_found
from embedded_services.services.kit.money import from_minor, to_minor
from embedded_services.services.kit.pages import Paging, rows_of_page
from embedded_services.services.order.messages import NewProduct, Product, ProductPatch
from embedded_services.services.order.tables import products

_by_id = select(products).where(products.c.id == bindparam("id"))


class Catalogue:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

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
            return _show(find(connection, id_))

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
            connection.execute(
                update(products)
                .where(products.c.id == ask.params["id"])
                .values(**values, revision=products.c.revision + 1, updated_at=now)
            )
            return _show(find(connection, ask.params["id"]))

        return await self._database.transact(work)


def find(connection: Connection, id_: str) -> AnyRow:
    """Raises ApiError NOT_FOUND."""
    row = connection.execute(_by_id, {"id": id_}).one_or_none()
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
