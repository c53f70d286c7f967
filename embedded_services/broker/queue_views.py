"""What is shown of queues: how full they are, who is there, and how fast messages come and go. Pure.

Queues only count; rates come from looking at the counts once a second, so showing them costs nothing per message.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from embedded_services.broker.queue import Queue

EVERY_S: Final = 1.0
SAMPLES: Final = 6
"""Rates are over the five seconds between the first and the last of them."""


@dataclass(frozen=True, slots=True)
class QueueView:
    """`bytes` are those of the bodies that are ready. Rates are messages a second. `idle_since` is seconds since the epoch:
    nothing came, went or was acknowledged from then on; None while something does."""

    name: str
    kind: str
    durable: bool
    exclusive: bool
    auto_delete: bool
    ready: int
    unacked: int
    consumers: int
    bytes: int
    published_per_s: float
    delivered_per_s: float
    acknowledged_per_s: float
    idle_since: float | None
    arguments: Mapping[str, Any]


class _Sample(NamedTuple):
    at: float
    published: int
    delivered: int
    acknowledged: int


class _History:
    def __init__(self, now: float, queue: Queue) -> None:
        self.samples = deque([_sample(now, queue)], SAMPLES)
        self.idle_since: float | None = now

    def add(self, now: float, queue: Queue) -> None:
        new, last = _sample(now, queue), self.samples[-1]
        if new[1:] != last[1:]:
            self.idle_since = None
        elif self.idle_since is None:
            self.idle_since = last.at
        self.samples.append(new)

    def rates(self) -> tuple[float, float, float]:
        first, last = self.samples[0], self.samples[-1]
        span = last.at - first.at
        if span <= 0:
            return 0.0, 0.0, 0.0
        return (
            (last.published - first.published) / span,
            (last.delivered - first.delivered) / span,
            (last.acknowledged - first.acknowledged) / span,
        )


class QueueViews:
    def __init__(self) -> None:
        self._histories: dict[int, _History] = {}
        self._sampled_at = 0.0

    def look(self, now: float, queues: Iterable[Queue]) -> None:
        """To be called often; it looks once a second."""
        if 0 <= now - self._sampled_at < EVERY_S:
            return
        self._sampled_at = now
        known, self._histories = self._histories, {}
        for queue in queues:
            history = known.get(queue.number)
            if history is None:
                history = _History(now, queue)
            else:
                history.add(now, queue)
            self._histories[queue.number] = history

    def of(self, now: float, queues: Iterable[Queue]) -> list[QueueView]:
        return [self._view(now, queue) for queue in queues]

    def _view(self, now: float, queue: Queue) -> QueueView:
        history = self._histories.get(queue.number) or _History(now, queue)
        published, delivered, acknowledged = history.rates()
        return QueueView(
            name=queue.name,
            kind="quorum" if queue.limits.quorum else "classic",
            durable=queue.declared_durable,
            exclusive=queue.owner is not None,
            auto_delete=queue.auto_delete,
            ready=queue.ready,
            unacked=queue.unacked,
            consumers=len(queue.consumers),
            bytes=queue.backlog.bytes,
            published_per_s=published,
            delivered_per_s=delivered,
            acknowledged_per_s=acknowledged,
            idle_since=history.idle_since,
            arguments=queue.arguments,
        )


def _sample(now: float, queue: Queue) -> _Sample:
    return _Sample(now, queue.published, queue.delivered, queue.acknowledged)
