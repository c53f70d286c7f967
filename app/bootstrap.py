"""The composition root of the window: builds everything, runs until it is closed, ends everything.

The frame is painted before the panels and the clients are even loaded: these take half a second, in which a user
would look at nothing and the control plane needs no window. Then the panel that is seen is made, and the others when the
system is up: both are made of the same processors.
"""

import asyncio
import contextlib
import gc
import importlib
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import qasync
from PySide6.QtCore import QCoreApplication, QLocale, QRect, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from app.core import language
from app.core.backend import Backend, Phase
from app.core.child import Child
from app.core.language import CatalogueError, tr
from app.core.messages import UserMessage, to_message
from app.core.options import Options
from app.core.settings import SettingsFile, from_text, to_text
from app.main_window import MainWindow
from app.qt.signals import close_on_signals
from app.qt.single_instance import FirstInstance
from app.qt.tasks import spawn
from app.qt.theme import CHOICES, Theme, ThemeChoice, theme
from embedded_services.common.importing import importing
from embedded_services.common.resources import resource
from embedded_services.contracts.system import SystemStatus

if TYPE_CHECKING:
    from app.core.session import Session
    from app.panel_set import Place
    from app.window_presenter import WindowPresenter

log = logging.getLogger(__name__)

LOADED_LATER: Final = ("httpx", "aiohttp", "app.core.session", "app.panel_set", "app.window_presenter")
"""What takes longest to load, piece by piece, so that the window answers in between."""

UP_WITHIN_S: Final = 2.0
SHOWN_S: Final = 0.15
"""What became of the start is to be painted before other panels are made."""

PAINT_S: Final = 0.3
LOOK_S: Final = 0.002
LATER_MS: Final = 100


def run(options: Options, early: Child | None) -> int:
    """Show the window until it is closed. `early` is the control plane, if it was started. Returns the exit code."""
    app = QApplication(["faultdeck"])  # X11 names the window after it
    name_application()
    settings = SettingsFile.load()
    Theme.install(app, settings.settings.theme)
    application = Application(Backend(options.workspace, early=early), settings)
    first = FirstInstance(options.workspace, application.window.raise_to_front, application.window)
    close_on_signals(application.window, application.window.close_requested.emit)
    application.closing_told = partial(setattr, first, "is_closing", True)
    application.furnished_told = (
        gc.freeze
    )  # it stays, and looking through it would stop the window for 50 ms at a time
    application.window.show()
    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(app)) as runner:
        runner.run(application.run())
    return 0


def name_application() -> None:
    """How desktops know it: the desktop entry has the same name."""
    QCoreApplication.setApplicationName("faultdeck")
    QApplication.setApplicationDisplayName("Faultdeck")
    QApplication.setDesktopFileName("faultdeck")
    QApplication.setWindowIcon(QIcon(str(resource("icons", "faultdeck.svg"))))
    QApplication.setQuitOnLastWindowClosed(False)  # the loop ends when everything is stopped, not before


class Application:
    """The window with all that it shows. `furnished` is set once the panels are in place."""

    def __init__(self, backend: Backend, settings: SettingsFile) -> None:
        """Makes the frame, as it was left; the theme must be installed."""
        self._backend = backend
        self._settings = settings
        self._closing = asyncio.Event()
        self.closing_told: Callable[[], None] = lambda: None
        self.furnished_told: Callable[[], None] = lambda: None
        self.furnished = asyncio.Event()
        self._missing: list[Place] = []
        self._presenter: WindowPresenter
        broken = self._use_language()
        self.window = MainWindow(backend.workspace)
        self.window.close_requested.connect(self._closing.set)
        remembered = settings.settings
        self.window.wants_inspector = remembered.inspector_open
        place = None if remembered.place is None else QRect(*remembered.place)
        self.window.restore(from_text(remembered.geometry), from_text(remembered.split), place)
        self._prepare()
        if broken is not None:
            self.window.show_error(broken)
        if settings.message is not None:
            self.window.show_error(settings.message)

    async def run(self) -> None:
        """Until the window is closed and everything is stopped."""
        asyncio.get_running_loop().set_exception_handler(self._on_failure)
        await self._until_painted()
        self.session = session = await self._furnish()
        session.backend.start()
        running = spawn(self.window, session.run(), "session")
        rest = spawn(self.window, self._furnish_rest(session), "panels")
        try:
            await self._closing.wait()
            rest.cancel()
            self.closing_told()
            self._remember()
            await session.close()
        finally:
            running.cancel()
            rest.cancel()
            await asyncio.wait({running, rest})
            self.window.hide()
            self.window.deleteLater()

    async def _until_painted(self) -> None:
        """Loading keeps the loop from painting. A window that nobody sees, being minimized, is not waited for."""
        window = self.window
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAINT_S):
                while not (window.isVisible() and window.windowHandle().isExposed()):  # noqa: ASYNC110 - no signal
                    await asyncio.sleep(LOOK_S)

    async def _furnish(self) -> "Session":
        """The panel that was seen last, and those above it in the rail."""
        for module in LOADED_LATER:
            with importing():
                importlib.import_module(module)
            await asyncio.sleep(0)
        from app.core.session import Session
        from app.panel_set import PLACES

        session = Session(self._backend)
        remembered = self._settings.settings
        keys = [place.key for place in PLACES]
        self._missing = list(PLACES)
        seen = keys.index(remembered.panel) if remembered.panel in keys else 0
        for _ in range(seen + 1):
            self._add_next(session)
        self.window.show_panel(remembered.panel)
        self._present(session)
        return session

    async def _furnish_rest(self, session: "Session") -> None:
        """All others, one in each turn."""
        await self._until_up(session)
        while self._missing:
            self._add_next(session)
            await asyncio.sleep(0)
        self._presenter.deleteLater()
        self._present(session)  # it joins what is in the frame to the panels
        self.furnished.set()
        self.furnished_told()

    def _add_next(self, session: "Session") -> None:
        place, settings = self._missing.pop(0), self._settings.settings
        place.fill(self.window, session, settings)
        texts = {key: text for key, text in settings.filters.items() if key.startswith(f"{place.key}/")}
        self.window.set_filter_texts(texts)

    def _present(self, session: "Session") -> None:
        from app.window_presenter import WindowPresenter

        self._presenter = WindowPresenter(self.window, session)

    async def _until_up(self, session: "Session") -> None:
        """Until the system is up, it is clear that it is not coming up, or it takes too long."""
        from app.core.feed import SYSTEM

        changed = asyncio.Event()
        ends = (session.backend.listen(changed.set), session.feed.listen(changed.set, SYSTEM))
        try:
            async with asyncio.timeout(UP_WITHIN_S):
                while _is_starting(session):
                    changed.clear()
                    await changed.wait()
                await asyncio.sleep(SHOWN_S)
        except TimeoutError:
            log.info("the system is not up after %g s", UP_WITHIN_S)
        finally:
            for end in ends:
                end()

    def _add_all(self, session: "Session") -> None:
        """Once more, in a window that was built anew."""
        from app.panel_set import PLACES

        self._presenter.deleteLater()
        self._prepare()
        for place in PLACES:
            place.fill(self.window, session, self._settings.settings)
        self._present(session)

    def _prepare(self) -> None:
        """What a window has before it has panels."""
        self.window.state.show_loading(tr("Starting the system"))
        self.window.show_state(shown=True)
        self._add_theme_actions()
        self._add_language_actions()

    # --- language and theme ---------------------------------------------------------------------------------------

    def _use_language(self) -> UserMessage | None:
        """Of the settings, or the system's; English where its catalogue is damaged: then with what to say."""
        chosen = language.resolve(self._settings.settings.language, QLocale.system().uiLanguages())
        try:
            language.use(chosen)
        except CatalogueError as error:
            log.warning("%s", error)
            language.use(language.ENGLISH)
            return UserMessage(
                tr("The texts of this language cannot be read; here they are in English."), str(error)
            )
        return None

    def _add_language_actions(self) -> None:
        """Languages are named in themselves, so that everybody finds back."""
        self.window.top_bar.menu.addSeparator()
        names = {language.AS_SYSTEM: tr("Language: as the system")}
        names |= {key: f"Language: {name}" for key, name in language.LANGUAGES.items()}
        for key, name in names.items():
            action = self.window.add_action(name, partial(self._choose_language, key), icon="language")
            self.window.top_bar.menu.addAction(action)

    def _choose_language(self, key: str) -> None:
        """At once, but after the menu or the palette that this came from is done: they are built anew too."""
        self._settings.settings.language = key
        QTimer.singleShot(0, self.window, self._change_language)

    def _change_language(self) -> None:
        if not self.furnished.is_set():
            QTimer.singleShot(LATER_MS, self.window, self._change_language)
            return
        broken = self._use_language()
        self.window.rebuild(partial(self._add_all, self.session))
        if broken is not None:
            self.window.show_error(broken)

    def _add_theme_actions(self) -> None:
        """In the palette, and in the window's menu."""
        words = {"system": tr("Theme: as the system"), "dark": tr("Theme: dark"), "light": tr("Theme: light")}
        for choice in CHOICES:
            action = self.window.add_action(words[choice], partial(self._choose_theme, choice), icon="theme")
            self.window.top_bar.menu.addAction(action)

    def _choose_theme(self, choice: ThemeChoice) -> None:
        theme().choose(choice)
        self._settings.settings.theme = choice

    def _remember(self) -> None:
        kept = self._settings.settings
        kept.geometry = to_text(bytes(self.window.saveGeometry().data()))
        kept.place = (place := self.window.place).x(), place.y(), place.width(), place.height()
        kept.inspector_open = self.window.wants_inspector
        kept.split = to_text(self.window.split_state())
        kept.panel = self.window.current_panel
        if self.furnished.is_set():
            kept.filters = self.window.filter_texts()
        self._settings.save()

    def _on_failure(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A bug: it is logged, shown, and the window goes on."""
        error = context.get("exception")
        log.error("%s", context["message"], exc_info=error)
        if error is not None:
            self.window.show_error(to_message(error))


def _is_starting(session: "Session") -> bool:
    system = session.feed.system
    match session.backend.state.phase:
        case Phase.STARTING:
            return True
        case Phase.RUNNING:
            return system is None or system.status is SystemStatus.STARTING
        case _:
            return False
