"""Settings that an earlier version wrote, brought up to what this one can do. Pure.

What a user chose stays as it is: only where the file says what every file of its time said is it changed. It is written
down with the next change; until then each start comes to the same.
"""

from typing import Any

from msgspec.structs import replace

from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.contracts.settings import Route, Settings


def brought_up(settings: Settings, file: Any, default: Settings) -> Settings:
    """`file` is what the settings were read from, `default` the content of a new workspace.

    A file from before there was an orchestrator gets the default routes to it, each before the route that serves its path
    so far, if that is a default route as well: who changed it did not want another.
    """
    if not isinstance(file, dict) or ORCHESTRATOR in file:
        return settings
    routes = list(settings.routes)
    for new in default.routes:
        if new.service != ORCHESTRATOR:
            continue
        serving = _serving(new.prefix, routes)
        if serving is not None and serving in default.routes and serving.service != ORCHESTRATOR:
            routes.insert(routes.index(serving), new)
    return settings if routes == settings.routes else replace(settings, routes=routes)


def _serving(path: str, routes: list[Route]) -> Route | None:
    """As the gateway chooses: an exact one first, else the longest prefix."""
    for route in routes:
        if route.exact and route.prefix == path:
            return route
    below = [
        route for route in routes if not route.exact and f"{path}/".startswith(f"{route.prefix.rstrip('/')}/")
    ]
    return max(below, key=lambda route: len(route.prefix), default=None)
