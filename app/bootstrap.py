"""The composition root of the window: builds everything, runs until it is closed, ends everything."""

import asyncio
import logging
import sys
from functools import partial
from typing import Any

import qasync
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from app.core.backend import Backend
from app.core.child import Child
from app.core.language import tr
from app.core.messages import to_message
from app.core.options import Options
from app.core.session import Port, Session
from app.core.settings import SettingsFile, from_text, to_text
from app.main_window import MainWindow
from app.panels.logs.logs_model import LogsModel
from app.panels.logs.logs_panel import LogsPanel
from app.panels.logs.logs_presenter import LogsPresenter
from app.panels.services.journal_model import JournalModel
from app.panels.services.services_model import ServicesModel
from app.panels.services.services_panel import ServicesPanel
from app.panels.services.services_presenter import ServicesPresenter
from app.qt.signals import close_on_signals
from app.qt.single_instance import FirstInstance
from app.qt.tasks import spawn
from app.qt.theme import CHOICES, Theme, ThemeChoice
from app.window_presenter import WindowPresenter
from embedded_services.common.resources import resource

log = logging.getLogger(__name__)


def run(options: Options, early: Child | None) -> int:
    """Show the window until it is closed. `early` is the control plane, if it was started. Returns the exit code."""
    app = QApplication([sys.argv[0]])
    name_application()
    settings = SettingsFile.load()
    theme = Theme.install(app, settings.settings.theme)
    session = Session(options.workspace, backend=Backend(options.workspace, early=early))
    window = build_window(session, settings, theme)
    first = FirstInstance(options.workspace, window.raise_to_front, window)
    close_on_signals(window, window.close_requested.emit)
    window.show()
    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(app)) as runner:
        runner.run(live(window, session, settings, first))
    return 0


def name_application() -> None:
    """How desktops know it: the desktop entry has the same name."""
    QCoreApplication.setApplicationName("faultdeck")
    QApplication.setApplicationDisplayName("Faultdeck")
    QApplication.setDesktopFileName("faultdeck")
    QApplication.setWindowIcon(QIcon(str(resource("icons", "faultdeck.svg"))))
    QApplication.setQuitOnLastWindowClosed(False)  # the loop ends when everything is stopped, not before


def build_window(session: Session, settings: SettingsFile, theme: Theme) -> MainWindow:
    """The window with its panels, as it was left."""
    window = MainWindow(session.workspace)
    add_panels(window, session)
    add_theme_actions(window, theme, settings)
    remembered = settings.settings
    window.restore(from_text(remembered.geometry), from_text(remembered.split))
    window.set_filter_texts(remembered.filters)
    window.show_panel(remembered.panel)
    if settings.message is not None:
        window.show_error(settings.message)
    return window


def add_theme_actions(window: MainWindow, theme: Theme, settings: SettingsFile) -> None:
    """In the palette, and in the window's menu."""

    def choose(choice: ThemeChoice) -> None:
        theme.choose(choice)
        settings.settings.theme = choice

    words = {"system": tr("Theme: as the system"), "dark": tr("Theme: dark"), "light": tr("Theme: light")}
    for choice in CHOICES:
        action = window.add_action(words[choice], partial(choose, choice), icon="theme")
        window.top_bar.menu.addAction(action)


def add_panels(window: MainWindow, session: Session) -> None:
    """Each panel's model, view and presenter meet here and nowhere else."""
    window.add_panel(services_panel(session), "services", "Ctrl+2")
    window.add_panel(logs_panel(session), "logs", "Ctrl+0")


def services_panel(port: Port) -> ServicesPanel:
    model, journal = ServicesModel(), JournalModel()
    panel = ServicesPanel(model, journal)
    model.setParent(panel)
    journal.setParent(panel)
    ServicesPresenter(panel, model, journal, port)
    return panel


def logs_panel(port: Port) -> LogsPanel:
    model = LogsModel()
    panel = LogsPanel(model)
    model.setParent(panel)
    LogsPresenter(panel, model, port)
    return panel


async def live(window: MainWindow, session: Session, settings: SettingsFile, first: FirstInstance) -> None:
    """Until the window is closed and everything is stopped."""

    def on_failure(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        log.error("%s", context["message"], exc_info=error)
        if error is not None:
            window.show_error(to_message(error))

    asyncio.get_running_loop().set_exception_handler(on_failure)
    presenter = WindowPresenter(window, session)
    running = spawn(window, session.run(), "session")
    try:
        await presenter.close_wanted.wait()
        first.is_closing = True
        remember(window, settings)
        await session.close()
    finally:
        running.cancel()
        await asyncio.wait({running})
        window.hide()
        window.deleteLater()


def remember(window: MainWindow, settings: SettingsFile) -> None:
    kept = settings.settings
    kept.geometry = to_text(bytes(window.saveGeometry().data()))
    kept.split = to_text(window.split_state())
    kept.panel = window.current_panel
    kept.filters = window.filter_texts()
    settings.save()
