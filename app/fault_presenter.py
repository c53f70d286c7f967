"""Faults for the whole window: the chip that counts down to the last one, *Restore all*, and *Break it…* on anything."""

from typing import Final

from PySide6.QtCore import QObject, QRect, QTimer

from app.core.breaking import BreakSubject, choices
from app.core.fault_words import headline
from app.core.fault_world import FaultWorld
from app.core.feed import FAULTS
from app.core.language import tr
from app.core.messages import UserMessage, to_message
from app.core.session import Port
from app.frame.break_menu import BreakMenu
from app.frame.fault_chip import RESTORE_KEYS
from app.main_window import MainWindow
from app.qt.tasks import Latest, spawn
from app.qt.throttle import Throttle
from embedded_services.common.clock import Clock, SystemClock
from embedded_services.contracts.faults import Fault, FaultState, NewFault, Restored

TICK_MS: Final = 1000
FIGURES_MS: Final = 100
IN_FORCE: Final = frozenset({FaultState.PENDING, FaultState.ACTIVE})
FAULTS_PANEL: Final = "faults"


class FaultPresenter(QObject):
    """The clock ticks only while a fault is in force."""

    def __init__(self, window: MainWindow, port: Port, parent: QObject, clock: Clock | None = None) -> None:
        super().__init__(parent)
        self._window, self._port = window, port
        self._clock = clock or SystemClock()
        self._world = FaultWorld(port)
        self._learning = Latest(self)
        self._shown = Throttle(window, self._show, FIGURES_MS)
        self._shown.setParent(self)
        self._ticking = QTimer(self)
        self._ticking.setInterval(TICK_MS)
        self._ticking.timeout.connect(self._show)
        feed, chip = port.feed, window.top_bar.faults
        leave = [feed.listen(self._shown.poke, FAULTS), feed.listen_link(self._show)]
        self.destroyed.connect(lambda: [end() for end in leave])
        window.break_requested.connect(self._on_break_requested)
        chip.restore_requested.connect(self.restore)
        chip.opened.connect(lambda: window.show_panel(FAULTS_PANEL))
        window.add_action(tr("Restore all: end every fault"), self.restore, RESTORE_KEYS, "undo")
        self._show()

    # --- the chip -------------------------------------------------------------------------------------------------

    def _in_force(self) -> list[Fault]:
        return [fault for fault in self._port.feed.rows(FAULTS).values() if fault.state in IN_FORCE]

    def _show(self) -> None:
        found = self._in_force()
        last = max((fault.expires_at for fault in found), default=0.0) - self._clock.now()
        self._window.top_bar.faults.show_faults(len(found), last, able=self._port.feed.link.is_live)
        if FAULTS_PANEL in self._window.panels:
            self._window.rail.set_badge(FAULTS_PANEL, str(len(found)) if found else "")
        if found and not self._ticking.isActive():
            self._ticking.start()
        elif not found:
            self._ticking.stop()

    # --- restore --------------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """End every fault, now."""
        if not self._in_force():
            return
        self._window.top_bar.faults.set_busy(busy=True)
        _ = spawn(self, self._restore(), "restore all", on_error=self._on_failed)

    async def _restore(self) -> None:
        try:
            done = await self._port.control().restore_all()
        finally:
            self._window.top_bar.faults.set_busy(busy=False)
            self._show()
        self._window.toast.say(UserMessage(_restored(done)), "warn" if done.pending else "ok")

    # --- break it -------------------------------------------------------------------------------------------------

    def _on_break_requested(self, subject: BreakSubject, place: QRect) -> None:
        self._learning.spawn(self._open(subject, place), f"break {subject.name}", on_error=self._on_failed)

    async def _open(self, subject: BreakSubject, place: QRect) -> None:
        if not self._world.is_complete:
            await self._world.learn()
        menu = BreakMenu(
            choices(subject, self._world.kinds, self._world.scene()), len(self._world.kinds), self._window
        )
        menu.chosen.connect(self._on_chosen)
        menu.all_requested.connect(lambda: self._window.show_panel(FAULTS_PANEL))
        menu.show_beside(place)

    def _on_chosen(self, fault: NewFault) -> None:
        _ = spawn(self, self._arm(fault), f"inject {fault.kind}", on_error=self._on_failed)

    async def _arm(self, fault: NewFault) -> None:
        armed = await self._port.control().arm_fault(fault)
        self._window.toast.say(
            tr("{fault} for {n} s. Ctrl+Shift+R ends it.", fault=headline(armed), n=f"{armed.ttl:g}")
        )

    def _on_failed(self, error: Exception) -> None:
        self._window.show_error(to_message(error))


def _restored(done: Restored) -> str:
    ended = tr("1 fault ended.") if len(done.removed) == 1 else tr("{n} faults ended.", n=len(done.removed))
    parts = [ended]
    if done.undone:
        parts.append(tr("Put right: {names}.", names=", ".join(done.undone)))
    if done.pending:
        parts.append(tr("Not heard of yet: {names}.", names=", ".join(done.pending)))
    return " ".join(parts)
