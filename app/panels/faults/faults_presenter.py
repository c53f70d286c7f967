"""Keeps the Faults panel true to the stream, and carries out what the user asks of it.

What is composed is judged by what is known of the system; what the control plane refuses is shown at its field.
"""

from collections.abc import Coroutine
from typing import Any, Final

from PySide6.QtCore import QObject, QTimer

from app.core import language
from app.core.fault_world import FaultWorld
from app.core.feed import FAULTS, INSTANCES, PROCESSES, QUEUES, SERVICES, SETTINGS
from app.core.language import tr
from app.core.messages import to_message
from app.core.session import Port
from app.core.settings import MAX_PRESETS, SavedPreset, WindowSettings
from app.panels.faults.fault_card import MORE_S
from app.panels.faults.faults_panel import FaultsPanel
from app.panels.faults.preset_dialog import PresetDialog
from app.panels.faults.presets import OWN, Preset, classics, judged, own
from app.qt.dialogs import shown
from app.qt.tasks import Latest, spawn
from app.qt.throttle import Throttle
from embedded_services.client.errors import ControlError
from embedded_services.common.clock import Clock, SystemClock
from embedded_services.contracts.faults import NewFault

TICK_MS: Final = 250
SCENE_MS: Final = 500


class FaultsPresenter(QObject):
    """The clock ticks only while a fault is in force."""

    def __init__(
        self, panel: FaultsPanel, port: Port, settings: WindowSettings, clock: Clock | None = None
    ) -> None:
        super().__init__(panel)
        self._panel, self._port, self._settings = panel, port, settings
        self._clock = clock or SystemClock()
        self._world = FaultWorld(port)
        self._classics = classics(language.current())
        self._loading = Latest(self)
        self._rows = Throttle(panel, self._show, TICK_MS)
        self._scene = Throttle(panel, self._show_scene, SCENE_MS)
        for throttle in (self._rows, self._scene):
            throttle.setParent(self)
        self._ticking = QTimer(self)
        self._ticking.setInterval(TICK_MS)
        self._ticking.timeout.connect(self._on_tick)
        self._follow()

    def _follow(self) -> None:
        feed, panel = self._port.feed, self._panel
        leave = [
            feed.listen(self._rows.poke, FAULTS),
            feed.listen(self._scene.poke, SERVICES, INSTANCES, PROCESSES, SETTINGS, QUEUES),
            feed.listen_link(self._on_link),
        ]
        self.destroyed.connect(lambda: [end() for end in leave])
        panel.extend_requested.connect(self._on_extend)
        panel.remove_requested.connect(self._on_remove)
        panel.preset_requested.connect(self._on_preset)
        panel.preset_forgotten.connect(self._on_forget)
        panel.composer.inject_requested.connect(self._on_inject)
        panel.composer.save_requested.connect(self._on_save)
        self._on_link()
        self._show()
        self._show_scene()

    # --- what is shown --------------------------------------------------------------------------------------------

    def _on_link(self) -> None:
        live = self._port.feed.link.is_live
        self._panel.set_stale(not live)
        self._learn()

    def _learn(self) -> None:
        """What is not known yet, once there is somebody to ask and somebody who looks."""
        live = self._port.feed.link.is_live
        if live and self._panel.isVisible() and not self._world.is_complete and not self._loading.is_running:
            self._loading.spawn(self._load(), "catalogue of faults", on_error=self._panel.show_failure)

    async def _load(self) -> None:
        knew = self._world.kinds
        await self._world.learn()
        if self._world.kinds is not knew:
            self._panel.show_kinds(list(self._world.kinds.values()))

    def _show(self) -> None:
        self._panel.show_faults(self._port.feed.rows(FAULTS).values())
        self._panel.show_time(self._clock.now())
        if self._panel.active and not self._ticking.isActive():
            self._ticking.start()

    def _on_tick(self) -> None:
        if not self._panel.active:
            self._ticking.stop()
        elif self._panel.isVisible() and self._port.feed.link.is_live:
            self._panel.show_time(self._clock.now())

    def _show_scene(self) -> None:
        scene = self._world.scene()
        self._panel.composer.show_scene(scene)
        presets = [*self._classics, *own(self._settings.presets)]
        self._panel.show_presets(judged(presets, scene))
        self._learn()

    # --- what the user wants --------------------------------------------------------------------------------------

    def _on_inject(self, fault: NewFault) -> None:
        self._panel.clear_error()
        self._spawn(self._inject(fault), f"inject {fault.kind}", on_error=self._on_refused)

    async def _inject(self, fault: NewFault) -> None:
        armed = await self._port.control().arm_fault(fault)
        self._panel.composer.show_injected()
        self._panel.choose_when_there(armed.id)

    def _on_refused(self, error: Exception) -> None:
        details = error.details if isinstance(error, ControlError) else ()
        problems = {detail.field: detail.message for detail in details or ()}
        self._panel.composer.show_refusal(problems, str(to_message(error)))

    def _on_extend(self, fault: str) -> None:
        self._panel.set_busy(fault, "extend", busy=True)
        self._spawn(self._extend(fault), f"extend {fault}")

    async def _extend(self, fault: str) -> None:
        try:
            found = self._port.feed.rows(FAULTS).get(fault)
            left = max(0.0, found.expires_at - self._clock.now()) if found is not None else 0.0
            await self._port.control().extend_fault(fault, min(3600.0, left + MORE_S))
        finally:
            self._panel.set_busy(fault, "extend", busy=False)

    def _on_remove(self, fault: str) -> None:
        self._panel.set_busy(fault, "remove", busy=True)
        self._spawn(self._remove(fault), f"remove {fault}")

    async def _remove(self, fault: str) -> None:
        try:
            await self._port.control().remove_fault(fault)
        finally:
            self._panel.set_busy(fault, "remove", busy=False)

    # --- presets --------------------------------------------------------------------------------------------------

    def _on_preset(self, preset: Preset) -> None:
        self._panel.clear_error()
        self._spawn(self._arm_all(preset), f"preset {preset.key}")

    async def _arm_all(self, preset: Preset) -> None:
        """All of them or none: what was armed before one was refused is taken back."""
        control = self._port.control()
        armed: list[str] = []
        try:
            for fault in preset.faults:
                answer = await control.arm_fault(fault)
                armed.append(answer.id)
        except BaseException:
            for name in armed:
                await control.remove_fault(name)
            raise
        self._panel.toast_requested.emit(tr("Armed: {name}", name=preset.title))

    def _on_save(self, fault: NewFault) -> None:
        self._spawn(self._save(fault), "save a preset")

    async def _save(self, fault: NewFault) -> None:
        dialog = PresetDialog({one.title for one in self._settings.presets}, self._panel)
        if not await shown(dialog):
            return
        kept = [one for one in self._settings.presets if one.title != dialog.title]
        self._settings.presets = [*kept, SavedPreset(title=dialog.title, faults=[fault])][-MAX_PRESETS:]
        self._show_scene()
        self._panel.toast_requested.emit(tr("Kept as “{name}”, under Presets", name=dialog.title))

    def _on_forget(self, key: str) -> None:
        self._settings.presets = [one for one in self._settings.presets if f"{OWN}{one.title}" != key]
        self._show_scene()

    def _spawn(self, doing: Coroutine[Any, Any, None], name: str, on_error: Any = None) -> None:
        _ = spawn(self, doing, name, on_error=on_error or self._panel.show_failure)
