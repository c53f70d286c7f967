"""Instances to balance, and how to ask for one."""

import random
from collections.abc import Collection
from dataclasses import dataclass

from embedded_services.upstream.balancing.strategy import Balancer, Draw


@dataclass
class Instance:
    id: str
    in_flight: int = 0
    weight: int = 1
    latency: float | None = None

    def latency_s(self, now: float) -> float | None:
        return self.latency


def instances(*ids: str) -> list[Instance]:
    return [Instance(name) for name in sorted(ids)]


def draws(seed: int) -> Draw:
    return random.Random(seed).random


def first() -> float:
    return 0.0


def pick(balancer: Balancer[Instance], key: str | None = None, out: Collection[str] = ()) -> Instance:
    member = balancer.pick(0.0, key, out)
    assert member is not None
    return member
