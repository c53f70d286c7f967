"""A service of the upstream client without connections, and a clock to turn."""

import msgspec

from embedded_services.common.tasks import Tasks
from embedded_services.common.write_batch import WriteBatch
from embedded_services.contracts.agent import Peer
from embedded_services.contracts.gateway import Decision, DecisionKind
from embedded_services.contracts.settings import (
    BreakerPolicy,
    CallPolicy,
    OutlierPolicy,
    ServiceSettings,
    Strategy,
)
from embedded_services.upstream.decisions import Decisions
from embedded_services.upstream.pool import Pool
from embedded_services.upstream.service import Service
from embedded_services.upstream.stats import InstanceStats
from embedded_services.upstream.target import Target
from tests.helpers.clock import FakeClock

BREAKER = BreakerPolicy(minimum_calls=4, open_s=5, probes=1)
OUTLIERS = OutlierPolicy(consecutive_failures=2, ejection_s=10)
OFF = CallPolicy(breaker=BreakerPolicy(enabled=False), outliers=OutlierPolicy(enabled=False))


class Rig:
    """A service with a clock to turn."""

    def __init__(
        self, *ids: str, policy: CallPolicy = OFF, strategy: Strategy = Strategy.ROUND_ROBIN
    ) -> None:
        self.clock = FakeClock()
        self.decisions = Decisions(self.clock)
        self.settings = ServiceSettings(kind="user", policy=policy, strategy=strategy)
        self.service = Service("user", self.settings, self.clock, self.decisions, lambda: 0.0)
        self.targets = [self.target(name) for name in ids]
        self.service.replace(self.targets, "")

    def target(self, name: str, incarnation: int = 1) -> Target:
        peer = Peer(id=name, incarnation=incarnation, host="127.0.0.1", port=1, weight=1)
        pool = Pool(peer.host, peer.port, Tasks("test"), WriteBatch())
        return Target(peer, pool, InstanceStats(name, incarnation), self.clock)

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    def pick(self) -> Target | None:
        service = self.service
        service.settle(self.now)
        return service.balancer.pick(self.now, None, service.full)

    def begin(self, target: Target | None) -> tuple[Target, int]:
        assert target is not None
        return target, self.service.begin(target, self.now)

    def call(self, target: Target | None, *, failed: bool) -> None:
        self.service.end(*self.begin(target), self.now, failed=failed)

    def fail(self, target: Target, times: int) -> None:
        for _ in range(times):
            self.call(target, failed=True)

    def told(self) -> list[tuple[DecisionKind, str | None, str]]:
        drained: list[Decision] = self.decisions.drain()
        return [(told.kind, told.instance, told.why) for told in drained]

    def apply(self, **changes: object) -> None:
        self.settings = msgspec.structs.replace(self.settings, **changes)
        self.service.apply(self.settings)

    def in_force(self) -> list[str]:
        return [target.id for target in self.service.eligible]
