"""A service as its caller sees it: who may be called, whose turn it is, and what is decided after each call.

Does no I/O. Who may be picked is worked out when something about that changes, not for each call: a call only asks the
strategy, and judges its instance when it ends. What changes with time alone is done by `settle`, due at `next_event`.
"""

import math
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable
from typing import Final, Protocol

from embedded_services.common.clock import Clock
from embedded_services.contracts.gateway import BreakerState, Candidate, DecisionKind
from embedded_services.contracts.settings import ServiceSettings, Strategy
from embedded_services.upstream.balancing import strategies
from embedded_services.upstream.balancing.strategy import Balancer, Draw
from embedded_services.upstream.breaker import UNJUDGED
from embedded_services.upstream.concurrency import Line
from embedded_services.upstream.decisions import Decisions
from embedded_services.upstream.messages import UpstreamRequest, UpstreamResponse
from embedded_services.upstream.outliers import is_panic, may_eject
from embedded_services.upstream.retry_budget import RetryBudget
from embedded_services.upstream.shares import Shares
from embedded_services.upstream.target import Target

BODY_IDLE_S: Final = 60.0
"""How long the body of an answer may pause between two pieces."""
MAX_LEFT: Final = 256
"""Instances that have left the rotation of which we still know how they were, the newest."""
NEVER: Final = math.inf

_CLOSED: Final = BreakerState.CLOSED
_TOLD: Final = {
    BreakerState.CLOSED: DecisionKind.BREAKER_CLOSED,
    BreakerState.OPEN: DecisionKind.BREAKER_OPENED,
    BreakerState.HALF_OPEN: DecisionKind.BREAKER_HALF_OPEN,
}


class Waiter(Protocol):
    """A call in the line. It is taken out of it before it is told either."""

    key: str | None

    def grant(self, target: Target, epoch: int) -> None:
        """It has the slot: its call on `target` has begun."""
        ...

    def refuse(self) -> None:
        """There is nobody left to wait for."""
        ...


class Injection(Protocol):
    """The faults that are aimed at the calls of a service: `injection.Injection`."""

    def concerns(self, instance: str, request: UpstreamRequest) -> bool:
        """Whether one may be injected into a try on this instance. If so, `one_try` carries that try out."""
        ...

    async def one_try(
        self,
        service: "Service",
        target: Target,
        epoch: int,
        request: UpstreamRequest,
        began: float,
        timeout_s: float,
        deadline: bytes,
        *,
        fresh: bool = False,
    ) -> UpstreamResponse:
        """As `one_try.one_try`."""
        ...

    def blame(self, request: UpstreamRequest) -> None:
        """The call is refused because all instances are failing."""
        ...


class Service:
    """`eligible` may be picked, `full` are the ids of those among them that have no slot left. `rejected` counts calls that
    no instance was asked for."""

    def __init__(
        self, name: str, settings: ServiceSettings, clock: Clock, decisions: Decisions, draw: Draw
    ) -> None:
        self.name = name
        self.clock = clock
        self.monotonic = clock.monotonic
        self.body_idle_s = BODY_IDLE_S
        self.draw = draw
        self._decisions = decisions
        self.strategy = settings.strategy
        self.balancer: Balancer[Target] = strategies.make(settings.strategy, draw)
        self.targets: list[Target] = []
        self.eligible: list[Target] = []
        self.full: set[str] = set()
        self.panic = False
        self.next_event = NEVER
        self.reason = "the registry has not said yet"
        self._departed: OrderedDict[str, Target] = OrderedDict()
        self.line: Line[Waiter] = Line()
        self.injection: Injection | None = None
        self.hears = False
        """Whether its answers may tell of faults."""
        self.budget = RetryBudget()
        self.shares = Shares()
        self.calls = 0
        self.failures = 0
        self.retries = 0
        self.hedges = 0
        self.hedges_won = 0
        self.rejected: Counter[str] = Counter()
        self.version = 0
        self._heed(settings)

    # --- what is in force ---

    def apply(self, settings: ServiceSettings) -> None:
        """Put other settings in force, for calls under way too as far as they have not come to it."""
        now = self.monotonic()
        self._note_shares(now)
        self._heed(settings)
        for target in self.targets:
            target.weight = self._weight(target)
            if target.breaker.tune(self.policy.breaker, now):
                self._tell_breaker(target)
            if target.outlier.tune(self.policy.outliers, now):
                self._tell_return(target, "ejection is switched off")
            elif target.outlier.until is not None:
                target.ejected_until = self.clock.now() + target.outlier.until - now
        if settings.strategy is not self.strategy:
            why = f"{self.strategy} → {settings.strategy}"
            self.strategy = settings.strategy
            self.balancer = strategies.make(self.strategy, self.draw)
            self.balancer.update(self.eligible)
            self.shares.restart()
            self._decisions.tell(DecisionKind.STRATEGY, self.name, None, why)
        self._refresh(now)

    def _heed(self, settings: ServiceSettings) -> None:
        """Work out what each call would otherwise have to."""
        self.policy = policy = settings.policy
        self._weights = settings.weights
        self.hash_key = settings.hash_key
        self.affinity = settings.hash_key if settings.strategy is Strategy.CONSISTENT_HASH else None
        self.limit = policy.concurrency.limit if policy.concurrency.enabled else NEVER
        self.timeout_s = policy.timeout_s
        self.try_timeout_s = min(policy.try_timeout_s, policy.timeout_s)
        self.deadline_field = deadline_field(policy.timeout_s)
        self.hedging = policy.hedging.enabled
        self._breaking = policy.breaker.enabled
        self._ejecting = policy.outliers.enabled

    def _weight(self, target: Target) -> int:
        return self._weights.get(target.id, target.peer.weight)

    def replace(self, targets: list[Target], reason: str) -> None:
        """Other instances are in rotation; those that stay are the same objects, those that have left were given to
        `depart`. They come sorted by id."""
        now = self.monotonic()
        self._note_shares(now)
        self.targets, self.reason = targets, reason
        for target in targets:
            target.weight = self._weight(target)
            target.breaker.tune(self.policy.breaker, now)
        self._settle(now)
        self._refresh(now)

    def depart(self, target: Target) -> None:
        """It leaves the rotation; what it has under way it finishes."""
        target.leave()
        self._departed[target.id] = target
        self._departed.move_to_end(target.id)
        if len(self._departed) > MAX_LEFT:
            self._departed.popitem(last=False)

    def departed(self, instance: str) -> Target | None:
        """Who once left under this id; it is forgotten here."""
        return self._departed.pop(instance, None)

    def renewed(self, before: Target) -> None:
        """A new incarnation takes the place of `before`: nothing that was held against that one is against this."""
        before.leave()
        if before.breaker.state is not _CLOSED:
            self._decisions.tell(DecisionKind.BREAKER_CLOSED, self.name, before.id, "it is a new process")
        if before.outlier.ejected:
            self._decisions.tell(DecisionKind.RETURNED, self.name, before.id, "it is a new process")

    # --- on the way of every call ---

    def begin(self, target: Target, now: float) -> int:
        """A call begins on an instance that was picked. Returns the epoch to give back to `end`, which must follow."""
        target.stats.begin()
        target.in_flight = in_flight = target.in_flight + 1
        if in_flight >= self.limit:
            self.full.add(target.id)
        breaker = target.breaker
        if breaker.state is _CLOSED:
            return breaker.epoch
        epoch = breaker.begin(self.policy.breaker)
        if epoch != UNJUDGED:
            self._refresh(now)
        return epoch

    def end(self, target: Target, epoch: int, now: float, *, failed: bool | None) -> None:
        """It is over. `failed` is None if that says nothing about the instance."""
        target.in_flight -= 1
        target.stats.end(failed=failed is True)
        if failed is not None:
            self.judge(target, epoch, now, failed=failed)
        elif target.breaker.release(epoch):
            self._refresh(now)
        if self.full:
            self._free(target, now)

    def judge(self, target: Target, epoch: int, now: float, *, failed: bool) -> None:
        """Learn from the outcome of a call."""
        changed = False
        if self._breaking:
            changed = target.breaker.judge(epoch, now, self.policy.breaker, failed=failed)
            if changed and target.breaker.epoch != epoch:
                self._tell_breaker(target)
        if failed:
            if self._ejecting and target.outlier.failed(self.policy.outliers):
                changed = self._eject(target, now) or changed
        elif target.outlier.consecutive and not target.outlier.ejected:
            target.outlier.consecutive = 0
        if changed:
            self._refresh(now)

    def answered(self, target: Target, epoch: int, now: float, *, failed: bool) -> bool:
        """The head of an answer is there, and its body is still to come: a probe has shown then what it should, for a
        stream may go on for hours. Whether it was one; it must not be judged again by the breaker."""
        if target.breaker.state is _CLOSED or epoch != target.breaker.epoch:
            return False
        if target.breaker.judge(epoch, now, self.policy.breaker, failed=failed):
            if target.breaker.state is not BreakerState.HALF_OPEN:
                self._tell_breaker(target)
            self._refresh(now)
        return True

    # --- decisions ---

    def settle(self, now: float) -> None:
        """Let everything happen that time alone brings about."""
        if now >= self.next_event:
            self._note_shares(now)
            self._settle(now)
            self._refresh(now)

    def _settle(self, now: float) -> None:
        policy = self.policy
        for target in self.targets:
            if target.breaker.tick(now, policy.breaker):
                self._tell_breaker(target)
            if target.outlier.tick(now):
                self._tell_return(target, "its time is over")

    def _eject(self, target: Target, now: float) -> bool:
        out = sum(other.outlier.ejected for other in self.targets)
        policy = self.policy.outliers
        if target.gone or not may_eject(out, len(self.targets), policy):
            return False
        failures = target.outlier.consecutive
        seconds = target.outlier.eject(now, policy)
        target.ejected_until = self.clock.now() + seconds
        target.ejected_why = f"{failures} {'failure' if failures == 1 else 'failures in a row'}"
        why = f"{target.ejected_why}; back in {seconds:g} s"
        self._decisions.tell(DecisionKind.EJECTED, self.name, target.id, why)
        return True

    def _refresh(self, now: float) -> None:
        """Work out again who may be picked."""
        self._note_shares(now)
        self.version += 1
        targets, breaker_policy = self.targets, self.policy.breaker
        closed = [target for target in targets if target.breaker.state is _CLOSED]
        fit = sum(not target.outlier.ejected for target in closed)
        # With no breaker closed there is nothing to guess: all fail, but for the probes.
        panic = bool(closed) and is_panic(fit, len(targets), self.policy.outliers)
        if panic != self.panic:
            self.panic = panic
            self._tell_panic(fit)
        eligible = (
            list(targets)
            if panic
            else [
                target
                for target in targets
                if not target.outlier.ejected and target.breaker.admits(breaker_policy)
            ]
        )
        self.next_event = min(self._events(), default=NEVER)
        self.can_repeat = self.policy.retries.enabled and self.policy.tries > 1 and len(eligible) > 1
        self.eligible = eligible
        self.full = {target.id for target in eligible if target.in_flight >= self.limit}
        self.balancer.update(eligible)
        self._serve(now)

    def _events(self) -> Iterable[float]:
        for target in self.targets:
            if target.breaker.state is BreakerState.OPEN:
                yield target.breaker.until
            if target.outlier.until is not None:
                yield target.outlier.until

    def _free(self, target: Target, now: float) -> None:
        if target.in_flight < self.limit:
            self.full.discard(target.id)
            if self.line:
                self._serve(now)

    def _serve(self, now: float) -> None:
        """Give the slots that are free to those who wait for one, or tell them that nobody is left."""
        while (waiter := self.line.first()) is not None:
            target = self.balancer.pick(now, waiter.key, self.full)
            if target is None and self.eligible:
                return
            self.line.leave(waiter)
            if target is None:
                waiter.refuse()
            else:
                waiter.grant(target, self.begin(target, now))

    # --- for people ---

    def why(self, target: Target, now: float, key: str | None, out: Collection[str]) -> tuple[str, str]:
        """The reason for the pick just made, before it begins: a word and a sentence."""
        if self.panic and (target.outlier.ejected or target.breaker.state is BreakerState.OPEN):
            return "panic", f"panic: too few of {len(self.targets)} are fit, so all are used"
        if target.breaker.state is BreakerState.HALF_OPEN:
            return "probe", "probe: breaker half-open"
        if len(self.targets) == 1:
            return "only", "only one in rotation"
        if sum(other.id not in out for other in self.eligible) == 1:
            return "only", f"only one of {len(self.targets)} that may be used"
        return self.balancer.word, self.balancer.why(target, now, key)

    def why_out(self, target: Target) -> str:
        """What keeps an instance out; empty if it may be picked."""
        if self.panic:
            return f"full: {target.in_flight} calls under way" if target.id in self.full else ""
        if target.outlier.ejected:
            return f"ejected: {target.ejected_why}"
        if target.breaker.state is BreakerState.OPEN:
            return f"breaker open: {target.breaker.why}"
        if target.breaker.state is BreakerState.HALF_OPEN and not target.breaker.admits(self.policy.breaker):
            return f"breaker half-open: {target.breaker.probing} probes under way"
        return f"full: {target.in_flight} calls under way" if target.id in self.full else ""

    def candidates(self, now: float, tried: Collection[str]) -> list[Candidate]:
        """Everybody in rotation, as it is now."""
        return [
            Candidate(
                id=target.id,
                in_flight=target.in_flight,
                load=self.balancer.load(target, now),
                out="tried already" if target.id in tried else self.why_out(target),
            )
            for target in self.targets
        ]

    def expected(self) -> dict[str, float] | None:
        """The share of the picks that each should get while things are as they are."""
        shares = {}
        for target in self.eligible:
            share = self.balancer.expected(target)
            if share is None:
                return None
            shares[target.id] = share
        return shares

    def next_event_s(self, now: float) -> float | None:
        """In how many seconds someone may be picked again, if time alone brings that about."""
        return max(0.0, self.next_event - now) if self.next_event is not NEVER else None

    def tell_often(self, kind: DecisionKind, why: str) -> None:
        self._decisions.tell_often(kind, self.name, why)

    def note_shares(self, now: float) -> None:
        """Take note of the picks that were made up to now."""
        self._note_shares(now)

    def _note_shares(self, now: float) -> None:
        self.shares.note(now, {target.id: target.stats.picks for target in self.targets}, self.expected())

    def _tell_breaker(self, target: Target) -> None:
        target.breaker_since = self.clock.now()
        breaker = target.breaker
        if not target.gone:
            self._decisions.tell(_TOLD[breaker.state], self.name, target.id, breaker.why)

    def _tell_return(self, target: Target, why: str) -> None:
        target.ejected_until = None
        target.ejected_why = ""
        self._decisions.tell(DecisionKind.RETURNED, self.name, target.id, why)

    def _tell_panic(self, left: int) -> None:
        of = f"{left} of {len(self.targets)} fit"
        if self.panic:
            why = f"{of}, fewer than {self.policy.outliers.panic_percent} %: all are used"
            self._decisions.tell(DecisionKind.PANIC, self.name, None, why)
        else:
            self._decisions.tell(DecisionKind.PANIC_ENDED, self.name, None, of)


def deadline_field(left_s: float) -> bytes:
    """The field that tells an instance how long its answer is waited for."""
    return b"X-Request-Deadline-Ms: %d" % max(0, left_s * 1000)
