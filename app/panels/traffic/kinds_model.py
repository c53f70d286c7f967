"""How each kind of request went: a row a kind, and one for all of them."""

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QObject

from app.core import figures
from app.core.language import tr
from app.core.traffic_words import milliseconds, percent_text, totals_failed_percent
from app.qt.columns import Column
from app.qt.row_table_model import RowTableModel
from app.qt.tokens import Tone
from embedded_services.contracts.traffic import TrafficTotals

ALL: Final = ""


@dataclass(frozen=True)
class KindRow:
    """`name` is empty for all together. `share` of what was sent, in percent; `failed` in percent of what ended."""

    name: str
    asked: float | None
    share: float | None
    sent: int
    done: int
    failed: float | None
    p50: float | None
    p99: float | None
    longest: float | None


class KindsModel(RowTableModel[KindRow]):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_columns(), lambda row: row.name, parent)

    def show_totals(self, totals: TrafficTotals) -> None:
        self.apply(rows_of(totals))


def rows_of(totals: TrafficTotals) -> list[KindRow]:
    """All of them together first, then in the order of the plan; nothing before anything was sent."""
    if not totals.due:
        return []
    rows = [
        KindRow(
            kind.name,
            kind.share,
            100 * kind.sent / totals.sent if totals.sent else None,
            kind.sent,
            kind.done,
            100 * kind.failed / kind.done if kind.done else None,
            kind.p50_ms,
            kind.p99_ms,
            kind.max_ms,
        )
        for kind in totals.kinds
    ]
    everything = KindRow(
        ALL,
        None,
        None,
        totals.sent,
        totals.done,
        totals_failed_percent(totals),
        totals.p50_ms,
        totals.p99_ms,
        totals.max_ms,
    )
    return [everything, *rows]


def _columns() -> tuple[Column[KindRow], ...]:
    return (
        Column(tr("Since the start"), _name, face="strong", stretch=True, sample="checkout"),
        Column(tr("share, %"), lambda row: figures.decimal(row.share), align="right", sample="100.0"),
        Column(tr("sent"), lambda row: figures.count(row.sent), align="right", sample="1,000,000"),
        Column(tr("ended"), lambda row: figures.count(row.done), align="right", sample="1,000,000"),
        Column(
            tr("failed"),
            lambda row: percent_text(row.failed),
            align="right",
            tone=_failed_tone,
            sample="< 0.1 %",
        ),
        Column(tr("p50, ms"), lambda row: milliseconds(row.p50), align="right", sample="100,000"),
        Column(tr("p99, ms"), lambda row: milliseconds(row.p99), align="right", sample="100,000"),
        Column(tr("max, ms"), lambda row: milliseconds(row.longest), align="right", sample="100,000"),
    )


def _name(row: KindRow) -> str:
    names = {ALL: tr("all"), "browse": tr("browse"), "checkout": tr("checkout"), "login": tr("login")}
    return names.get(row.name, row.name)


def _failed_tone(row: KindRow) -> Tone:
    return "bad" if row.failed else "text"
