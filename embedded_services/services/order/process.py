"""The order service's process: catalogue, cart and orders."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from embedded_services.agent.context import ChildContext
from embedded_services.bus.outbox import Outbox
from embedded_services.common.clock import Clock
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Endpoint, Endpoints, Nothing
from embedded_services.services.kit.events import service_events, service_outbox
from embedded_services.services.kit.pages import Paging
from embedded_services.services.kit.process import serve_endpoints, service_database
from embedded_services.services.kit.roles import Permission
from embedded_services.services.order import tables
from embedded_services.services.order.book import book_endpoint
from embedded_services.services.order.cart import Carts
from embedded_services.services.order.catalogue import Catalogue
from embedded_services.services.order.messages import (
    CartQuantity,
    NewOrder,
    NewProduct,
    OrderFilter,
    OrderPatch,
    ProductPatch,
)
from embedded_services.services.order.orders import Orders
from embedded_services.services.order.reactions import Reactions
from embedded_services.services.order.steps import Steps


@asynccontextmanager
async def serve(context: ChildContext) -> AsyncIterator[int]:
    async with (
        service_database(context, "orders.db", tables.SCHEMA) as database,
        service_events(
            context,
            database,
            outbox := service_outbox(context, tables.outbox),
            tables.inbox,
            Reactions(context.clock, outbox).table,
        ) as stop,
        serve_endpoints(
            context,
            database,
            [
                *endpoints(database, context.clock, outbox),
                *Steps(database, context.clock, outbox).endpoints,
                book_endpoint(database, context.clock),
            ],
            stop,
        ) as port,
    ):
        yield port


def endpoints(database: Database, clock: Clock, outbox: Outbox) -> Endpoints:
    catalogue = Catalogue(database, clock, outbox)
    carts = Carts(database, clock, outbox)
    orders = Orders(database, clock, outbox)
    return [
        Endpoint("GET", "/products", catalogue.list, Paging),
        Endpoint("POST", "/products", catalogue.add, NewProduct, needs=Permission.PRODUCTS_WRITE),
        Endpoint("GET", "/products/{id}", catalogue.get, Nothing),
        Endpoint("PATCH", "/products/{id}", catalogue.change, ProductPatch, needs=Permission.PRODUCTS_WRITE),
        Endpoint("GET", "/cart", carts.get, Nothing),
        Endpoint("DELETE", "/cart", carts.clear, Nothing),
        Endpoint("PUT", "/cart/items/{productId}", carts.put, CartQuantity),
        Endpoint("DELETE", "/cart/items/{productId}", carts.remove, Nothing),
        Endpoint("POST", "/cart/checkout", carts.check_out, Nothing),
        Endpoint("POST", "/orders", orders.place, NewOrder),
        Endpoint("GET", "/orders", orders.list, OrderFilter),
        Endpoint("GET", "/orders/{id}", orders.get, Nothing),
        Endpoint("PATCH", "/orders/{id}", orders.move, OrderPatch),
    ]
