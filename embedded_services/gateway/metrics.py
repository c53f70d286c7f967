"""`/metrics`: all that the gateway counts, in Prometheus' text format. Pure.

Names follow Prometheus' conventions: base units, `_total` for what only grows, one family for one thing. Those of the
process are the ones that its client libraries use.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from embedded_services.common.version import __version__
from embedded_services.contracts.gateway import BreakerState, Target, Upstream
from embedded_services.gateway.limiting import RateLimit
from embedded_services.gateway.telemetry import Telemetry
from embedded_services.telemetry.exposition import CONTENT_TYPE, Exposition, Labels
from embedded_services.telemetry.process_figures import ProcessFigures
from embedded_services.telemetry.series import BOUNDS_S
from embedded_services.upstream.stats import CallBook

__all__ = ["CONTENT_TYPE", "Measured", "render"]

_PREFIX: Final = "faultdeck_gateway_"

Samples = list[tuple[Labels, float]]


@dataclass(frozen=True)
class Measured:
    """Everything there is to tell. `upstreams` are as the balancer sees them now."""

    telemetry: Telemetry
    book: CallBook
    upstreams: Sequence[Upstream]
    rate_limit: RateLimit
    process: ProcessFigures


def render(measured: Measured) -> bytes:
    text = Exposition()
    _requests(text, measured.telemetry)
    _telemetry(text, measured.telemetry)
    _instances(text, measured.book)
    _upstreams(text, measured.upstreams)
    _limits(text, measured.rate_limit)
    _process(text, measured.process)
    return text.text


def _requests(text: Exposition, telemetry: Telemetry) -> None:
    series, clients = telemetry.meters.series(), telemetry.clients
    by_status: Counter[tuple[str, str, int]] = Counter()
    for one in series:
        for status, count in one.statuses.items():
            by_status[one.route, one.service, status] += count
    text.counter(
        f"{_PREFIX}requests_total",
        "Requests answered, by route, service and status; 499 is a client that left before there was an answer.",
        [
            ({"route": route, "service": service, "code": str(status)}, count)
            for (route, service, status), count in sorted(by_status.items())
        ],
    )
    text.histogram(
        f"{_PREFIX}request_duration_seconds",
        "What clients waited, by route, service and the instance that answered.",
        BOUNDS_S,
        [
            (
                {"route": one.route, "service": one.service, "instance": one.instance},
                one.below_bounds(),
                one.seconds,
            )
            for one in series
        ],
    )
    text.gauge(f"{_PREFIX}requests_in_flight", "Requests being answered.", [({}, telemetry.in_flight)])
    text.gauge(f"{_PREFIX}connections", "Connections of clients that are open.", [({}, clients.connections)])
    text.counter(
        f"{_PREFIX}received_bytes_total", "Bytes that clients sent, heads included.", [({}, clients.received)]
    )
    text.counter(
        f"{_PREFIX}sent_bytes_total", "Bytes that clients were sent, heads included.", [({}, clients.sent)]
    )
    text.gauge(
        f"{_PREFIX}settings_revision", "The revision of the settings in force.", [({}, telemetry.revision)]
    )


def _telemetry(text: Exposition, telemetry: Telemetry) -> None:
    text.counter(
        f"{_PREFIX}requests_sampled_total",
        "Requests recorded with every detail.",
        [({}, telemetry.sampled)],
    )
    text.counter(
        f"{_PREFIX}request_records_total",
        "Requests that were recorded, and those that were only counted.",
        [({"state": "kept"}, telemetry.kept), ({"state": "not-kept"}, telemetry.seq - telemetry.kept)],
    )
    text.counter(
        f"{_PREFIX}spans_dropped_total",
        "Spans for which there was no room.",
        [({}, telemetry.spans_dropped)],
    )
    text.counter(
        f"{_PREFIX}picks_recorded_total", "Choices of an instance recorded.", [({}, telemetry.picks_seq)]
    )


def _instances(text: Exposition, book: CallBook) -> None:
    instances = [({"instance": stats.id}, stats) for stats in book.all()]
    text.counter(
        f"{_PREFIX}upstream_tries_total",
        "Tries on an instance, repetitions included.",
        [(labels, stats.requests) for labels, stats in instances],
    )
    text.counter(
        f"{_PREFIX}upstream_failures_total",
        "Tries on an instance that got no whole answer, or one of 500 and above.",
        [(labels, stats.failures) for labels, stats in instances],
    )
    text.gauge(
        f"{_PREFIX}upstream_tries_in_flight",
        "Tries on an instance under way.",
        [(labels, stats.in_flight) for labels, stats in instances],
    )


def _upstreams(text: Exposition, upstreams: Sequence[Upstream]) -> None:
    def counter(name: str, help_text: str, values: Samples) -> None:
        text.counter(f"{_PREFIX}upstream_{name}_total", help_text, values)

    def gauge(name: str, help_text: str, values: Samples) -> None:
        text.gauge(f"{_PREFIX}upstream_{name}", help_text, values)

    rows = [({"service": row.service}, row) for row in upstreams]
    targets = list(_targets(upstreams))
    counter("calls", "Calls to a service.", [(labels, row.calls) for labels, row in rows])
    counter(
        "call_failures",
        "Calls to a service without a good answer, all tries together.",
        [(labels, row.failures) for labels, row in rows],
    )
    counter("retries", "Tries that repeated another one.", [(labels, row.retries) for labels, row in rows])
    counter(
        "hedges",
        "Tries sent because another one took long.",
        [(labels, row.hedges) for labels, row in rows],
    )
    counter("hedges_won", "Hedges that answered first.", [(labels, row.hedges_won) for labels, row in rows])
    counter(
        "retry_budget_refused",
        "Repetitions for which the budget had nothing left.",
        [(labels, row.budget.refused) for labels, row in rows],
    )
    counter(
        "rejected",
        "Calls that no instance was asked for, by reason.",
        [
            ({**labels, "reason": reason}, count)
            for labels, row in rows
            for reason, count in sorted(row.rejected.items())
        ],
    )
    gauge("queue_depth", "Calls that wait for an instance.", [(labels, row.queued) for labels, row in rows])
    gauge(
        "panic",
        "1 while all instances are used because too few are eligible.",
        [(labels, int(row.panic)) for labels, row in rows],
    )
    gauge(
        "strategy",
        "1 for the balancing strategy in force.",
        [({**labels, "strategy": row.strategy.value}, 1) for labels, row in rows],
    )
    counter("picks", "Choices of an instance.", [(labels, target.picks) for labels, target in targets])
    counter(
        "ejections",
        "Times an instance was ejected.",
        [(labels, target.ejections) for labels, target in targets],
    )
    gauge(
        "eligible",
        "1 for an instance that may be picked.",
        [(labels, int(target.eligible)) for labels, target in targets],
    )
    gauge(
        "breaker_state",
        "1 for the state that an instance's breaker is in.",
        [
            ({**labels, "state": state.value}, int(target.breaker.state is state))
            for labels, target in targets
            for state in BreakerState
        ],
    )


def _targets(upstreams: Sequence[Upstream]) -> Iterator[tuple[Labels, Target]]:
    for row in upstreams:
        for target in row.targets:
            yield {"service": row.service, "instance": target.id}, target


def _limits(text: Exposition, rate_limit: RateLimit) -> None:
    clients, limiter = rate_limit.clients, rate_limit.limiter
    text.counter(
        f"{_PREFIX}rate_limit_requests_total",
        "Requests that the rate limit let through, and those that it answered with 429.",
        [({"state": "allowed"}, clients.allowed), ({"state": "limited"}, clients.limited)],
    )
    text.gauge(f"{_PREFIX}rate_limit_clients", "Clients whose count is held.", [({}, len(limiter))])
    text.counter(
        f"{_PREFIX}rate_limit_forgotten_clients_total",
        "Clients whose count was forgotten early for want of room.",
        [({}, limiter.forgotten)],
    )


def _process(text: Exposition, process: ProcessFigures) -> None:
    text.gauge("faultdeck_build_info", "The version that runs.", [({"version": __version__}, 1)])
    text.counter(
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds.",
        [({}, process.cpu_s)],
    )
    text.gauge(
        "process_resident_memory_bytes", "Resident memory size in bytes.", [({}, process.resident_bytes)]
    )
    text.gauge(
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        [({}, process.started_at)],
    )
    if process.open_files is not None:
        text.gauge("process_open_fds", "Number of open file descriptors.", [({}, process.open_files)])
