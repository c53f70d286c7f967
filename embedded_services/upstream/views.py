"""A service as a row of the Gateway panel."""

from embedded_services.contracts import gateway
from embedded_services.contracts.gateway import BreakerState, Upstream
from embedded_services.upstream.service import Service
from embedded_services.upstream.shares import SPAN_S, Share, fairness
from embedded_services.upstream.target import Target


class Viewer:
    """Looks at one service again and again. Cheap while nothing happens there."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._seen: tuple[float, ...] = ()
        self._quiet_at = 0.0
        self._told: Upstream | None = None

    def tell_again(self) -> None:
        """What was told may be lost."""
        self._told = None
        self._seen = ()

    def changed(self, now: float) -> Upstream | None:
        """The row, if it is not as it was told last."""
        service = self._service
        service.settle(now)
        seen = (
            service.version,
            service.calls,
            service.failures,
            len(service.line),
            sum(service.rejected.values()),
            *(target.in_flight for target in service.targets),
        )
        if seen != self._seen:
            self._seen = seen
            self._quiet_at = now + SPAN_S + 1.0
        elif now > self._quiet_at:
            return None
        row = view(service, now)
        if row == self._told:
            return None
        self._told = row
        return row


def view(service: Service, now: float) -> Upstream:
    service.note_shares(now)
    shares = service.shares.read(now, [target.id for target in service.targets], service.expected())
    budget = service.budget.read(now, service.policy.retries)
    eligible = {target.id for target in service.eligible}
    return Upstream(
        service=service.name,
        strategy=service.strategy,
        hash_key=service.hash_key,
        targets=[
            _target(service, target, shares[target.id], target.id in eligible, now)
            for target in service.targets
        ],
        reason=service.reason,
        rate=round(budget.calls / SPAN_S, 1),
        calls=service.calls,
        failures=service.failures,
        fairness=_rounded(fairness(shares.values())),
        retries=service.retries,
        hedges=service.hedges,
        hedges_won=service.hedges_won,
        queued=len(service.line),
        panic=service.panic,
        budget=budget,
        rejected=dict(service.rejected),
    )


def _target(service: Service, target: Target, share: Share, eligible: bool, now: float) -> gateway.Target:
    why = service.why_out(target)
    return gateway.Target(
        id=target.id,
        incarnation=target.peer.incarnation,
        weight=target.weight,
        in_flight=target.in_flight,
        picks=target.stats.picks,
        rate=round(share.rate, 1),
        share=_rounded(share.share),
        expected=_rounded(share.expected),
        load=_rounded(service.balancer.load(target, now)),
        latency_ms=target.stats.recent(now),
        eligible=eligible and target.id not in service.full,
        breaker=_breaker(target, now),
        ejections=target.outlier.ejections,
        ejected_until=target.ejected_until,
        why=why,
    )


def _breaker(target: Target, now: float) -> gateway.Breaker:
    breaker = target.breaker
    calls, failed = breaker.recent(now)
    open_for = breaker.until - breaker.since
    return gateway.Breaker(
        state=breaker.state,
        since=target.breaker_since,
        calls=calls,
        failed=failed,
        until=target.breaker_since + open_for if breaker.state is BreakerState.OPEN else None,
        why=breaker.why,
    )


def _rounded(value: float | None) -> float | None:
    return round(value, 4) if value is not None else None
