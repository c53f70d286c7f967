"""Turns any number of pokes into at most one call per interval, and none while nobody can see the result.

The first poke acts at once (so a click shows at once), the last one of a burst is never lost, and what was missed
while the widget was hidden is made good when it is shown.
"""

from collections.abc import Callable
from typing import Final

import shiboken6
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget

REDRAW_MS: Final = 100


class Throttle(QObject):
    """`throttle.poke()` as often as you like; `call` runs in the GUI thread. Lives and dies with `widget`."""

    def __init__(self, widget: QWidget, call: Callable[[], None], interval_ms: int = REDRAW_MS) -> None:
        super().__init__(widget)
        self._widget = widget
        self._call = call
        self._due = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(interval_ms)
        self._timer.timeout.connect(self._run)
        widget.installEventFilter(self)

    def poke(self) -> None:
        """What `call` shows has changed. Nothing happens once the widget is gone: a task that is cancelled with it may
        still tell of its end."""
        if not shiboken6.isValid(self._timer):
            return
        self._due = True
        if not self._timer.isActive():
            self._run()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Show and watched is self._widget and not self._timer.isActive():
            self._timer.start(0)  # once it is on the screen, so that `call` sees it visible
        return False

    def _run(self) -> None:
        if self._due and self._is_seen():
            self._due = False
            self._timer.start(self._timer.interval() or REDRAW_MS)
            self._call()

    def _is_seen(self) -> bool:
        return self._widget.isVisible() and not self._widget.window().isMinimized()
