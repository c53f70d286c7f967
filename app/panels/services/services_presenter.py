"""Keeps the Services panel true to the stream, and carries out what the user asks of it.

What changes a status is shown at once; figures alone at most twice a second. What was asked for is shown as under
way until the stream shows what came of it.
"""

from collections.abc import Coroutine
from typing import Any, Final, cast

from PySide6.QtCore import QObject, QTimer

from app.core.fault_marks import marks
from app.core.feed import FAULTS, INSTANCES, JOURNAL, PROCESSES, SERVICES, SETTINGS
from app.core.language import tr
from app.core.messages import to_message
from app.core.session import Port
from app.panels.services.journal_model import JournalModel, journal_row
from app.panels.services.readings import Readings
from app.panels.services.register_form import Wish
from app.panels.services.registrations import Registrations
from app.panels.services.services_commands import ServicesCommands
from app.panels.services.services_model import ServicesModel
from app.panels.services.services_panel import ServicesPanel
from app.panels.services.services_rows import Sources, totals, tree_rows
from app.qt.dialogs import confirm
from app.qt.tasks import spawn
from app.qt.throttle import Throttle
from embedded_services.client.control_client import Action
from embedded_services.client.errors import ControlError
from embedded_services.common.clock import Clock, SystemClock

FIGURES_MS: Final = 500
SECOND_MS: Final = 1000
JOURNAL_ROWS: Final = 500


class ServicesPresenter(QObject):
    def __init__(
        self,
        panel: ServicesPanel,
        model: ServicesModel,
        journal: JournalModel,
        port: Port,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(panel)
        self._panel, self._model, self._journal, self._port = panel, model, journal, port
        self._clock = clock or SystemClock()
        self._readings = Readings()
        self._now = self._clock.now()
        """Moves on once a second: clocks and ages tick together, and nothing is painted in between because of them."""
        self._seen_statuses: object = None
        self._seen_calls: object = None
        self._commands = ServicesCommands(port, self)
        self._registrations = Registrations(port, self._clock, self)
        self._states = Throttle(panel, self._show)
        self._figures = Throttle(panel, self._show, FIGURES_MS)
        self._changes = Throttle(panel, self._show_journal)
        self._second = QTimer(self)
        self._second.setInterval(SECOND_MS)
        self._second.timeout.connect(self._on_second)
        self._follow()
        self._commands.changed.connect(self._show)
        panel.action_requested.connect(self._on_action_requested)
        panel.replicas_requested.connect(self._on_replicas_requested)
        panel.register_requested.connect(self._on_register_requested)

    def _follow(self) -> None:
        feed = self._port.feed
        leave = [
            feed.listen(self._on_instances, INSTANCES),
            feed.listen(self._states.poke, SERVICES, FAULTS),
            feed.listen(self._figures.poke, PROCESSES),
            feed.listen(self._changes.poke, JOURNAL),
            feed.listen_link(self._on_link),
        ]
        self.destroyed.connect(lambda: [end() for end in leave])
        self._on_second()
        self._on_link()
        self._changes.poke()
        self._second.start()

    # --- what is shown --------------------------------------------------------------------------------------------

    def _on_instances(self) -> None:
        """What is news by its checks alone (each instance, each second) can wait for the clocks to tick."""
        rows = self._port.feed.rows(INSTANCES).values()
        statuses = [(row.id, row.incarnation, row.status, row.in_rotation, row.reason) for row in rows]
        calls = [(row.in_flight, row.requests, row.failures, row.latency_ms) for row in rows]
        if statuses != self._seen_statuses:
            self._states.poke()
        elif calls != self._seen_calls:
            self._figures.poke()
        self._seen_statuses, self._seen_calls = statuses, calls

    def _on_link(self) -> None:
        self._now = self._clock.now()
        self._panel.set_stale(not self._port.feed.link.is_live)
        self._states.poke()

    def _on_second(self) -> None:
        """Time passes also while nothing happens, and the last minute is kept also while nobody looks."""
        self._now = self._clock.now()
        if self._port.feed.link.is_live:
            self._readings.sample(self._clock.monotonic(), self._port.feed.rows(INSTANCES).values())
        else:
            self._readings.skip()
        self._figures.poke()
        self._changes.poke()

    def _show(self) -> None:
        sources = self._sources()
        groups = tree_rows(sources, self._commands.asked, self._readings)
        self._model.apply(groups)
        self._panel.set_subtitle(totals(groups, sources.age_s) if groups else "")
        if groups:
            self._panel.show_content()
        elif sources.age_s is None:
            text = tr("Services come from the workspace, or register themselves.")
            self._panel.show_empty(tr("There are no services"), text, tr("Register an instance…"))
        else:
            self._panel.show_loading(tr("Waiting for the system"), self._port.feed.link.reason)
        self._refresh_panel()

    def _sources(self) -> Sources:
        feed = self._port.feed
        state = next(iter(feed.rows(SETTINGS).values()), None)
        now, link = self._now, feed.link
        read_at = now if link.is_live or link.last_reading is None else min(now, link.last_reading)
        return Sources(
            services=feed.rows(SERVICES),
            instances=feed.rows(INSTANCES),
            processes=feed.rows(PROCESSES),
            now=read_at,
            age_s=None if link.is_live else link.age_s,
            broken=marks(feed.rows(FAULTS).values(), state.settings if state is not None else None),
        )

    def _show_journal(self) -> None:
        tail = self._port.feed.tail(JOURNAL)
        newest_first = reversed(tail.after(tail.total - JOURNAL_ROWS))
        self._journal.apply([journal_row(seq, change, self._now) for seq, change in newest_first])
        self._refresh_panel()

    def _refresh_panel(self) -> None:
        self._panel.refresh(self._now, self._port.feed.tail(JOURNAL).total)

    # --- what the user asks ---------------------------------------------------------------------------------------

    def _on_action_requested(self, instance: str, key: str) -> None:
        self._panel.clear_error()
        if key == "remove":
            self._spawn(self._remove(instance), f"remove {instance}")
        elif self._commands.begin(instance, key):
            self._spawn(self._commands.act(instance, cast("Action", key)), f"{key} {instance}")

    async def _remove(self, instance: str) -> None:
        row = self._port.feed.rows(INSTANCES)[instance]
        text = tr("It gets no more requests. Its process goes on; it can be registered again.")
        sure = await confirm(self._panel, tr("Remove {instance}?", instance=instance), text, tr("Remove"))
        if sure and self._commands.begin(instance, "remove"):
            self._registrations.stop_renewing(instance)
            await self._commands.remove(row.service, instance)

    def _on_replicas_requested(self, service: str, replicas: int) -> None:
        self._panel.clear_error()
        if self._commands.begin_scaling(service, replicas):
            self._spawn(self._commands.scale(service), f"scale {service}")

    def _spawn(self, doing: Coroutine[Any, Any, None], name: str) -> None:
        _ = spawn(self, doing, name, on_error=self._panel.show_failure)

    def _on_register_requested(self, wish: Wish) -> None:
        _ = spawn(self, self._register(wish), f"register {wish.id}", on_error=self._on_register_failed)

    async def _register(self, wish: Wish) -> None:
        await self._registrations.register(wish)
        self._panel.show_registered(wish.id)

    def _on_register_failed(self, error: Exception) -> None:
        details = error.details if isinstance(error, ControlError) else ()
        self._panel.show_register_failure(to_message(error), {d.field: d.message for d in details})
