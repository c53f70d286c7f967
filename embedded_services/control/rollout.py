"""A change of settings from the wish to the gateway's word that it is in force.

Changes come one after the other. The gateway is asked whether it took each one; if it could not, the settings before are put
in force again everywhere, as a revision of their own, and whoever wished for the change hears why. A gateway that is away or
does not answer in time is not waited for: it takes the settings when it is back, and says which it has.
"""

import asyncio
import logging
from typing import Any, Final

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.settings import SettingsState
from embedded_services.control.agents import Agents
from embedded_services.control.settings_store import SettingsStore
from embedded_services.control.slots import GATEWAY

ANSWER_S: Final = 1.0
COMMAND: Final = "settings-in-force"

log = logging.getLogger(__name__)


class Rollout:
    def __init__(self, settings: SettingsStore, agents: Agents) -> None:
        self._settings = settings
        self._agents = agents
        self._one_at_a_time = asyncio.Lock()

    async def patch(self, patch: dict[str, Any], *, if_match: int | None = None) -> SettingsState:
        """As `SettingsStore.patch`, and INTERNAL_ERROR if the gateway cannot put the settings in force."""
        async with self._one_at_a_time:
            before = self._settings.state
            after = self._settings.patch(patch, if_match=if_match)
            if after.revision == before.revision:
                return after
            refusal = await self._refusal(after.revision)
            if refusal is None:
                return after
            log.error("the gateway could not put settings %d in force: %s", after.revision, refusal)
            self._settings.restore(before.settings)
            raise ApiError(
                "INTERNAL_ERROR",
                f"the gateway could not put the settings in force ({refusal}); those before are in force again",
            )

    async def _refusal(self, revision: int) -> str | None:
        """Why the gateway did not take a revision; None if it did, or is not there to be asked."""
        try:
            answer = await self._agents.command(GATEWAY, COMMAND, ANSWER_S, revision)
        except LookupError:
            return None
        except TimeoutError:
            log.warning("the gateway has not said within %g s that it has settings %d", ANSWER_S, revision)
            return None
        return None if answer.ok else answer.message
