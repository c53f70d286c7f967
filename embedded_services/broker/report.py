"""What the broker's process tells the control plane: all its queues, whenever one of them has changed."""

from typing import Final

from embedded_services.broker.broker import Broker
from embedded_services.broker.queue_views import QueueView
from embedded_services.bus.names import EXCHANGE
from embedded_services.contracts.agent import Beat
from embedded_services.contracts.queues import QueueState

MOST: Final = 2_000
"""Queues told of; the first by name. A program that leaks queues must not fill the link."""


class QueueReport:
    """A `Reporter` of the agent link."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._told: list[QueueState] | None = None

    def again(self) -> None:
        """What was told may not have arrived."""
        self._told = None

    def __call__(self) -> Beat | None:
        views = sorted(self._broker.queues(), key=lambda view: view.name)[:MOST]
        bound = self._bound()
        states = [_state(view, bound.get(view.name, [])) for view in views]
        if states == self._told:
            return None
        self._told = states
        return Beat(queues=states)

    def _bound(self) -> dict[str, list[str]]:
        """The patterns by which queues get events."""
        exchange = self._broker.vhost.topology.exchanges.get(EXCHANGE)
        found: dict[str, list[str]] = {}
        for binding in exchange.bindings.values() if exchange is not None else ():
            if binding.destination.kind == "queue":
                found.setdefault(binding.destination.name, []).append(binding.routing_key)
        return found


def _state(view: QueueView, bound: list[str]) -> QueueState:
    return QueueState(
        name=view.name,
        type=view.kind,
        durable=view.durable,
        exclusive=view.exclusive,
        auto_delete=view.auto_delete,
        ready=view.ready,
        unacked=view.unacked,
        consumers=view.consumers,
        bytes=view.bytes,
        published_per_s=round(view.published_per_s, 1),
        delivered_per_s=round(view.delivered_per_s, 1),
        acknowledged_per_s=round(view.acknowledged_per_s, 1),
        arguments=dict(view.arguments),
        bound=sorted(bound),
        idle_since=view.idle_since,
    )
