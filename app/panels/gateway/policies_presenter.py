"""Shows the policies in force, and applies edits to what the user has seen: never over somebody else's."""

from functools import partial
from typing import Any

from PySide6.QtCore import QObject

from app.core.feed import SETTINGS
from app.core.messages import to_message
from app.core.session import Port
from app.panels.gateway.policies_page import PoliciesPage
from app.qt.tasks import spawn
from app.qt.throttle import Throttle
from embedded_services.client.errors import ControlError
from embedded_services.contracts.settings import SettingsState


class PoliciesPresenter(QObject):
    def __init__(self, page: PoliciesPage, port: Port, parent: QObject) -> None:
        super().__init__(parent)
        self._page, self._port = page, port
        self._settings = Throttle(page, self._show)
        leave = [port.feed.listen(self._settings.poke, SETTINGS), port.feed.listen_link(self._settings.poke)]
        self.destroyed.connect(lambda: [end() for end in leave])
        page.apply_requested.connect(self._on_apply)
        self._settings.poke()

    def _show(self) -> None:
        state = next(iter(self._port.feed.rows(SETTINGS).values()), None)
        if state is not None:
            self._take(state)

    def _take(self, state: SettingsState) -> None:
        policies = {name: service.policy for name, service in state.settings.services.items()}
        self._page.show_policies(policies, state.revision, stale=not self._port.feed.link.is_live)

    def _on_apply(self, patch: dict[str, Any], revision: int) -> None:
        self._page.notice.clear()
        self._page.set_busy(busy=True)
        _ = spawn(self, self._apply(patch, revision), "apply the policy", on_error=partial(self._on_refused))

    async def _apply(self, patch: dict[str, Any], revision: int) -> None:
        try:
            state = await self._port.control().patch_settings(patch, if_revision=revision)
        finally:
            self._page.set_busy(busy=False)
        self._take(state)
        self._page.show_applied(state.revision)

    def _on_refused(self, error: Exception) -> None:
        if isinstance(error, ControlError) and error.code == "PRECONDITION_FAILED":
            self._page.show_conflict()
        else:
            details = error.details if isinstance(error, ControlError) else ()
            self._page.show_refusal(to_message(error), details)
