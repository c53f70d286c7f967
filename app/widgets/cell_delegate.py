"""Paints one cell from its `Look`: lamp, toned text, sparkline. Panels subclass it only for cells of their own kind."""

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, cast

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QHelpEvent, QPainter, QRegion, QStaticText
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QTreeView,
)

from app.qt.columns import Look, Role, Span
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Face, Tone
from app.widgets.shapes import draw_status
from app.widgets.sparkline import Values, draw_series

if TYPE_CHECKING:
    from app.widgets.long_row_view import LongRowView
    from app.widgets.row_view import RowView

PAD: Final = 8
INDENT: Final = 20
CHEVRON: Final = 16
LAMP_GAP: Final = 8
TAG_PAD: Final = 6
TAG_ICON: Final = 10
TAG_GAP: Final = 6
TAG_HEIGHT: Final = 18
TAG_EXTRA: Final = 3 * TAG_PAD - 2 + TAG_ICON + TAG_GAP

Index = QModelIndex | QPersistentModelIndex


class CellDelegate(QStyledItemDelegate):
    """Belongs to a `RowView`, which paints the row's ground and edges. A mark that is empty keeps a lamp's room free."""

    def __init__(self, view: "RowView | LongRowView") -> None:
        super().__init__(view)
        self._view = view
        self.dirty: QRegion | None = None
        """What is being painted, where the view says so: it asks for whole rows, of which often one cell changed."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, theme().size.row_group if self._is_group(index) else self._view.row_height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        if self._is_clean(option) or (look := self.look_of(index)) is None:
            return
        painter.save()
        area = self._area(option, index)
        if index.column() == 0 and self._is_group(index):
            self._draw_chevron(painter, area, index)
        if look.mark is not None:
            area = self._draw_mark(painter, area, look)
        if look.series is not None:
            self._draw_series(painter, area.adjusted(0, 7, 0, -7), look.series, index)
        self._draw_spans(painter, area, look)
        painter.restore()

    def helpEvent(
        self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index
    ) -> bool:
        """A tooltip of its own, or the whole text where it is cut."""
        look = index.data(Role.LOOK)
        if (
            event.type() is QEvent.Type.ToolTip
            and look is not None
            and not index.data(Qt.ItemDataRole.ToolTipRole)
        ):
            room = self._area(option, index).width() - (self._lamp_side + LAMP_GAP if look.mark else 0)
            if _width(look) > room:
                QToolTip.showText(event.globalPos(), index.data(), view)
                return True
        return super().helpEvent(event, view, option, index)

    def _is_clean(self, option: QStyleOptionViewItem) -> bool:
        return self.dirty is not None and not self.dirty.intersects(option.rect)

    def look_of(self, index: Index) -> Look | None:
        look: Look | None = index.data(Role.LOOK)
        return look

    # --- pieces ---------------------------------------------------------------------------------------------------

    def _is_group(self, index: Index) -> bool:
        return self._tree is not None and not index.parent().isValid()

    @property
    def _tree(self) -> QTreeView | None:
        """The view, where it is a tree of two levels."""
        view = self._view
        return view if isinstance(view, QTreeView) and not view.uniformRowHeights() else None

    def _area(self, option: QStyleOptionViewItem, index: Index) -> QRectF:
        """Where the cell's content goes: inside the padding, after the indent of a tree's first column."""
        area = QRectF(option.rect).adjusted(PAD, 0, -PAD, -1)
        if index.column() == 0:
            area.setLeft(area.left() + PAD + (INDENT if self._tree is not None else 0))
        return area

    @property
    def _lamp_side(self) -> int:
        return theme().size.lamp_small

    def _draw_chevron(self, painter: QPainter, area: QRectF, index: Index) -> None:
        is_open = self._tree is not None and self._tree.isExpanded(cast("QModelIndex", index))
        name = "chevron-down" if is_open else "chevron-right"
        side = 12
        place = QRectF(area.left() - INDENT, area.center().y() - side / 2, side, side)
        draw_icon(painter, place, name, theme().color("text_muted"))

    def _draw_mark(self, painter: QPainter, area: QRectF, look: Look) -> QRectF:
        """Draws the lamp and gives what is left beside it. Right-aligned text keeps its lamp close to it."""
        side = self._lamp_side
        left = area.left()
        if look.align == "right":
            left = max(area.left(), area.right() - _width(look) - side - LAMP_GAP)
        place = QRectF(left, area.center().y() - side / 2, side, side)
        if look.mark:
            draw_status(painter, place, "unknown" if self._view.is_stale else look.mark)
        return area.adjusted(side + LAMP_GAP, 0, 0, 0)

    def _draw_series(self, painter: QPainter, area: QRectF, values: Values, index: Index) -> None:
        tone: Tone = "text_muted" if self._view.is_stale else "plot_p95"
        draw_series(painter, area, values, theme().color(tone))

    def _draw_spans(self, painter: QPainter, area: QRectF, look: Look) -> None:
        colors = theme()
        left = area.left()
        if look.align != "left":
            spare = max(0.0, area.width() - _width(look))
            left += spare if look.align == "right" else spare / 2
        for span in look.spans:
            face = span.face or look.face
            room = area.right() - left
            if span.tag:
                left += self._draw_tag(painter, QRectF(left, area.top(), room, area.height()), span, face)
                continue
            painter.setPen(colors.color("text_muted" if self._view.is_stale else span.tone))
            left += draw_line(painter, left, area.center().y(), room, span.text, face, strong=span.strong)
            if left >= area.right():
                break

    def _draw_tag(self, painter: QPainter, area: QRectF, span: Span, face: Face) -> float:
        return draw_tag(painter, area, span, face, is_stale=self._view.is_stale)


def draw_tag(painter: QPainter, area: QRectF, span: Span, face: Face, *, is_stale: bool = False) -> float:
    """A span that is a tag, from the left of `area` and in its middle. Gives how much of the room it took, with the gap behind it."""
    colors = theme()
    tone: Tone = "text_muted" if is_stale else span.tone
    width = min(area.width(), _advance(span.text, face, span.strong) + TAG_EXTRA - TAG_GAP)
    ground = QRectF(area.left(), area.center().y() - TAG_HEIGHT / 2, width, TAG_HEIGHT)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colors.color(cast("Tone", f"{span.tone}_tint")))
    painter.drawRoundedRect(ground, 4, 4)
    icon = QRectF(ground.left() + TAG_PAD, ground.center().y() - TAG_ICON / 2, TAG_ICON, TAG_ICON)
    draw_icon(painter, icon, "bolt", colors.color(tone))
    painter.setPen(colors.color(tone))
    left = icon.right() + TAG_PAD - 2
    room = max(0.0, ground.right() - TAG_PAD - left)
    draw_line(painter, left, area.center().y(), room, span.text, face, strong=span.strong)
    return width + TAG_GAP


def draw_line(
    painter: QPainter, left: float, middle: float, room: float, text: str, face: Face, *, strong: bool = False
) -> float:
    """One line of text in the painter's pen, its height around `middle`, cut where it is longer than `room`. Gives how much of
    the room it took. What was drawn before is not laid out again."""
    font, metrics, lift = _measures(face, strong)
    advance = _advance(text, face, strong)
    if advance > room + 1:
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room + 1)
        advance = room
    painter.setFont(font)
    painter.drawStaticText(QPointF(left, middle + lift - metrics.ascent()), _laid_out(text, face, strong))
    return advance


@lru_cache(maxsize=4096)
def _laid_out(text: str, face: Face, strong: bool) -> QStaticText:
    """Shaping a text takes longer than drawing it, and most cells say what they or others said before."""
    laid_out = QStaticText(text)
    laid_out.setTextFormat(Qt.TextFormat.PlainText)
    laid_out.prepare(font=_measures(face, strong)[0])
    return laid_out


@cache
def _measures(face: Face, strong: bool) -> tuple[QFont, QFontMetricsF, float]:
    """The font, its metrics, and how far below a line's middle its baseline is. The same in every theme."""
    font = QFont(theme().font(face))
    if strong:
        font.setWeight(QFont.Weight.DemiBold)
    metrics = QFontMetricsF(font)
    return font, metrics, (metrics.ascent() - metrics.descent()) / 2


def _advance(text: str, face: Face, strong: bool) -> float:
    return _laid_out(text, face, strong).size().width()


def _width(look: Look) -> float:
    return sum(
        _advance(span.text, span.face or look.face, span.strong) + TAG_EXTRA * span.tag for span in look.spans
    )
