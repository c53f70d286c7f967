"""The kinds of service that there are: the packages under `services/` that a process can run."""

import pkgutil
from functools import cache

import embedded_services.services

EXTERNAL = "external"
"""The kind of a service that this system does not start: its instances register themselves."""
_SHARED = "kit"


@cache
def kinds() -> frozenset[str]:
    """As they are written in settings: with hyphens."""
    found = pkgutil.iter_modules(embedded_services.services.__path__)
    return frozenset(module.name.replace("_", "-") for module in found if module.name != _SHARED)


def module_of(kind: str) -> str:
    """The module whose `serve` a process of this kind runs."""
    return f"{embedded_services.services.__name__}.{kind.replace('-', '_')}.process"
