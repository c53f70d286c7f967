"""The clients of the rate limit, asked of the gateway, which alone knows them."""

from typing import Any, Final

import msgspec

from embedded_services.contracts.agent import Done
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.gateway import LimitClient
from embedded_services.contracts.limits import LimitClientsQuery
from embedded_services.contracts.validation import invalid
from embedded_services.contracts.wire import Page
from embedded_services.control.agents import Agents
from embedded_services.control.slots import GATEWAY

ANSWER_S: Final = 2.0
_MAX_CURSOR: Final = 18


class LimitClients:
    """Every call raises SERVICE_UNAVAILABLE when the gateway does not answer."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents

    async def page(self, query: LimitClientsQuery) -> Page[LimitClient]:
        """Raises VALIDATION_FAILED for what is no cursor of this list."""
        if query.cursor and not (query.cursor.isascii() and query.cursor.isdecimal()):
            raise invalid("cursor", "not a cursor of this list; start again with an empty one")
        if len(query.cursor) > _MAX_CURSOR:
            raise invalid("cursor", "not a cursor of this list; start again with an empty one")
        done = await self._ask("limit-clients", msgspec.to_builtins(query))
        return msgspec.convert(done.result, Page[LimitClient])

    async def reset(self, key: str) -> None:
        """Raises NOT_FOUND for a client that the gateway does not know (any more)."""
        if not (await self._ask("reset-limits", key)).result:
            raise ApiError("NOT_FOUND", f"no client {key!r} is known; GET /v1/limits/clients lists them")

    async def reset_all(self) -> None:
        await self._ask("reset-limits", None)

    async def _ask(self, command: str, argument: Any) -> Done:
        try:
            done = await self._agents.command(GATEWAY, command, ANSWER_S, argument)
        except LookupError as error:
            raise ApiError(
                "SERVICE_UNAVAILABLE", "the gateway is not running; its clients are not known"
            ) from error
        except TimeoutError as error:
            raise ApiError(
                "SERVICE_UNAVAILABLE", f"the gateway did not answer within {ANSWER_S:g} s"
            ) from error
        if not done.ok:
            raise ApiError("SERVICE_UNAVAILABLE", f"the gateway could not do it: {done.message}")
        return done
