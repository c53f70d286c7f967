"""`/metrics`: the counters in Prometheus' text format (0.0.4). Pure."""

from collections.abc import Iterable
from typing import Final

from embedded_services.gateway.telemetry import Telemetry
from embedded_services.limits.limiter import Limiter
from embedded_services.upstream.stats import CallBook

CONTENT_TYPE: Final = (b"Content-Type", b"text/plain; version=0.0.4; charset=utf-8")

Labels = dict[str, str]
Samples = Iterable[tuple[Labels, float]]


def render(telemetry: Telemetry, book: CallBook, limiter: Limiter) -> bytes:
    """One text with every counter there is."""
    instances = book.all()
    blocks = [
        _block(
            "faultdeck_gateway_requests_total",
            "counter",
            "Requests answered, by route and class of status.",
            (
                ({"route": route, "status": f"{kind}xx"}, count)
                for (route, kind), count in sorted(telemetry.answers.items())
            ),
        ),
        _block(
            "faultdeck_gateway_request_seconds_total",
            "counter",
            "Time that clients waited, by route.",
            (({"route": route}, seconds) for route, seconds in sorted(telemetry.seconds.items())),
        ),
        _block(
            "faultdeck_gateway_in_flight_requests",
            "gauge",
            "Requests being answered.",
            [({}, telemetry.in_flight)],
        ),
        _block(
            "faultdeck_gateway_rate_limit_forgotten_clients_total",
            "counter",
            "Clients whose count was forgotten early for want of room.",
            [({}, limiter.forgotten)],
        ),
        _block(
            "faultdeck_gateway_upstream_requests_total",
            "counter",
            "Calls to an instance, retries included.",
            (({"instance": stats.id}, stats.requests) for stats in instances),
        ),
        _block(
            "faultdeck_gateway_upstream_failures_total",
            "counter",
            "Calls to an instance that got no whole answer, or one of 500 and above.",
            (({"instance": stats.id}, stats.failures) for stats in instances),
        ),
        _block(
            "faultdeck_gateway_upstream_in_flight_requests",
            "gauge",
            "Calls to an instance under way.",
            (({"instance": stats.id}, stats.in_flight) for stats in instances),
        ),
    ]
    return "".join(blocks).encode()


def _block(name: str, kind: str, help_text: str, samples: Samples) -> str:
    lines = [f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n"]
    lines += [f"{name}{_labels(labels)} {_number(value)}\n" for labels, value in samples]
    return "".join(lines)


def _labels(labels: Labels) -> str:
    inside = ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6f}"
