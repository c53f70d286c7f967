"""What can go wrong with a call, for callers and for people."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.gateway import Attempt
from embedded_services.upstream.retries import NOTHING_SENT, Fault

_NAMED: Final = 4
"""Instances that a message names; the rest is counted."""


class TryError(Exception):
    """One try ended without the head of a response."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{fault.value} ({detail})" if detail else fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class FailedTry:
    """`instance` refused, broke off or kept silent, or answered with a `status` for which the call was repeated; `reason`
    completes the sentence "<instance> …"."""

    instance: str
    fault: Fault
    reason: str
    status: int = 0


class UpstreamError(ApiError):
    """A call that has no answer, with every try that was made; `attempts` tells them as `UpstreamResponse.attempts` does.
    `retry_after` is in whole seconds, where it is known when an instance will be tried again."""

    def __init__(
        self,
        code: str,
        message: str,
        tries: tuple[FailedTry, ...] = (),
        attempts: tuple[Attempt, ...] = (),
        *,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(code, message, retry_after=retry_after)
        self.tries = tries
        self.attempts = attempts


class BrokenBodyError(UpstreamError):
    """The head had come, and was perhaps passed on already, but the body broke off."""

    def __init__(self, instance: str, reason: str) -> None:
        super().__init__("BAD_GATEWAY", f"{instance} {reason}")


def is_failure(status: int) -> bool:
    """Whether an answer says that its instance is in trouble; 501 says that it does not know the method."""
    return status >= 500 and status != 501


def nobody_there(service: str, reason: str) -> UpstreamError:
    """There is no instance to try. `reason` is the registry's."""
    return UpstreamError(
        "SERVICE_UNAVAILABLE", f"Service {service} has no instance in rotation: {reason or 'unknown'}"
    )


def nobody_fit(service: str, outs: Sequence[str], next_event_s: float | None) -> UpstreamError:
    """There are instances, but none that may be asked now; `outs` says of each why."""
    said = "; ".join(outs[:_NAMED]) + (f"; and {len(outs) - _NAMED} more" if len(outs) > _NAMED else "")
    message = f"Service {service} is failing: {said}"
    if next_event_s is None:
        return UpstreamError("SERVICE_UNAVAILABLE", message, retry_after=1)
    return UpstreamError(
        "SERVICE_UNAVAILABLE",
        f"{message}. The next try is in {next_event_s:.1f} s",
        retry_after=max(1, math.ceil(next_event_s)),
    )


def queue_full(service: str, instances: int, limit: int, waiting: int) -> UpstreamError:
    line = f"{waiting} more are waiting already" if waiting else "none may wait"
    full = _all_full(service, instances, limit)
    return UpstreamError("SERVICE_UNAVAILABLE", f"{full}, and {line}", retry_after=1)


def queue_timeout(service: str, instances: int, limit: int, waited_s: float) -> UpstreamError:
    full = _all_full(service, instances, limit)
    return UpstreamError(
        "SERVICE_UNAVAILABLE", f"{full}; none was done within {waited_s:.1f} s", retry_after=1
    )


def no_time_left(service: str) -> UpstreamError:
    """Whoever asks for this waits no more."""
    return UpstreamError("UPSTREAM_TIMEOUT", f"Service {service} was not asked: no time was left for it")


def all_failed(
    service: str, tries: tuple[FailedTry, ...], attempts: tuple[Attempt, ...] = (), note: str = ""
) -> UpstreamError:
    """Every try failed: 504 if the last one that reached an instance timed out, 502 if it broke, what the instance said if
    it answered, 503 if none was reached. `note` says why there were not more."""
    reached = [failed for failed in tries if failed.fault not in NOTHING_SENT]
    code = _code(reached[-1]) if reached else "SERVICE_UNAVAILABLE"
    said = "; ".join(f"{failed.instance} {failed.reason}" for failed in tries)
    return UpstreamError(
        code, f"Service {service} did not answer: {said}{f' ({note})' if note else ''}", tries, attempts
    )


def _code(failed: FailedTry) -> str:
    if failed.fault is Fault.TIMEOUT or failed.status == 504:
        return "UPSTREAM_TIMEOUT"
    return "SERVICE_UNAVAILABLE" if failed.status == 503 else "BAD_GATEWAY"


def _all_full(service: str, instances: int, limit: int) -> str:
    calls = "1 call" if limit == 1 else f"{limit} calls"
    who = "its one instance has" if instances == 1 else f"each of its {instances} instances has"
    return f"Service {service} is busy: {who} {calls} under way"
