"""Brings the log entries of the feed into the model, and fetches those that the stream did not bring."""

from typing import Final

from PySide6.QtCore import QObject, QTimer

from app.core.feed import LOGS
from app.core.language import tr
from app.core.session import Port
from app.panels.logs.log_book import Numbers, row_of
from app.panels.logs.logs_model import LogsModel
from app.panels.logs.logs_panel import LogsPanel
from app.qt.tasks import Latest
from app.qt.throttle import Throttle

PAGE: Final = 500
"""Entries asked for at once: few enough that taking them in is not felt."""
RETRY_MS: Final = 3000


class LogsPresenter(QObject):
    """Nothing is asked for while the panel is hidden; what was missed meanwhile is fetched when it is shown."""

    def __init__(self, panel: LogsPanel, model: LogsModel, port: Port) -> None:
        super().__init__(panel)
        self._panel, self._model, self._port = panel, model, port
        self._run = -1
        self._fetching = Latest(self)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(RETRY_MS)
        self._refresh = Throttle(panel, self._show)
        self._pause.timeout.connect(self._refresh.poke)
        leave = [port.feed.listen(self._refresh.poke, LOGS), port.feed.listen_link(self._on_link)]
        self.destroyed.connect(lambda: [end() for end in leave])
        self._on_link()

    def _on_link(self) -> None:
        self._panel.set_stale(not self._port.feed.link.is_live)
        self._pause.stop()
        self._refresh.poke()

    def _show(self) -> None:
        tail = self._port.feed.tail(LOGS)
        if tail.run != self._run:
            self._run = tail.run
            self._fetching.cancel()
            self._model.restart()
        fresh = [row_of(seq, entry) for seq, entry in tail.after(self._model.newest)]
        self._model.take(fresh, tail.total)
        if tail.total:
            self._panel.show_content()
        else:
            self._panel.show_empty(
                tr("Nothing is logged yet"), tr("What every process writes appears here as it happens.")
            )
        self._fetch()

    def _fetch(self) -> None:
        may = self._port.feed.link.is_live and not self._pause.isActive() and not self._fetching.is_running
        if may and (span := self._model.wanted(PAGE)) is not None:
            self._fetching.spawn(self._fill(span), "fetch log entries", on_error=self._on_failure)

    async def _fill(self, span: Numbers) -> None:
        """One page after the other, newest first, until nothing is missing."""
        control = self._port.control()
        wanted: Numbers | None = span
        while wanted is not None:
            page = await control.logs(cursor=str(wanted.last + 1), limit=wanted.last - wanted.first + 1)
            if self._run != self._port.feed.tail(LOGS).run:
                return  # these are numbers of another run
            newest_first = enumerate(page.items)
            self._model.fill(wanted, [row_of(wanted.last - at, entry) for at, entry in newest_first])
            wanted = self._model.wanted(PAGE)

    def _on_failure(self, error: Exception) -> None:
        """It is tried again later; lost contact tells of itself."""
        self._pause.start()
        if self._port.feed.link.is_live:
            self._panel.show_failure(error)
