"""The real window for tests: the application as a user starts it, on a workspace of the test's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from PySide6.QtWidgets import QApplication

from app import bootstrap
from app.bootstrap import Application
from app.core.backend import Backend, Phase
from app.core.settings import SettingsFile
from embedded_services.common.tasks import Tasks
from tests.helpers.qt import eventually


@asynccontextmanager
async def opened(
    workspace: Path, settings: SettingsFile, *, command: list[str] | None = None
) -> AsyncIterator[Application]:
    """The window, shown and furnished; closed at the end as its cross closes it."""
    backend = Backend(workspace) if command is None else Backend(workspace, command=command)
    application = Application(backend, settings)
    bootstrap.name_application()
    application.window.resize(1440, 900)
    application.window.show()
    async with Tasks("test window") as tasks:
        running = tasks.start(application.run(), "run")
        furnished = tasks.start(application.furnished.wait(), "furnished")
        await asyncio.wait({running, furnished}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        try:
            yield application
        finally:
            application.window.close()
            await running
            QApplication.sendPostedEvents()


async def healthy(application: Application) -> None:
    """Wait until the window says that all is well; fail with its reason when it cannot be."""

    def settled() -> bool:
        state = application.session.backend.state
        assert state.phase is not Phase.FAILED, state.message and state.message.full()
        return state.phase is Phase.RUNNING and application.window.top_bar.pill.status == "healthy"

    await eventually(settled, 30)
