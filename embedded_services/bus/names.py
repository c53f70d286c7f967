"""What the bus calls things in the broker. Pure.

Whoever knows these can follow an event with any AMQP tool: events go to the topic exchange `events` by their type; a
service's events wait in `<service>.events`, what it is to deliver in `<service>.deliveries`; a message that failed waits
in `<queue>.retry.<ms>`, from where the broker gives it back; one that failed too often lies in `<queue>.dead`.
"""

from typing import Final

EXCHANGE: Final = "events"

RETRY_AFTER_MS: Final = (500, 2_000, 8_000, 30_000)
"""The wait before the second, third, … attempt; after the last there is one attempt more, the fifth."""

TRACEPARENT: Final = "traceparent"
ATTEMPTS: Final = "x-attempts"
"""Attempts that failed. Counted by ourselves: a retry queue's expiry starts the broker's own count anew."""
FAILURES: Final = "x-failures"
"""JSON of the failed attempts, the oldest first."""
FIRST_EXCHANGE: Final = "x-first-exchange"
FIRST_KEY: Final = "x-first-routing-key"
REASON: Final = "x-dead-reason"
COPY: Final = "x-copy"
"""On a message that a fault made of another one, with the same id: it is not copied again."""


def queue_of(service: str) -> str:
    return f"{service}.events"


def deliveries_of(service: str) -> str:
    return f"{service}.deliveries"


def retry_queue(queue: str, wait_ms: int) -> str:
    return f"{queue}.retry.{wait_ms}"


def dead_queue(queue: str) -> str:
    return f"{queue}.dead"


def wait_after(failed: int, waits_ms: tuple[int, ...] = RETRY_AFTER_MS) -> int | None:
    """Milliseconds to wait after so many failed attempts; None when there have been enough."""
    return None if failed > len(waits_ms) else waits_ms[failed - 1]
