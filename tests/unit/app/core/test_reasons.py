"""Why, in the few words of a row: the control plane's own sentences, shortened to what matters."""

import pytest

from app.core.reasons import in_short


@pytest.mark.parametrize(
    ("status", "reason", "short"),
    [
        ("frozen", "frozen; 3 checks in a row failed: no reply within 500 ms", "no reply to 3 checks"),
        ("frozen", "frozen by you (SIGSTOP); in rotation until its checks fail", "by you, still in rotation"),
        ("unhealthy", "4 checks in a row failed: no reply within 500 ms", "no reply to 4 checks"),
        ("starting", "a check failed: no reply within 500 ms", "no reply to a check"),
        ("unhealthy", "3 checks in a row failed: answered 503: no database", "3 checks failed: answered 503: no database"),
        (
            "healthy",
            "2 checks in a row failed: no reply within 500 ms; out of rotation at 3",
            "no reply to 2 of 3 checks",
        ),
        ("healthy", "a check failed: answered 500; out of rotation at 3", "1 of 3 checks failed: answered 500"),
        (
            "crash-looping",
            "killed by signal 9; ended 5 times within 12 s, restart it when the cause is gone",
            "5 ends in 12 s",
        ),
        ("starting", "process started, not ready yet", "not ready yet"),
        ("starting", "listening, first check under way", "first check under way"),
        ("stopped", "killed by you; restarting", "killed by you; restarting"),
        ("lost", "", ""),
    ],
)  # fmt: skip
def test_a_reason_is_said_in_short(status: str, reason: str, short: str) -> None:
    assert in_short(status, reason) == short
