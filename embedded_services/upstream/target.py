"""An instance in rotation: its connections, and what is known of it. A `balancing.strategy.Member`.

It stands for one incarnation at one address. It is kept when it leaves the rotation, for it may return as the same
process, whose calls under way, breaker and ejection then still hold.
"""

from embedded_services.common.clock import Clock
from embedded_services.contracts.agent import Peer
from embedded_services.upstream.breaker import Breaker
from embedded_services.upstream.ewma import PeakEwma
from embedded_services.upstream.outliers import Outlier
from embedded_services.upstream.pool import Pool
from embedded_services.upstream.stats import InstanceStats


class Target:
    """`breaker_since` and `ejected_until` are for people, by the wall clock. `gone`: it is not in rotation any more."""

    __slots__ = (
        "authority",
        "breaker",
        "breaker_since",
        "ejected_until",
        "ejected_why",
        "ewma",
        "gone",
        "id",
        "in_flight",
        "latency_s",
        "outlier",
        "peer",
        "pool",
        "stats",
        "weight",
    )

    def __init__(self, peer: Peer, pool: Pool, stats: InstanceStats, clock: Clock) -> None:
        self.id = peer.id
        self.weight = peer.weight
        self.peer = peer
        self.pool = pool
        self.stats = stats
        self.in_flight = 0
        self.gone = False
        self.breaker = Breaker(clock.monotonic())
        self.breaker_since = clock.now()
        self.outlier = Outlier()
        self.ejected_until: float | None = None
        self.ejected_why = ""
        self.ewma = PeakEwma()
        self.latency_s = self.ewma.read
        host = f"[{peer.host}]" if ":" in peer.host else peer.host
        self.authority = f"{host}:{peer.port}".encode()

    def is_still(self, peer: Peer) -> bool:
        mine = self.peer
        return (mine.incarnation, mine.host, mine.port) == (peer.incarnation, peer.host, peer.port)

    def leave(self) -> None:
        """Nobody is sent there any more; what is under way is finished."""
        self.gone = True
        self.pool.close()

    def come_back(self, peer: Peer, pool: Pool) -> None:
        self.gone = False
        self.peer = peer
        self.pool = pool
