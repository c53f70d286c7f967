import re
from pathlib import Path

from embedded_services.common.clock import SystemClock
from embedded_services.contracts.agent import Peer
from embedded_services.contracts.limits import LimitSettings
from embedded_services.gateway.exchange import Exchange, Trace
from embedded_services.gateway.http import Headers, Request
from embedded_services.gateway.metrics import render
from embedded_services.gateway.request_log import RequestLog
from embedded_services.gateway.telemetry import Telemetry
from embedded_services.limits.limiter import Limiter
from embedded_services.upstream.stats import CallBook

SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="(\\[\\n"]|[^\\\n"])*"(,[a-z]+="(\\[\\n"]|[^\\\n"])*")*\})? [0-9.]+')


def test_every_counter_is_told_in_the_text_format() -> None:
    book = CallBook()
    telemetry = Telemetry(book, RequestLog(Path("unused"), SystemClock()))
    for route, status in (("/api/users", 200), ("/api/users", 204), ("/api/users", 503), (None, 404)):
        exchange = Exchange(
            Request("GET", "/", "/", "", Headers(()), ""), "r", 0, 0, Trace("", ""), route=route
        )
        telemetry.begin()
        telemetry.end(exchange, status, 0.5, "")
    telemetry.begin()
    stats = book.of(Peer(id='odd"\\\nname', incarnation=1, host="", port=1, weight=1))
    stats.begin()
    stats.end(failed=True)
    text = render(telemetry, book, Limiter(LimitSettings(), 0)).decode()
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(sample) for sample in samples)
    assert 'faultdeck_gateway_requests_total{route="/api/users",status="2xx"} 2' in samples
    assert 'faultdeck_gateway_requests_total{route="/api/users",status="5xx"} 1' in samples
    assert 'faultdeck_gateway_requests_total{route="none",status="4xx"} 1' in samples
    assert 'faultdeck_gateway_request_seconds_total{route="/api/users"} 1.500000' in samples
    assert "faultdeck_gateway_in_flight_requests 1" in samples
    assert 'faultdeck_gateway_upstream_failures_total{instance="odd\\"\\\\\\nname"} 1' in samples
    for name in {sample.split("{")[0].split(" ")[0] for sample in samples}:
        assert f"# TYPE {name} " in text
