"""Billing: what was charged and refunded in each month (UTC), summed from the ledger."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, case, func, select, true

from embedded_services.contracts.validation import invalid
from embedded_services.contracts.wire import Page
from embedded_services.services.kit.database import AnyRow, Database
from embedded_services.services.kit.endpoints import Ask
from embedded_services.services.kit.money import from_minor
from embedded_services.services.kit.pages import rows_of_page
from embedded_services.services.kit.roles import Permission
from embedded_services.services.payment.messages import (
    BillingFilter,
    Currency,
    Entry,
    Kind,
    Statement,
    Summary,
    Total,
)
from embedded_services.services.payment.tables import ledger

_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


class Billing:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, ask: Ask[BillingFilter]) -> Page[Summary]:
        """The months in which money moved, newest first."""
        mine = _of(ask.caller.whose(ask.input.user_id, Permission.PAYMENTS_READ))

        def work(connection: Connection) -> Page[Summary]:
            months = select(ledger.c.month).where(mine).distinct()
            rows, cursor = rows_of_page(connection, months, ledger.c.month, ask.input, of="billing")
            totals = _totals(connection, mine, [row.month for row in rows])
            items = [Summary(month=row.month, totals=totals[row.month]) for row in rows]
            return Page(items=items, next_cursor=cursor)

        return await self._database.read(work)

    async def statement(self, ask: Ask[BillingFilter]) -> Statement:
        """A month in which nothing moved has an empty statement."""
        month = ask.params["month"]
        if not _MONTH.fullmatch(month):
            raise invalid("month", "must be a month, like 2026-01")
        mine = _of(ask.caller.whose(ask.input.user_id, Permission.PAYMENTS_READ))

        def work(connection: Connection) -> Statement:
            entries = select(ledger).where(mine, ledger.c.month == month)
            rows, cursor = rows_of_page(connection, entries, ledger.c.seq, ask.input, of=f"statement {month}")
            return Statement(
                month=month,
                totals=_totals(connection, mine, [month])[month],
                lines=[_show(row) for row in rows],
                next_cursor=cursor,
            )

        return await self._database.read(work)


def _of(owner: str | None) -> ColumnElement[bool]:
    return true() if owner is None else ledger.c.user_id == owner


def _totals(
    connection: Connection, mine: ColumnElement[bool], months: Sequence[str]
) -> dict[str, list[Total]]:
    charged = func.sum(case((ledger.c.kind == Kind.CHARGE, ledger.c.amount), else_=0))
    net = func.sum(ledger.c.amount)
    sums = (
        select(
            ledger.c.month,
            ledger.c.currency,
            charged.label("charged"),
            net.label("net"),
            func.count().label("n"),
        )
        .where(mine, ledger.c.month.in_(months))
        .group_by(ledger.c.month, ledger.c.currency)
        .order_by(ledger.c.month, ledger.c.currency)
    )
    totals: dict[str, list[Total]] = defaultdict(list)
    for row in connection.execute(sums):
        totals[row.month].append(
            Total(
                currency=Currency(row.currency),
                charged=from_minor(row.charged),
                refunded=from_minor(row.charged - row.net),
                net=from_minor(row.net),
                count=row.n,
            )
        )
    return totals


def _show(row: AnyRow) -> Entry:
    return Entry(
        at=row.at,
        kind=Kind(row.kind),
        user_id=row.user_id,
        order_id=row.order_id,
        payment_id=row.payment_id,
        refund_id=row.refund_id,
        amount=from_minor(row.amount),
        currency=Currency(row.currency),
    )
