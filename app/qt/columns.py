"""What a cell of a table shows, said once per column and in roles, never in colours.

A column turns a row (a frozen dataclass or message) into text; everything else is optional. The delegate
(`app.widgets.table`) paints what `Look` says; text, tooltip and accessible text come from the same place.

    COLUMNS = (
        Column("Instance", lambda r: r.id, mark=lambda r: r.status, face="strong", sample="notification-12"),
        Column("Status and why", lambda r: f"{r.word} · {r.reason}", stretch=True,
               spans=lambda r: (Span(r.word, r.tone), Span(f" · {r.reason}", "text_muted"))),
        Column("p99", lambda r: number(r.p99), align="right", sample="1,024.5", sort_key=lambda r: r.p99 or -1),
    )
"""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from enum import IntEnum
from typing import Any, Generic, Literal, TypeVar

from PySide6.QtCore import Qt

from app.qt.tokens import Face, Tone

Row = TypeVar("Row")
Align = Literal["left", "right", "center"]


class Role(IntEnum):
    """Data roles besides Qt's: the whole row, what to sort by, and how to paint the cell (`Look`)."""

    ROW = Qt.ItemDataRole.UserRole + 1
    SORT = Qt.ItemDataRole.UserRole + 2
    LOOK = Qt.ItemDataRole.UserRole + 3


@dataclass(frozen=True)
class Span:
    """A piece of a cell's text in its own tone, and in its own face where that differs from the column's.

    A `tag` stands on its tone's tint, with a bolt before it: a fault that acts on what the row is about."""

    text: str
    tone: Tone = "text"
    strong: bool = False
    face: Face | None = None
    tag: bool = False


@dataclass(frozen=True)
class Look:
    """How to paint one cell. `mark` is a status (tokens' [status]) or an icon's name; `series` a sparkline."""

    spans: Sequence[Span]
    face: Face
    align: Align
    mark: str | None = None
    series: Sequence[float | None] | None = None


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column. `text` is what is shown, copied and filtered on; `spans` the same text in several tones.

    `sample` is the longest real value and sets the width; `stretch` takes what is left. `mark` names the status whose
    lamp stands before the text. `sort_key` must give values that compare with each other; the text by default.
    """

    title: str
    text: Callable[[Row], str]
    _: KW_ONLY
    align: Align = "left"
    face: Face = "small"
    tone: Tone | Callable[[Row], Tone] = "text"
    spans: Callable[[Row], Sequence[Span]] | None = None
    mark: Callable[[Row], str | None] | None = None
    series: Callable[[Row], Sequence[float | None]] | None = None
    tooltip: Callable[[Row], str] | None = None
    sort_key: Callable[[Row], Any] | None = None
    sample: str = ""
    stretch: bool = False

    def look(self, row: Row) -> Look:
        if self.spans is not None:
            spans = self.spans(row)
        else:
            tone = self.tone(row) if callable(self.tone) else self.tone
            spans = (Span(self.text(row), tone),)
        return Look(
            spans=spans,
            face=self.face,
            align=self.align,
            mark=self.mark(row) if self.mark else None,
            series=self.series(row) if self.series else None,
        )

    def data(self, row: Row, role: int) -> Any:
        """The answer to `QAbstractItemModel.data` for this cell."""
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self.text(row)
            case Role.LOOK:
                return self.look(row)
            case Role.SORT:
                return self.sort_key(row) if self.sort_key else self.text(row)
            case Role.ROW:
                return row
            case Qt.ItemDataRole.ToolTipRole:
                return self.tooltip(row) if self.tooltip else None
            case Qt.ItemDataRole.AccessibleTextRole:
                mark = self.mark(row) if self.mark else None
                return f"{self.text(row)}, {mark}" if mark else self.text(row)
            case Qt.ItemDataRole.TextAlignmentRole:
                return ALIGNMENT[self.align] | Qt.AlignmentFlag.AlignVCenter
            case _:
                return None

    def header(self, role: int) -> Any:
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self.title
            case Qt.ItemDataRole.TextAlignmentRole:
                return ALIGNMENT[self.align] | Qt.AlignmentFlag.AlignVCenter
            case _:
                return None


ALIGNMENT = {
    "left": Qt.AlignmentFlag.AlignLeft,
    "right": Qt.AlignmentFlag.AlignRight,
    "center": Qt.AlignmentFlag.AlignHCenter,
}
