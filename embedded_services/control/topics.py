"""The stream's topics that are of the system as a whole; those of one part are its own."""

from collections.abc import Callable
from typing import Final

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.contracts.system import System
from embedded_services.control.gateway_book import GatewayBook
from embedded_services.control.hub import Hub, Rows, Told
from embedded_services.control.settings_store import SettingsStore
from embedded_services.control.usage import Usage, UsageMeter
from embedded_services.control.views import Views

USAGE_EVERY_S: Final = 5.0
UPTIME_STEP_S: Final = 10.0


class SystemTopics:
    """`watch_usage` runs as long as the process."""

    def __init__(
        self, hub: Hub, views: Views, settings: SettingsStore, gateway: GatewayBook, usage: UsageMeter
    ) -> None:
        self._hub = hub
        self._views = views
        self._settings = settings
        self._gateway = gateway
        self._usage = usage
        self._seen: dict[int, Usage] = {}

    def rings(self) -> dict[str, Told]:
        return {"picks": self._gateway.picks, "decisions": self._gateway.decisions}

    def states(self) -> dict[str, Callable[[], Rows]]:
        views, settings, gateway = self._views, self._settings, self._gateway
        return {
            "system": lambda: {"system": self._system()},
            "processes": lambda: {row.name: row for row in views.processes(self._seen)},
            "services": lambda: {row.name: row for row in views.services()},
            "instances": lambda: {row.id: row for row in views.instances()},
            "settings": lambda: {"settings": settings.shown},
            "limits": lambda: {"limits": settings.current.limits},
            "upstreams": lambda: gateway.upstreams,
            "gateway": lambda: _one("gateway", gateway.totals),
            "limit-totals": lambda: _one("limit-totals", gateway.limit_totals),
            "limit-clients": lambda: gateway.limit_clients,
        }

    def _system(self) -> System:
        """Whoever follows knows `startedAt`; a figure that ticks would make each frame news of the whole system."""
        told = self._views.system([])
        return msgspec.structs.replace(told, uptime=told.uptime // UPTIME_STEP_S * UPTIME_STEP_S)

    async def watch_usage(self, clock: Clock) -> None:
        """Only while somebody looks: reading memory maps costs something."""
        while True:
            self._hub.noted("system")  # it has grown older
            if self._hub.is_followed("processes"):
                pids = [row.pid for row in self._views.processes({}) if row.pid is not None]
                self._seen = await self._usage.read(pids)
                self._hub.changed("processes")
            await clock.sleep(USAGE_EVERY_S)


def _one(key: str, row: msgspec.Struct | None) -> Rows:
    return {} if row is None else {key: row}
