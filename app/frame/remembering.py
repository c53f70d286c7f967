"""What of a window outlives it: where it was, and what stands in its filters."""

from collections.abc import Iterable

from PySide6.QtCore import QByteArray, QRect
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from app.widgets.filter_field import FilterField
from app.widgets.panel import Panel


def place_of(window: QWidget) -> QRect:
    """Where it is while it is neither maximized nor over the full screen, without its frame."""
    return window.normalGeometry() if _is_large(window) else window.geometry()


def put_back(window: QWidget, geometry: bytes, place: QRect | None) -> None:
    """Geometry that does not fit (of another screen, or damaged) is passed over by Qt. It also keeps room for a frame,
    without which a window as large as the screen is: `place` is taken where it fits.
    """
    if geometry:
        window.restoreGeometry(QByteArray(geometry))
    if place is None or _is_large(window) or place == window.geometry():
        return
    screens = (screen.availableGeometry() for screen in QGuiApplication.screens())
    if place.isValid() and any(room.contains(place) for room in screens):
        window.setGeometry(place)


def filter_fields(panels: Iterable[Panel]) -> dict[str, FilterField]:
    """The named filter fields, by `panel/field`."""
    return {
        f"{panel.key}/{field.objectName()}": field
        for panel in panels
        for field in panel.findChildren(FilterField)
        if field.objectName()
    }


def _is_large(window: QWidget) -> bool:
    return window.isMaximized() or window.isFullScreen()
