"""What can go wrong with a call, for callers and for people."""

from dataclasses import dataclass

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.gateway import Attempt
from embedded_services.upstream.retries import NOTHING_SENT, Fault


class TryError(Exception):
    """One try ended without the head of a response."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{fault.value} ({detail})" if detail else fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class FailedTry:
    """`instance` refused, broke off or kept silent; `reason` completes the sentence "<instance> …"."""

    instance: str
    fault: Fault
    reason: str


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


def nobody_there(service: str, reason: str) -> UpstreamError:
    """There is no instance to try. `reason` is the registry's."""
    return UpstreamError(
        "SERVICE_UNAVAILABLE", f"Service {service} has no instance in rotation: {reason or 'unknown'}"
    )


def all_failed(service: str, tries: tuple[FailedTry, ...]) -> UpstreamError:
    """Every try failed: 504 if the last one that reached an instance timed out, 502 if it broke, 503 if none was reached."""
    reached = [failed for failed in tries if failed.fault not in NOTHING_SENT]
    if not reached:
        code = "SERVICE_UNAVAILABLE"
    elif reached[-1].fault is Fault.TIMEOUT:
        code = "UPSTREAM_TIMEOUT"
    else:
        code = "BAD_GATEWAY"
    said = "; ".join(f"{failed.instance} {failed.reason}" for failed in tries)
    return UpstreamError(code, f"Service {service} did not answer: {said}", tries)
