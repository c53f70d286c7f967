"""Who got how much of a service's calls, against what the strategy should give: rows for the bars. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.core import figures
from app.core.fault_marks import Marks
from app.core.language import tr
from app.panels.gateway.words import kept_out_word, rejection_word, status_word
from app.qt.tokens import Tone
from embedded_services.contracts.gateway import Target, Upstream
from embedded_services.contracts.instances import Instance, Status
from embedded_services.contracts.settings import ServiceSettings, Strategy

EVENLY = (Strategy.ROUND_ROBIN, Strategy.RANDOM, Strategy.LEAST_CONNECTIONS, Strategy.POWER_OF_TWO)


@dataclass(frozen=True)
class ShareRow:
    """`share` and `expected` from 0 to 1, None where unknown; `all_in` is what it would be with all in rotation, None
    where that is the same. `word` says what keeps it out of use, `tooltip` is the reason as it was given, `fault` which faults act on it."""

    id: str
    status: str
    in_rotation: bool
    share: float | None
    expected: float | None
    all_in: float | None
    rate: float | None
    weight: int
    word: str = ""
    tooltip: str = ""
    fault: str = ""

    def says(self) -> str:
        """For those who cannot see the bar."""
        parts = [self.id, _percent(self.share)]
        if self.expected is not None:
            parts.append(tr("expected {share}", share=_percent(self.expected)))
        return ", ".join(
            filter(None, [*parts, figures.rate(self.rate), self.word or self.status, self.fault])
        )


@dataclass(frozen=True)
class ServiceShares:
    """A service as a block of the page. `caption` says how even it is, or why not; `fault` which faults act on all of it."""

    name: str
    strategy: str
    hash_key: str
    rows: tuple[ShareRow, ...]
    caption: str
    caption_tone: Tone = "text_muted"
    caption_tip: str = ""
    fault: str = ""


def service_shares(
    settings: Mapping[str, ServiceSettings],
    upstreams: Mapping[str, Upstream],
    instances: Iterable[Instance],
) -> list[ServiceShares]:
    """In the settings' order. What the gateway has not told yet is unknown, not zero."""
    by_service: dict[str, list[Instance]] = {}
    for instance in instances:
        by_service.setdefault(instance.service, []).append(instance)
    names = list(settings) or list(upstreams)
    return [
        _service(name, settings.get(name), upstreams.get(name), by_service.get(name, [])) for name in names
    ]


def with_faults(services: Iterable[ServiceShares], broken: Marks) -> list[ServiceShares]:
    """With the faults that act on each service and each instance."""
    return [
        replace(
            service,
            fault=broken.get(service.name, ""),
            rows=tuple(replace(row, fault=broken.get(row.id, "")) for row in service.rows),
        )
        for service in services
    ]


def _service(
    name: str, wanted: ServiceSettings | None, upstream: Upstream | None, instances: Sequence[Instance]
) -> ServiceShares:
    targets = {target.id: target for target in upstream.targets} if upstream else {}
    weights = {row.id: _weight(row, targets.get(row.id), wanted) for row in instances}
    for target in targets.values():
        weights.setdefault(target.id, target.weight)
    strategy = upstream.strategy if upstream else wanted.strategy if wanted else Strategy.ROUND_ROBIN
    known = {row.id: row for row in instances}
    rows = tuple(
        _row(
            identity,
            known.get(identity),
            targets.get(identity),
            upstream,
            _all_in(identity, weights, strategy),
        )
        for identity in weights
    )
    caption, tone, tip = _caption(rows, upstream)
    hash_key = upstream.hash_key if upstream else wanted.hash_key if wanted else "ip"
    return ServiceShares(name, strategy, hash_key, rows, caption, tone, tip)


def _weight(row: Instance, target: Target | None, wanted: ServiceSettings | None) -> int:
    if wanted is not None and row.id in wanted.weights:
        return wanted.weights[row.id]
    return target.weight if target is not None else row.weight


def _all_in(identity: str, weights: Mapping[str, int], strategy: Strategy) -> float | None:
    """The share with all in rotation; None where that hangs on the keys."""
    if strategy is Strategy.WEIGHTED_ROUND_ROBIN:
        return weights[identity] / max(1, sum(weights.values()))
    return 1 / len(weights) if strategy in EVENLY else None


def _row(
    identity: str,
    instance: Instance | None,
    target: Target | None,
    upstream: Upstream | None,
    all_in: float | None,
) -> ShareRow:
    status = str(instance.status) if instance is not None else "healthy"
    if target is None:
        idle = upstream is not None and bool(upstream.calls)
        return ShareRow(
            identity, status, False, 0.0 if idle else None, 0.0 if idle else None, all_in,
            0.0 if upstream is not None else None, instance.weight if instance else 1,
            status_word(status), instance.reason if instance else "",
        )  # fmt: skip
    expected = target.expected
    dashed = all_in if all_in is not None and (expected is None or abs(all_in - expected) > 0.005) else None
    return ShareRow(
        identity,
        status if target.eligible or status != Status.HEALTHY else "degraded",
        target.eligible,
        target.share,
        expected,
        dashed,
        target.rate,
        target.weight,
        "" if target.eligible else status_word(status) if status != Status.HEALTHY else kept_out_word(target),
        target.why,
    )


# --- how even it is ---------------------------------------------------------------------------------------------------


def _caption(rows: Sequence[ShareRow], upstream: Upstream | None) -> tuple[str, Tone, str]:
    """The sentence below the bars, with its tone and its tooltip."""
    if upstream is None:
        return tr("the gateway has not told yet"), "text_muted", ""
    tip = (
        "" if upstream.fairness is None else tr("Jain's index: {n}", n=figures.decimal(upstream.fairness, 3))
    )
    evenness = "" if upstream.panic else _evenness(rows, upstream)
    parts = [text for text in (_trouble(upstream), evenness, _extras(upstream)) if text]
    return " · ".join(parts), "warn" if _trouble(upstream) else "text_muted", tip


def _trouble(upstream: Upstream) -> str:
    if upstream.panic:
        return tr("panic: too few would be left, so all are used")
    if not upstream.targets:
        return tr("nobody in rotation")
    return tr("{n} waiting for a free instance", n=upstream.queued) if upstream.queued else ""


def _evenness(rows: Sequence[ShareRow], upstream: Upstream) -> str:
    used = [row for row in rows if row.in_rotation]
    if len(used) == 1 and len(rows) > 1:
        return _one_of(rows)
    if len(used) <= 1:
        return "" if not used else tr("its only instance")
    if upstream.strategy is Strategy.CONSISTENT_HASH:
        return _with_fairness(tr("as the keys fall"), upstream)
    off = [
        abs(row.share - row.expected) for row in used if row.share is not None and row.expected is not None
    ]
    if off:
        points = figures.decimal(max(off) * 100)
        if upstream.strategy is Strategy.WEIGHTED_ROUND_ROBIN:
            return tr("as weighted, to ± {points} points", points=points)
        return tr("even to ± {points} points", points=points)
    return tr("idle") if not upstream.rate else _with_fairness(tr("as the load falls"), upstream)


def _one_of(rows: Sequence[ShareRow]) -> str:
    shares = {row.all_in for row in rows if row.all_in is not None}
    if len(shares) != 1:
        return tr("one instance in rotation")
    share = f"{100 * shares.pop():.0f}"
    if len(rows) == 2:
        return tr("one instance in rotation · {share} % each when both are", share=share)
    return tr("one instance in rotation · {share} % each when all are", share=share)


def _with_fairness(text: str, upstream: Upstream) -> str:
    if upstream.fairness is None:
        return text
    return tr("{text}, fairness {n}", text=text, n=figures.decimal(upstream.fairness, 2))


def _extras(upstream: Upstream) -> str:
    return tr("rates include retries") if upstream.retries and upstream.rate and upstream.budget.used else ""


def rejected_words(upstream: Upstream) -> str:
    """`rejected 12: queue full`; empty for none."""
    causes = [(n, rejection_word(cause)) for cause, n in upstream.rejected.items() if n]
    if not causes:
        return ""
    total, words = sum(n for n, _ in causes), ", ".join(word for _, word in causes)
    return tr("rejected {n}: {why}", n=figures.count(total), why=words)


def _percent(share: float | None) -> str:
    return figures.NONE if share is None else f"{100 * share:.1f} %"


percent = _percent
