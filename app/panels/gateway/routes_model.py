"""The gateway's routes: what goes where, who may, and how it went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QObject

from app.core import figures
from app.core.language import tr
from app.qt.columns import Column, Span
from app.qt.row_table_model import RowTableModel
from app.qt.tokens import Tone
from embedded_services.contracts.gateway import GatewayTotals
from embedded_services.contracts.gateway import Route as RouteFigures
from embedded_services.contracts.settings import Settings

_CLASS_TONES: Final[dict[str, Tone]] = {
    "2xx": "status_2xx", "4xx": "status_4xx", "429": "status_429", "5xx": "status_5xx", "499": "text_muted",
}  # fmt: skip


@dataclass(frozen=True)
class RouteRow:
    """`service` is empty where the gateway answers itself; figures are None while it has not told."""

    prefix: str
    exact: bool
    service: str
    methods: str
    public: bool | None
    requests: int | None = None
    rate: float | None = None
    p50: float | None = None
    p99: float | None = None
    statuses: tuple[tuple[str, int], ...] = ()

    @property
    def failures(self) -> int:
        return dict(self.statuses).get("5xx", 0)


def route_rows(settings: Settings | None, totals: GatewayTotals | None) -> list[RouteRow]:
    """Those of the settings, in their order, then those that the gateway has besides.

    The gateway counts by path and service: where several routes share both, the figures of all of them stand in the row of the
    one that covers most."""
    told: dict[tuple[str, str | None], RouteFigures] = (
        {(route.prefix, route.service): route for route in totals.routes} if totals is not None else {}
    )
    rows = []
    routes = settings.routes if settings is not None else []
    covering = {
        (route.prefix, route.service): route for route in sorted(routes, key=lambda route: not route.exact)
    }
    for route in routes:
        methods = ", ".join(route.methods) if route.methods else tr("all")
        plain = RouteRow(route.prefix, route.exact, route.service, methods, route.public)
        target = route.prefix, route.service
        figure = told.pop(target, None) if covering[target] is route else None
        rows.append(_with_figures(plain, figure))
    for (prefix, _), figure in told.items():
        plain = RouteRow(prefix, True, figure.service or "", figures.NONE, None)
        rows.append(_with_figures(plain, figure))
    return rows


def _with_figures(row: RouteRow, told: RouteFigures | None) -> RouteRow:
    if told is None:
        return row
    return RouteRow(
        row.prefix, row.exact, row.service, row.methods, row.public, told.requests, told.rate,
        told.latency_ms.p50, told.latency_ms.p99, _ordered(told.statuses),
    )  # fmt: skip


def _ordered(statuses: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((word, n) for word, n in statuses.items() if n))


def _statuses(row: RouteRow) -> Sequence[Span]:
    spans: list[Span] = []
    for word, n in row.statuses:
        spans.append(Span(f"{word} ", _CLASS_TONES.get(word, "text_muted")))
        spans.append(Span(f"{figures.count(n)}   ", "text"))
    return spans or [Span(figures.NONE, "text_muted")]


def _who_may(row: RouteRow) -> str:
    if row.public is None:
        return figures.NONE
    return tr("anyone") if row.public else tr("logged in")


def _columns() -> tuple[Column[RouteRow], ...]:
    return (
        Column(
            tr("Path"), lambda row: row.prefix, face="mono", sample="/api/notifications/unread",
            spans=lambda row: (Span(row.prefix), Span("" if row.exact else "/…", "text_muted")),
            tooltip=lambda row: tr("this path alone") if row.exact else tr("this path and all below it"),
        ),
        Column(
            tr("Service"), lambda row: row.service or tr("gateway"), face="body", sample="notification",
            tone=lambda row: "text" if row.service else "text_muted",
        ),
        Column(tr("Methods"), lambda row: row.methods, tone="text_secondary", sample="GET, POST, DELETE"),
        Column(
            tr("Who may"), _who_may, sample="logged in",
            tone=lambda row: "warn" if row.public else "text_secondary",
        ),
        Column(
            tr("Requests"), lambda row: figures.count(row.requests), align="right", sample="1,234,567",
            sort_key=lambda row: -1 if row.requests is None else row.requests,
        ),
        Column(
            tr("Rate, /s"), lambda row: figures.decimal(row.rate), align="right", sample="12,345.6",
            sort_key=lambda row: -1.0 if row.rate is None else row.rate,
        ),
        Column(
            tr("p50, ms"), lambda row: figures.decimal(row.p50), align="right", sample="1,234.5",
            sort_key=lambda row: -1.0 if row.p50 is None else row.p50,
        ),
        Column(
            tr("p99, ms"), lambda row: figures.decimal(row.p99), align="right", sample="1,234.5",
            sort_key=lambda row: -1.0 if row.p99 is None else row.p99,
        ),
        Column(
            tr("Statuses"), lambda row: "".join(span.text for span in _statuses(row)), spans=_statuses, stretch=True,
            sort_key=lambda row: row.failures,
        ),
    )  # fmt: skip


class RoutesModel(RowTableModel[RouteRow]):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_columns(), key=lambda row: (row.prefix, row.exact, row.service), parent=parent)
