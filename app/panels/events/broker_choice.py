"""Carries out what is chosen in the broker's dialog: tries an address, and writes one down for the next start."""

from PySide6.QtCore import QObject

from app.core.feed import BUS, SETTINGS
from app.core.language import tr
from app.core.messages import to_message
from app.core.session import Port
from app.panels.events.broker_dialog import BrokerDialog, BrokerOffer
from app.panels.events.broker_words import in_use, next_broker
from app.panels.events.events_panel import EventsPanel
from app.qt.tasks import Latest, spawn
from embedded_services.client.errors import ControlError


class BrokerChoice(QObject):
    def __init__(self, panel: EventsPanel, port: Port, parent: QObject) -> None:
        super().__init__(parent)
        self._panel, self._port = panel, port
        panel.broker_requested.connect(self._on_requested)

    def _on_requested(self) -> None:
        feed = self._port.feed
        state = next(iter(feed.rows(SETTINGS).values()), None)
        if state is None:
            return
        bus = next(iter(feed.rows(BUS).values()), None)
        dialog = BrokerDialog(BrokerOffer(in_use(bus), state.settings.broker.url), self._panel)
        testing = Latest(dialog)

        async def test(url: str) -> None:
            dialog.show_test(await self._port.control().test_broker(url))

        async def save(url: str | None) -> None:
            state = await self._port.control().patch_settings({"broker": {"url": url}})
            dialog.accept()
            coming = next_broker(bus, state.settings.broker)
            self._panel.toast_requested.emit(
                tr("Saved. From the next start on: {broker}.", broker=coming) if coming else tr("Saved.")
            )

        def refuse(error: Exception) -> None:
            said = ""
            if isinstance(error, ControlError) and error.details:
                said = next((row.message for row in error.details if row.field.endswith("url")), "")
            dialog.show_failure(to_message(error), said)

        dialog.test_requested.connect(lambda url: testing.spawn(test(url), "test broker", on_error=refuse))
        dialog.save_requested.connect(lambda url: spawn(dialog, save(url), "save broker", on_error=refuse))
        dialog.open()
