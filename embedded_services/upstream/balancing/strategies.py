"""The strategies there are."""

from collections.abc import Callable
from typing import Any, Final

from embedded_services.contracts.settings import Strategy
from embedded_services.upstream.balancing.consistent_hash import ConsistentHash
from embedded_services.upstream.balancing.least_connections import LeastConnections
from embedded_services.upstream.balancing.power_of_two import PowerOfTwo
from embedded_services.upstream.balancing.random_choice import RandomChoice
from embedded_services.upstream.balancing.round_robin import RoundRobin
from embedded_services.upstream.balancing.strategy import Balancer, Draw, M
from embedded_services.upstream.balancing.weighted_round_robin import WeightedRoundRobin

_MAKE: Final[dict[Strategy, Callable[[Draw], Balancer[Any]]]] = {
    Strategy.ROUND_ROBIN: RoundRobin,
    Strategy.RANDOM: RandomChoice,
    Strategy.LEAST_CONNECTIONS: LeastConnections,
    Strategy.POWER_OF_TWO: PowerOfTwo,
    Strategy.WEIGHTED_ROUND_ROBIN: WeightedRoundRobin,
    Strategy.CONSISTENT_HASH: ConsistentHash,
}

AVAILABLE: Final = frozenset(_MAKE)
"""The strategies that can be put in force; settings that name another one are to be refused."""


def make(strategy: Strategy, draw: Draw) -> Balancer[M]:
    """Raises KeyError for a strategy that is not in `AVAILABLE`."""
    return _MAKE[strategy](draw)
