"""Who wants to hear of what, in the whole system: each kind of service says so in its `subscriptions`.

Whoever publishes sees to it first that every queue is there and bound. Otherwise what is told before a subscriber has come
up for the first time, or after a broker has lost its data, would be told to nobody.
"""

import importlib
import importlib.util

from embedded_services.bus.names import queue_of
from embedded_services.contracts.settings import Settings

Topology = dict[str, tuple[str, ...]]
"""The event types that are bound to a queue."""


def topology_of(settings: Settings) -> Topology:
    bound = {queue_of(name): bound_by(service.kind) for name, service in settings.services.items()}
    return {queue: types for queue, types in bound.items() if types}


def bound_by(kind: str) -> tuple[str, ...]:
    name = f"embedded_services.services.{kind}"
    if importlib.util.find_spec(name) is None or importlib.util.find_spec(f"{name}.subscriptions") is None:
        return ()
    types: tuple[str, ...] = importlib.import_module(f"{name}.subscriptions").BOUND
    return types
