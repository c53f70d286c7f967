"""The way every call to a service goes: choose an instance, send, and if that may be repeated, try another one.

Peers and settings are pushed in and hold from the next try on. A call under way on an instance that leaves is finished
there. Nothing is queued: with nobody in rotation the answer is an error at once.
"""

import logging
import random
from types import TracebackType
from typing import Final, Self

from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.common.write_batch import WriteBatch
from embedded_services.contracts.agent import Peer, Peers, ServicePeers
from embedded_services.contracts.settings import CallPolicy, Settings, Strategy
from embedded_services.upstream import balancing, retries
from embedded_services.upstream.failures import BrokenBodyError, FailedTry, TryError, all_failed, nobody_there
from embedded_services.upstream.messages import UpstreamRequest, UpstreamResponse
from embedded_services.upstream.pool import Pool
from embedded_services.upstream.retries import Next, Situation
from embedded_services.upstream.stats import CallBook, InstanceStats
from embedded_services.upstream.transport import Connection

BODY_IDLE_S: Final = 60.0
"""How long a body may pause between two pieces."""

log = logging.getLogger(__name__)


class _Target:
    """An instance in rotation. A `balancing.Member`."""

    __slots__ = ("authority", "id", "peer", "pool", "stats", "weight")

    def __init__(self, peer: Peer, pool: Pool, stats: InstanceStats) -> None:
        self.id = peer.id
        self.weight = peer.weight
        self.peer = peer
        self.pool = pool
        self.stats = stats
        host = f"[{peer.host}]" if ":" in peer.host else peer.host
        self.authority = f"{host}:{peer.port}".encode()

    @property
    def in_flight(self) -> int:
        return self.stats.in_flight

    def is_still(self, peer: Peer) -> bool:
        mine = self.peer
        return (mine.incarnation, mine.host, mine.port) == (peer.incarnation, peer.host, peer.port)


class _Service:
    """What is known of a service: who is in rotation, how to choose and how to call."""

    def __init__(self) -> None:
        self.policy = CallPolicy()
        self.strategy = Strategy.ROUND_ROBIN
        self.balancer: balancing.Balancer[_Target] = balancing.RoundRobin(random.random)
        self.targets: list[_Target] = []
        self.reason = "the registry has not said yet"
        self.affinity: str | None = None

    def has_untried(self, tried: set[str]) -> bool:
        return any(target.id not in tried for target in self.targets)


class UpstreamClient:
    """`async with UpstreamClient(settings, clock) as client:` closes all connections at the end."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._tasks = Tasks("upstream")
        self._writes = WriteBatch()
        self._services: dict[str, _Service] = {}
        self._revision = -1
        self.book = CallBook()
        self.update_settings(settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        for service in self._services.values():
            for target in service.targets:
                target.pool.close()
            service.targets = []
            service.reason = "this process is stopping"
        await self._tasks.close()

    def update_settings(self, settings: Settings) -> None:
        """Put policies and strategies in force. A strategy that we do not have leaves the one before in force."""
        for name, wanted in settings.services.items():
            service = self._services.setdefault(name, _Service())
            service.policy = wanted.policy
            if wanted.strategy is service.strategy:
                continue
            if wanted.strategy not in balancing.AVAILABLE:
                log.error(
                    "service %s: there is no strategy %s; %s stays", name, wanted.strategy, service.strategy
                )
                continue
            service.strategy = wanted.strategy
            service.balancer = balancing.make(wanted.strategy, random.random)
            service.balancer.update(service.targets)

    def update_peers(self, peers: Peers) -> None:
        """Put a snapshot of who is in rotation in force, unless a newer one is."""
        if peers.revision < self._revision:
            return
        self._revision = peers.revision
        for name in peers.services.keys() - self._services.keys():
            self._services[name] = _Service()
        nobody = ServicePeers(peers=[], reason="the registry does not know this service")
        for name, service in self._services.items():
            self._replace(service, peers.services.get(name, nobody))

    def peers(self, service: str) -> tuple[int, str]:
        """How many instances of a service are in rotation, and why there is none."""
        known = self._services.get(service)
        return (len(known.targets), known.reason) if known is not None else (0, "no such service")

    def affinity_of(self, service: str) -> str | None:
        """The `hash_key` by which the calls of a service are spread, or None if its strategy asks for no key."""
        known = self._services.get(service)
        return known.affinity if known is not None else None

    async def call(self, service: str, request: UpstreamRequest) -> UpstreamResponse:
        """Have a service answer. Raises UpstreamError, which names every instance tried and what it did; an error of
        the request's own body is passed on as it is."""
        known = self._services.get(service)
        target = known.balancer.pick() if known is not None else None
        if known is None or target is None:
            raise nobody_there(service, known.reason if known is not None else "no such service")
        policy = known.policy
        started = now = self._clock.monotonic()
        deadline = started + policy.timeout_s
        repeatable = retries.is_repeatable(request.method, request.repeatable)
        intact = isinstance(request.body, bytes)
        failed: tuple[FailedTry, ...] = ()
        tried = {target.id}
        fresh = False
        while True:
            could_repeat = (
                repeatable and intact and len(failed) + 1 < policy.tries and known.has_untried(tried)
            )
            timeout_s = retries.try_timeout(deadline - now, policy.try_timeout_s, could_repeat)
            try:
                response = await self._try(target, request, policy, timeout_s, now, fresh, repeatable)
            except TryError as failure:
                failed = (*failed, FailedTry(target.id, failure.fault, str(failure)))
                now = self._clock.monotonic()
                situation = Situation(
                    fault=failure.fault,
                    repeatable=repeatable,
                    intact=intact or failure.fault in retries.NOTHING_SENT,
                    tries=len(failed),
                    allowed=policy.tries,
                    untried=known.has_untried(tried),
                    time_left_s=deadline - now,
                )
                step = retries.decide(situation)
                following = known.balancer.pick(tried) if step is Next.ELSEWHERE else target
                if step is Next.GIVE_UP or following is None:
                    raise all_failed(service, failed) from None
                target, fresh = following, step is Next.AGAIN
                tried.add(target.id)
            else:
                if failed:
                    response.failed = failed
                    response.took_s += now - started
                return response

    async def _try(
        self,
        target: _Target,
        request: UpstreamRequest,
        policy: CallPolicy,
        timeout_s: float,
        began: float,
        fresh: bool,
        repeatable: bool,
    ) -> UpstreamResponse:
        """One try on one instance, begun now. `fresh` does without the connections that are kept."""
        stats = target.stats
        head = request.head(target.authority)
        stats.begin()
        try:
            connection = None if fresh else target.pool.take(surely_alive=not repeatable)
            if connection is None:
                connection = await target.pool.connect(min(policy.connect_timeout_s, timeout_s))
            await connection.exchange(
                head,
                request.body,
                chunked=request.length is None,
                head_only=request.method == "HEAD",
                timeout_s=timeout_s,
            )
        except BaseException as error:
            stats.end(failed=isinstance(error, TryError))
            raise
        now = self._clock.monotonic()
        took = now - began
        stats.latency.record(took, now)
        reader = connection.reader
        status, headers = reader.status, reader.headers
        if not reader.complete:
            stream = _Stream(connection, target, status, self._clock)
            return UpstreamResponse(status, headers, stream, reader.length, target.id, took)
        body = reader.take()
        length = reader.length if request.method == "HEAD" else len(body)
        stats.end(failed=status >= 500)
        target.pool.give(connection, now)
        return UpstreamResponse(status, headers, body, length, target.id, took)

    def _replace(self, service: _Service, wanted: ServicePeers) -> None:
        before = {target.id: target for target in service.targets}
        targets = []
        for peer in sorted(wanted.peers, key=lambda peer: peer.id):
            target = before.pop(peer.id, None)
            if target is None or not target.is_still(peer):
                if target is not None:
                    target.pool.close()
                pool = Pool(peer.host, peer.port, self._tasks, self._writes)
                target = _Target(peer, pool, self.book.of(peer))
            target.weight = peer.weight
            targets.append(target)
        for target in before.values():
            target.pool.close()
            self.book.leave(target.id)
        service.targets = targets
        service.reason = wanted.reason
        service.balancer.update(targets)


class _Stream:
    """The rest of a response that is still coming, and the end of its call: `messages.BodyStream`."""

    __slots__ = ("_clock", "_connection", "_ended", "_status", "_target")

    def __init__(self, connection: Connection, target: _Target, status: int, clock: Clock) -> None:
        self._clock = clock
        self._connection = connection
        self._target = target
        self._status = status
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            piece = await self._connection.more(BODY_IDLE_S)
        except TryError as failure:
            self._end(failed=True)
            raise BrokenBodyError(self._target.id, f"broke off its answer: it {failure}") from None
        except BaseException:
            self._end(failed=False)
            raise
        if not piece:
            self._end(failed=False)
            raise StopAsyncIteration
        return piece

    def close(self) -> None:
        if not self._ended:
            self._connection.close()
            self._end(failed=False)

    def _end(self, *, failed: bool) -> None:
        if not self._ended:
            self._ended = True
            self._target.stats.end(failed=failed or self._status >= 500)
            self._target.pool.give(self._connection, self._clock.monotonic())
