"""The way every call to a service goes: choose an instance, send, and if that may be repeated, try another one.

Peers and settings are pushed in and hold from the next try on; a change of strategy drops nothing. A call under way on an
instance that leaves is finished there. The common case, one try that succeeds, is `direct.py`; `call.py` has all others.
"""

import asyncio
import random
from collections.abc import Callable
from types import TracebackType
from typing import Self

from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.common.write_batch import WriteBatch
from embedded_services.contracts.agent import Peer, Peers, ServicePeers
from embedded_services.contracts.gateway import Upstream
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.contracts.settings import CallPolicy, OutlierPolicy, ServiceSettings, Settings
from embedded_services.faults.armed import LocalFaults
from embedded_services.upstream.call import Call
from embedded_services.upstream.decisions import Decisions
from embedded_services.upstream.direct import DirectCall, Outcome
from embedded_services.upstream.failures import nobody_there
from embedded_services.upstream.injection import Injector
from embedded_services.upstream.messages import UpstreamRequest, UpstreamResponse
from embedded_services.upstream.pool import Pool
from embedded_services.upstream.service import BODY_IDLE_S, Service
from embedded_services.upstream.stats import CallBook
from embedded_services.upstream.target import Target
from embedded_services.upstream.views import Viewer

_UNKNOWN = ServiceSettings(kind="external")
"""How a service is called that has peers and no settings."""
_ORCHESTRATOR = ServiceSettings(
    kind="external",
    replicas=0,
    policy=CallPolicy(try_timeout_s=35, timeout_s=35, outliers=OutlierPolicy(enabled=False)),
)
"""Whoever starts a saga may wait for its end, half a minute at most; and there is only one orchestrator."""


class UpstreamClient:
    """`async with UpstreamClient(settings, clock) as client:` closes all connections at the end.

    `decisions` are what was decided about instances and budgets, to be drained. `body_idle_s` is how long the body of an
    answer may pause.
    """

    def __init__(self, settings: Settings, clock: Clock, *, body_idle_s: float = BODY_IDLE_S) -> None:
        self._clock = clock
        self._body_idle_s = body_idle_s
        self._monotonic = clock.monotonic
        self._tasks = Tasks("upstream")
        self._writes = WriteBatch()
        self._services: dict[str, Service] = {}
        self._viewers: dict[str, Viewer] = {}
        self._revision = -1
        self._injector: Injector | None = None
        self.decisions = Decisions(clock)
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
                target.leave()
            service.replace([], "this process is stopping")
        await self._tasks.close()

    def update_settings(self, settings: Settings) -> None:
        """Put policies and strategies in force."""
        for name, wanted in settings.services.items():
            if name in self._services:
                self._services[name].apply(wanted)
            else:
                self._add(name, wanted)

    def update_peers(self, peers: Peers) -> None:
        """Put a snapshot of who is in rotation in force, unless a newer one is."""
        if peers.revision < self._revision:
            return
        self._revision = peers.revision
        for name in peers.services.keys() - self._services.keys():
            self._add(name, _ORCHESTRATOR if name == ORCHESTRATOR else _UNKNOWN)
        nobody = ServicePeers(peers=[], reason="the registry does not know this service")
        for name, service in self._services.items():
            self._replace(service, peers.services.get(name, nobody))

    def peers(self, service: str) -> tuple[int, str]:
        """How many instances of a service are in rotation, and why there is none."""
        known = self._services.get(service)
        return (len(known.targets), known.reason) if known is not None else (0, "no such service")

    def inject(self, faults: LocalFaults) -> None:
        """Let faults act on the calls, from now on."""
        self._injector = Injector(faults, self._monotonic, self._inject)
        self._inject()

    def _inject(self) -> None:
        """What is armed has changed."""
        if self._injector is not None:
            for name, service in self._services.items():
                service.injection = self._injector.of(name)
                service.hears = self._injector.hears(name)

    def affinity_of(self, service: str) -> str | None:
        """The `hash_key` by which the calls of a service are spread, or None if its strategy asks for no key."""
        known = self._services.get(service)
        return known.affinity if known is not None else None

    def views(self, now: float) -> list[Upstream]:
        """The services of which something changed since this was last asked, with what time alone has changed. To be asked
        a few times a second: picks are put down to the moment at which they are first seen here."""
        return [row for viewer in self._viewers.values() if (row := viewer.changed(now)) is not None]

    def settle(self, now: float) -> None:
        """Let happen what time alone brings about, without a call that would make it happen."""
        for service in self._services.values():
            service.settle(now)

    def tell_again(self) -> None:
        """Report all instances and services once more: what was said before may be lost."""
        self.book.tell_again()
        for viewer in self._viewers.values():
            viewer.tell_again()

    def start(
        self, service: str, request: UpstreamRequest, told: Callable[[Outcome], None]
    ) -> DirectCall | None:
        """Begin a call whose outcome `told` hears later, unless the call that is returned is cancelled before. None, and
        nothing is counted, for one that takes more than a try by callbacks: that is for `call`, as is any whose tries somebody
        else has a say in. Raises ValueError for what would not be one request."""
        known = self._services.get(service)
        if (
            known is None
            or request.explain
            or known.hedging
            or request.within_s is not None
            or request.upgraded is not None
            or not isinstance(request.body, bytes)
        ):
            return None
        now = self._monotonic()
        if now >= known.next_event:
            known.settle(now)
        target = known.balancer.pick(now, request.affinity, known.full)
        if target is None:
            return None
        known.calls += 1
        known.budget.called(now)
        call = DirectCall(known, target, request, now, self._tasks, told)
        call.start()
        return call

    async def call(self, service: str, request: UpstreamRequest) -> UpstreamResponse:
        """Have a service answer. Raises UpstreamError, which names every instance tried and what it did; an error of
        the request's own body is passed on as it is."""
        known = self._services.get(service)
        if known is None:
            raise nobody_there(service, "no such service")
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        direct = self.start(service, request, told.set_result)
        if direct is None:
            now = self._monotonic()
            known.settle(now)
            known.calls += 1
            known.budget.called(now)
            return await Call(known, request, self._tasks, now).run()
        try:
            outcome = await asyncio.shield(told)
        except BaseException:
            if not told.done():
                direct.cancel()
            elif isinstance(answer := told.result(), UpstreamResponse):
                answer.close()
            raise
        if isinstance(outcome, UpstreamResponse):
            return outcome
        raise outcome

    def _add(self, name: str, settings: ServiceSettings) -> None:
        service = Service(name, settings, self._clock, self.decisions, random.random)
        service.body_idle_s = self._body_idle_s
        self._services[name] = service
        if self._injector is not None:
            service.injection = self._injector.of(name)
            service.hears = self._injector.hears(name)
        self._viewers[name] = Viewer(service)

    def _replace(self, service: Service, wanted: ServicePeers) -> None:
        before = {target.id: target for target in service.targets}
        targets = [
            self._target(service, before.pop(peer.id, None), peer)
            for peer in sorted(wanted.peers, key=lambda peer: peer.id)
        ]
        for target in before.values():
            service.depart(target)
            self.book.leave(target.id)
        service.replace(targets, wanted.reason)

    def _target(self, service: Service, current: Target | None, peer: Peer) -> Target:
        """Who stands for a peer: who did before if it is the same process, even if it was away."""
        if current is not None and current.is_still(peer):
            current.peer = peer
            return current
        known = current or service.departed(peer.id)
        stats = self.book.of(peer)
        pool = Pool(peer.host, peer.port, self._tasks, self._writes)
        if known is not None and known is not current and known.is_still(peer):
            known.come_back(peer, pool)
            return known
        if known is not None:
            service.renewed(known)
        return Target(peer, pool, stats, self._clock)
