"""The clients of the limit as rows: the messages of the gateway themselves, and a clock for what counts down.

The clock (`now`) moves without a word to views: what tells the time is repainted by the panel, a few cells a second.
"""

import re
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final

from PySide6.QtCore import QObject

from app.core import figures
from app.core.language import tr
from app.panels.limits.gauge import says, tone_of
from app.panels.limits.limits_words import reset_meaning
from app.qt.columns import Column, Span
from app.qt.row_table_model import RowTableModel
from embedded_services.contracts.gateway import LimitClient

SOON_S: Final = 10
"""Below so many seconds a countdown shows tenths."""
_DIGITS: Final = re.compile(r"(\d+)")


class Place(IntEnum):
    CLIENT = 0
    USED = 1
    COUNT = 2
    LIMIT = 3
    LEFT = 4
    RESETS = 5
    LAST_429 = 6
    ALLOWED = 7
    LIMITED = 8
    ACTION = 9


TICKING: Final = (Place.RESETS, Place.LAST_429)


class LimitsModel(RowTableModel[LimitClient]):
    """In the order of the keys, numbers in them by their value: nobody's row moves because somebody asks."""

    def __init__(self, parent: QObject | None = None) -> None:
        self.now = 0.0
        self.algorithm = ""
        super().__init__(self._make_columns(), key=lambda row: row.key, parent=parent)

    def show_clients(self, rows: Iterable[LimitClient]) -> None:
        self.apply(sorted(rows, key=lambda row: natural(row.key)))

    def row_of(self, key: str) -> LimitClient | None:
        index = self.index_of(key)
        return self.row_at(index) if index.isValid() else None

    def is_counting_down(self) -> bool:
        """Whether some countdown shows tenths now."""
        return any(0 < (row.reset_at or 0) - self.now < SOON_S for row in self._rows)

    # --- words ----------------------------------------------------------------------------------------------------

    def resets_in(self, row: LimitClient) -> str:
        return figures.NONE if row.reset_at is None else countdown(row.reset_at - self.now)

    def reset_words(self, row: LimitClient) -> str:
        if row.reset_at is None:
            return tr("Nothing counts against it.")
        return reset_meaning(self.algorithm, figures.moment(row.reset_at))

    def last_429(self, row: LimitClient) -> str:
        return tr("never") if row.last429_at is None else figures.ago(self.now - row.last429_at)

    # --- columns --------------------------------------------------------------------------------------------------

    def _make_columns(self) -> Sequence[Column[LimitClient]]:
        return (
            Column(
                tr("Client"), lambda row: row.key, face="strong", sample="user usr_4f2a91c07d",
                mark=lambda row: "degraded" if row.remaining == 0 else "", tooltip=_client_tip,
            ),
            Column(tr("Used"), says, tone=tone_of, align="right", stretch=True, sample=tr("at the limit")),
            Column(tr("Count"), lambda row: figures.count(row.count), align="right", sample="10,000",
                   spans=lambda row: (Span(figures.count(row.count), "text", strong=True),)),
            Column(tr("Limit"), lambda row: figures.count(row.limit), align="right", sample="1,000,000",
                   tone="text_secondary"),
            Column(tr("Left"), lambda row: figures.count(row.remaining), align="right", sample="1,000,000",
                   tone=lambda row: "status_429" if row.remaining == 0 else "text"),
            Column(tr("Resets in"), self.resets_in, align="right", sample="1:00:00", tooltip=self.reset_words),
            Column(tr("Last 429"), self.last_429, align="right", sample=tr("{n} min ago", n=59),
                   tone=lambda row: "text_muted" if row.last429_at is None else "text", tooltip=_refused_tip),
            Column(tr("Allowed"), lambda row: figures.count(row.allowed), align="right", sample="100,000"),
            Column(tr("Got 429"), lambda row: figures.count(row.limited), align="right", sample="100,000",
                   spans=_limited_spans),
            Column("", lambda _: "", sample="00", tooltip=lambda _: tr("Reset: its count starts afresh (Delete)")),
        )  # fmt: skip


def countdown(seconds: float) -> str:
    """`1:06:03`, `0:42`, and `4.2 s` for the last ten."""
    if seconds < SOON_S:
        return tr("{n} s", n=f"{max(0.0, seconds):.1f}")
    return figures.lasting(seconds)


def natural(key: str) -> list[tuple[int, int, str]]:
    """A sort key in which `127.0.0.2` comes before `127.0.0.10`."""
    return [
        (0, int(part), "") if part.isdecimal() and len(part) < 19 else (1, 0, part.casefold())
        for part in _DIGITS.split(key)
        if part
    ]


def _client_tip(row: LimitClient) -> str:
    return tr("{client}, last seen at {moment}", client=row.key, moment=figures.moment(row.last_at))


def _refused_tip(row: LimitClient) -> str:
    return tr("It was never refused.") if row.last429_at is None else figures.moment(row.last429_at)


def _limited_spans(row: LimitClient) -> tuple[Span, ...]:
    if not row.limited:
        return (Span("0", "text_muted"),)
    return (Span(figures.count(row.limited), "status_429", strong=True),)
