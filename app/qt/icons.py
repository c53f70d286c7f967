"""The icons: outlines of `resources/icons` on a 20-unit grid, drawn in a role's colour at the display's resolution.

An icon asks for its colour each time it is painted, so a change of theme needs no new icons.
"""

from collections.abc import Callable
from functools import cache, lru_cache

from PySide6.QtCore import QByteArray, QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from embedded_services.common.resources import resource

ColorOf = Callable[[QIcon.Mode, QIcon.State], QColor]


def draw_icon(painter: QPainter, rect: QRectF, name: str, color: QColor) -> None:
    """Raises FileNotFoundError for an icon that does not exist."""
    _renderer(name, color.name()).render(painter, rect)


def stamp_icon(painter: QPainter, place: QPointF, side: int, name: str, color: QColor) -> None:
    """The same, quicker, for what is painted many times: at the nearest whole pixel, on a painter that is only moved."""
    scale = painter.device().devicePixelRatio()
    painter.drawPixmap(place.toPoint(), _stamp(name, color.name(), side, scale))


@lru_cache(maxsize=256)
def _stamp(name: str, color: str, side: int, scale: float) -> QPixmap:
    pixmap = QPixmap(QSize(side, side) * scale)
    pixmap.setDevicePixelRatio(scale)
    pixmap.fill(Qt.GlobalColor.transparent)
    with QPainter(pixmap) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        draw_icon(painter, QRectF(0, 0, side, side), name, QColor(color))
    return pixmap


@cache
def _renderer(name: str, color: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(_source(name).replace("currentColor", color).encode()))


@cache
def _source(name: str) -> str:
    return resource("icons", f"{name}.svg").read_text(encoding="utf-8")


class TintedIcon(QIconEngine):
    """Draws one icon in the colour that `color_of` gives for the state of the control."""

    def __init__(self, name: str, color_of: ColorOf) -> None:
        super().__init__()
        self._name = name
        self._color_of = color_of

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        side = min(rect.width(), rect.height())
        square = QRectF(0, 0, side, side)
        square.moveCenter(QRectF(rect).center())
        draw_icon(painter, square, self._name, self._color_of(mode, state))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        pixmap = QPixmap(size * scale)
        pixmap.setDevicePixelRatio(scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        with QPainter(pixmap) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        return pixmap

    def clone(self) -> QIconEngine:
        """Qt takes what this returns and PySide does not know: without a reference of ours it would be gone at once, and Qt
        would paint with what is left of it."""
        copy = TintedIcon(self._name, self._color_of)
        _clones.append(copy)
        return copy


_clones: list[TintedIcon] = []
"""As long as the process: Qt asks for a copy only where an icon is changed, which nothing here does on purpose."""
