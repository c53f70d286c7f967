"""The payment service's process: payments, refunds and billing."""

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
from embedded_services.services.payment import tables
from embedded_services.services.payment.billing import Billing
from embedded_services.services.payment.book import book_endpoint
from embedded_services.services.payment.messages import BillingFilter, NewPayment, NewRefund, PaymentFilter
from embedded_services.services.payment.payments import Payments
from embedded_services.services.payment.reactions import Reactions
from embedded_services.services.payment.refunds import Refunds
from embedded_services.services.payment.steps import Steps


@asynccontextmanager
async def serve(context: ChildContext) -> AsyncIterator[int]:
    async with (
        service_database(context, "payments.db", tables.SCHEMA) as database,
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
                book_endpoint(database),
            ],
            stop,
        ) as port,
    ):
        yield port


def endpoints(database: Database, clock: Clock, outbox: Outbox) -> Endpoints:
    payments = Payments(database, clock, outbox)
    refunds = Refunds(database, clock, outbox)
    billing = Billing(database)
    return [
        Endpoint("POST", "/payments", payments.pay, NewPayment),
        Endpoint("GET", "/payments", payments.list, PaymentFilter),
        Endpoint("GET", "/payments/{id}", payments.get, Nothing),
        Endpoint("POST", "/payments/{id}/refunds", refunds.refund, NewRefund),
        Endpoint("GET", "/payments/{id}/refunds", refunds.list, Paging),
        Endpoint("GET", "/billing", billing.list, BillingFilter),
        Endpoint("GET", "/billing/{month}", billing.statement, BillingFilter),
    ]
