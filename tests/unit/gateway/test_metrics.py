import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from embedded_services.common.clock import SystemClock
from embedded_services.contracts.agent import Peer
from embedded_services.contracts.gateway import Breaker, BreakerState, RetryBudget, Target, Upstream
from embedded_services.contracts.instances import Latency
from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.settings import Strategy
from embedded_services.gateway.limiting import RateLimit
from embedded_services.gateway.metrics import Measured, render
from embedded_services.telemetry.process_figures import own_figures
from embedded_services.upstream.client import UpstreamClient
from tests.helpers.child import demo_settings
from tests.helpers.exchanges import exchange, telemetry

ODD = 'odd"\\\nname'
BROKEN = Target(
    id=ODD,
    incarnation=1,
    weight=1,
    in_flight=2,
    picks=7,
    rate=0.7,
    share=1.0,
    expected=1.0,
    load=None,
    latency_ms=Latency(),
    eligible=False,
    breaker=Breaker(state=BreakerState.OPEN, since=1.0, calls=10, failed=9),
    ejections=3,
)
UPSTREAM = Upstream(
    service="user",
    strategy=Strategy.POWER_OF_TWO,
    hash_key="ip",
    targets=[BROKEN],
    reason="",
    rate=0.7,
    calls=6,
    failures=5,
    fairness=None,
    retries=4,
    hedges=3,
    hedges_won=1,
    queued=2,
    panic=True,
    budget=RetryBudget(calls=6, used=4, allowed=4, refused=11),
    rejected={"queue-full": 8},
)


@pytest.fixture
def text() -> str:
    """Everything that there is to tell, told."""
    upstream = UpstreamClient(demo_settings(), SystemClock())
    book = upstream.book
    told = telemetry(upstream=upstream)
    for number, status in enumerate((200, 204, 503, 499)):
        told.begin()
        told.end(exchange(number, story=told.sample("/x", 0.0) if number == 0 else None), status, 0.3, "")
    told.begin()
    told.end(exchange(5, route=None, instance=None), 404, 0.002, "")
    told.begin()
    stats = book.of(Peer(id=ODD, incarnation=1, host="", port=1, weight=1))
    stats.begin()
    stats.end(failed=True)
    return render(Measured(told, book, [UPSTREAM], RateLimit(LimitSettings(), 0), own_figures())).decode()


def test_every_counter_is_told_as_prometheus_reads_it(text: str) -> None:
    families = {family.name: family for family in text_string_to_metric_families(text)}
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families.values()
        for sample in family.samples
    }
    name = "faultdeck_gateway_"
    assert found[name + "requests_total", "/api/users", "200", "user"] == 1
    assert found[name + "requests_total", "/api/users", "499", "user"] == 1
    assert found[name + "requests_total", "404", "none", "user"] == 1
    duration = name + "request_duration_seconds"
    assert found[duration + "_count", "/api/users", "user", "user-1"] == 4
    assert found[duration + "_sum", "/api/users", "user", "user-1"] == pytest.approx(1.2)
    assert found[duration + "_bucket", "/api/users", "0.25", "user", "user-1"] == 0
    assert found[duration + "_bucket", "/api/users", "0.5", "user", "user-1"] == 4
    assert found[name + "requests_in_flight",] == 1
    assert found[name + "requests_sampled_total",] == 1
    assert found[name + "request_records_total", "kept"] == 5
    assert found[name + "upstream_failures_total", ODD] == 1
    assert found[name + "upstream_retries_total", "user"] == 4
    assert found[name + "upstream_retry_budget_refused_total", "user"] == 11
    assert found[name + "upstream_rejected_total", "queue-full", "user"] == 8
    assert found[name + "upstream_strategy", "power-of-two", "user"] == 1
    states = {
        state: found[name + "upstream_breaker_state", *sorted((ODD, state, "user"))] for state in BreakerState
    }
    assert states == {"open": 1, "closed": 0, "half-open": 0}
    assert found["process_resident_memory_bytes",] > 1e6
    assert families["process_cpu_seconds"].type == "counter"


def test_promtool_has_nothing_to_say_against_it(text: str) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False, timeout=20
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
