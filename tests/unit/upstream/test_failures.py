import pytest

from embedded_services.upstream.failures import FailedTry, all_failed, is_failure, nobody_fit, queue_full
from embedded_services.upstream.retries import Fault

REFUSED = FailedTry("user-1", Fault.REFUSED, "refused the connection")
BROKEN = FailedTry("user-2", Fault.BROKEN, "closed the connection without an answer")
LATE = FailedTry("user-3", Fault.TIMEOUT, "did not answer in time")


def answered(status: int) -> FailedTry:
    return FailedTry("user-4", Fault.STATUS, f"answered {status}", status)


@pytest.mark.parametrize(
    ("tries", "code"),
    [
        ((REFUSED,), "SERVICE_UNAVAILABLE"),
        ((BROKEN, REFUSED), "BAD_GATEWAY"),
        ((BROKEN, LATE), "UPSTREAM_TIMEOUT"),
        ((LATE, BROKEN), "BAD_GATEWAY"),
        ((answered(503), REFUSED), "SERVICE_UNAVAILABLE"),
        ((answered(504),), "UPSTREAM_TIMEOUT"),
        ((LATE, answered(502)), "BAD_GATEWAY"),
    ],
)
def test_the_last_that_was_reached_decides_the_code(tries: tuple[FailedTry, ...], code: str) -> None:
    error = all_failed("user", tries, note="the retry budget is spent")
    assert error.code == code
    assert all(f"{one.instance} {one.reason}" in error.message for one in tries)
    assert error.message.endswith("(the retry budget is spent)")


def test_501_is_no_failure_of_the_instance() -> None:
    assert [status for status in (200, 404, 499, 500, 501, 502, 599) if is_failure(status)] == [500, 502, 599]


def test_who_is_out_is_named_up_to_a_few_and_when_to_come_back_is_told() -> None:
    error = nobody_fit("user", [f"user-{number} breaker open" for number in range(1, 8)], 2.3)
    assert error.message == (
        "Service user is failing: user-1 breaker open; user-2 breaker open; user-3 breaker open; "
        "user-4 breaker open; and 3 more. The next try is in 2.3 s"
    )
    assert error.retry_after == 3
    assert nobody_fit("user", ["user-1 breaker half-open"], None).retry_after == 1


def test_a_full_service_says_how_full() -> None:
    assert queue_full("user", 2, 8, 0).message == (
        "Service user is busy: each of its 2 instances has 8 calls under way, and none may wait"
    )
