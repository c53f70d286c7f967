"""May this failure be retried, and where? Pure.

A call is repeated only if that cannot do its work twice: always when nothing was sent, else only when the request is
repeatable. Nothing that has begun to flow back to the caller is ever repeated, because a call that has an answer has no
failure; nor is a body that was streamed and is gone.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from embedded_services.contracts.settings import RetryPolicy

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})


class Fault(Enum):
    """What went wrong with one try: there was no head of a response, or it had one of `RetryPolicy.statuses`."""

    REFUSED = "refused the connection"
    UNREACHABLE = "did not accept the connection in time"
    STALE = "had closed the connection that was kept open"
    BROKEN = "closed the connection without an answer"
    TIMEOUT = "did not answer in time"
    GARBAGE = "answered something that is not HTTP"
    STATUS = "answered with a status that may pass"


NOTHING_SENT: Final = frozenset({Fault.REFUSED, Fault.UNREACHABLE})


class Next(Enum):
    GIVE_UP = "give up"
    ELSEWHERE = "another instance"
    AGAIN = "the same instance, on a new connection"


@dataclass(frozen=True, slots=True)
class Situation:
    """`tries` were made of at most `allowed`; `untried`: an instance is left that was not tried and may be; `intact`: the
    body can be sent once more; `enabled`: retries are."""

    fault: Fault
    repeatable: bool
    intact: bool
    tries: int
    allowed: int
    untried: bool
    time_left_s: float
    enabled: bool = True


def is_repeatable(method: str, has_idempotency_key: bool) -> bool:
    return method in IDEMPOTENT or has_idempotency_key


def decide(situation: Situation) -> Next:
    fault = situation.fault
    if situation.time_left_s <= 0 or not situation.intact:
        return Next.GIVE_UP
    if fault not in NOTHING_SENT and not situation.repeatable:
        return Next.GIVE_UP
    if situation.enabled and situation.untried and situation.tries < situation.allowed:
        return Next.ELSEWHERE
    # That a kept connection had been closed is no fault of the instance, and a new connection cannot have been.
    return Next.AGAIN if fault is Fault.STALE else Next.GIVE_UP


def wait_s(fault: Fault, repetition: int, policy: RetryPolicy, chance: float) -> float:
    """Seconds to wait before the repetition (1 is the first); `chance` is drawn from [0, 1). With full jitter, for those
    that failed together should not come back together. What was never sent has burdened nobody."""
    if fault in NOTHING_SENT or fault is Fault.STALE:
        return 0.0
    return min(policy.backoff_max_s, policy.backoff_s * 2.0 ** (repetition - 1)) * chance


def try_timeout(time_left_s: float, try_timeout_s: float, could_be_repeated: bool) -> float:
    """Seconds that one try may take. The last possible one gets all that is left."""
    return min(time_left_s, try_timeout_s) if could_be_repeated else time_left_s
