"""The settings that the gateway works by: replaced all at once, or kept as they are.

If any part of the gateway cannot take new settings, all get the ones before again, the refusal is logged and told as a
decision, and whoever asks for that revision hears why. The revision that is reported is the one in force.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec

from embedded_services.contracts.agent import Policies
from embedded_services.contracts.settings import Settings

WAIT_S: Final = 5.0

log = logging.getLogger(__name__)


class RefusedError(Exception):
    """Settings could not be put in force; the text says why."""


class SettingsInForce:
    def __init__(
        self,
        settings: Settings,
        revision: int,
        apply: Callable[[Settings, int], None],
        refused: Callable[[str], None],
    ) -> None:
        """`apply` puts settings in force in all parts of the gateway; `refused` hears when that was not possible, and why."""
        self._settings = settings
        self.revision = revision
        self._apply = apply
        self._tell = refused
        self._seen = revision
        self._refusal: tuple[int, str] | None = None
        self._news = asyncio.Event()

    def take(self, policies: Policies) -> None:
        """Put settings in force, or leave those before."""
        before, revision = self._settings, self.revision
        try:
            self._apply(policies.settings, policies.revision)
        except Exception as error:
            reason = str(error) or type(error).__name__
            log.exception("settings %d cannot be put in force; %d stay", policies.revision, revision)
            self._refusal = (policies.revision, reason)
            self._restore(before, revision)
            self._tell(f"settings {policies.revision}: {reason}; those of revision {revision} stay in force")
        else:
            self._settings, self.revision = policies.settings, policies.revision
            self._refusal = None
        self._seen = policies.revision
        self._news.set()

    async def answer(self, argument: Any) -> int:
        """The command `settings-in-force`: wait until we have looked at a revision; returns the one in force. Raises RefusedError
        if that one was refused, TimeoutError if it does not come."""
        revision = msgspec.convert(argument, int)
        async with asyncio.timeout(WAIT_S):
            while self._seen < revision:
                self._news.clear()
                await self._news.wait()
        if self._refusal is not None and self._refusal[0] == revision:
            raise RefusedError(self._refusal[1])
        return self.revision

    def _restore(self, settings: Settings, revision: int) -> None:
        try:
            self._apply(settings, revision)
        except Exception:
            log.exception("settings %d could not be put in force again everywhere", revision)
