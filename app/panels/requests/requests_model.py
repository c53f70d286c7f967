"""What was sent and how it went, newest first: the rows of the history, and how their cells read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from PySide6.QtCore import QObject

from app.core import figures
from app.core.console import Headers
from app.core.language import tr
from app.panels.requests.draft import Draft, TokenKind
from app.panels.requests.meanings import lamp
from app.qt.columns import Column
from app.qt.row_table_model import RowTableModel
from app.qt.tokens import Tone

MOST: Final = 100
"""Exchanges that are kept."""
_TONES: Final[dict[str, Tone]] = {"unhealthy": "bad", "degraded": "warn"}


@dataclass(frozen=True)
class Exchange:
    """One request and what came of it, in a sentence: `outcome`, and in the words of who refused it: `error`. `status` is None where there was no answer; it was then
    `cancelled` by the user, or `problem` says why there is none.

    `sent_as` is the token that went with it, None for none: there was none to send, or the headers had one of their own.
    What only the gateway knows (`tries`, `trace`, `user`, `note`) comes a moment later, by the id of the request.
    """

    number: int
    at: float
    draft: Draft
    sent_as: TokenKind | None = None
    status: int | None = None
    outcome: str = ""
    error: str = ""
    problem: str = ""
    cancelled: bool = False
    took_ms: float | None = None
    size: int | None = None
    instance: str = ""
    request_id: str = ""
    headers: Headers = ()
    tries: int | None = None
    trace: str = ""
    user: str = ""
    note: str = ""

    @property
    def line(self) -> str:
        return f"{self.draft.method} {self.draft.target}"

    @property
    def was_sent(self) -> bool:
        """Not a draft that was put aside."""
        return self.status is not None or self.cancelled or bool(self.problem)


def token_word(kind: TokenKind | None) -> str:
    """How the token of a request is called in a cell."""
    if kind is None:
        return figures.NONE
    return {
        "good": tr("token"),
        "none": tr("no token"),
        "expired": tr("expired"),
        "forged": tr("forged"),
        "alg-none": tr("alg: none"),
    }[kind]


def status_word(row: Exchange) -> str:
    if row.status is not None:
        return str(row.status)
    if row.cancelled:
        return tr("cancelled")
    return tr("no answer") if row.problem else tr("not sent")


def status_lamp(row: Exchange) -> str:
    return lamp(row.status) if row.status is not None or row.problem else "unknown"


def _status_tone(row: Exchange) -> Tone:
    if status_lamp(row) == "unknown":
        return "text_muted"
    return _TONES.get(status_lamp(row), "text")


def tint(row: Exchange) -> Tone | None:
    return "bad_tint" if status_lamp(row) == "unhealthy" else None


def _columns() -> tuple[Column[Exchange], ...]:
    return (
        Column(
            tr("Time"),
            lambda row: figures.precise_time(row.at),
            face="mono",
            tone="text_muted",
            tooltip=lambda row: figures.moment(row.at),
            sample="00:00:00.000",
        ),
        Column(tr("Method"), lambda row: row.draft.method, sample="OPTIONS"),
        Column(tr("Path"), lambda row: row.draft.target, face="mono", stretch=True),
        Column(
            tr("Sent with"),
            lambda row: token_word(row.sent_as),
            tone=lambda row: (
                "fault" if row.sent_as in ("expired", "forged", "alg-none") else "text_secondary"
            ),
            mark=lambda row: "injected" if row.sent_as in ("expired", "forged", "alg-none") else "",
            sample="alg: none",
        ),
        Column(
            tr("Status"),
            status_word,
            face="strong",
            tone=_status_tone,
            mark=status_lamp,
            align="right",
            sample="no answer",
        ),
        Column(
            tr("Served by"), lambda row: row.instance or figures.NONE, face="body", sample="notification-12"
        ),
        Column(
            tr("Tries"),
            lambda row: figures.count(row.tries),
            align="right",
            tone=lambda row: "warn" if (row.tries or 0) > 1 else "text",
            sample="00",
        ),
        Column(tr("Took, ms"), lambda row: figures.decimal(row.took_ms), align="right", sample="60,000.0"),
    )


class RequestsModel(RowTableModel[Exchange]):
    """At most `MOST` exchanges; the oldest goes."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_columns(), key=lambda row: row.number, parent=parent)
        self._numbered = 0

    def restore(self, rows: Sequence[Exchange]) -> None:
        """Those of an earlier time, newest first."""
        self._numbered = max((row.number for row in rows), default=0)
        self.apply(rows[:MOST])

    def add(self, draft: Draft, at: float, **known: Any) -> Exchange:
        """A new first row."""
        self._numbered += 1
        row = Exchange(self._numbered, at, draft, **known)
        self.apply([row, *self.rows()[: MOST - 1]])
        return row

    def change(self, number: int, **known: Any) -> Exchange | None:
        """What is known by now of an exchange; None when it is no longer kept."""
        rows = list(self.rows())
        place = next((place for place, row in enumerate(rows) if row.number == number), None)
        if place is None:
            return None
        rows[place] = replace(rows[place], **known)
        self.apply(rows)
        return rows[place]

    def clear(self) -> None:
        self.apply([])
