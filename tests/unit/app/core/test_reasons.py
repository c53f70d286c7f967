"""Why, in the few words of a row: the control plane's own sentences, shortened to what matters."""

import re
from collections.abc import Iterator

import pytest

from app.core import language
from app.core.reasons import in_short, spoken


@pytest.mark.parametrize(
    ("status", "reason", "short"),
    [
        ("frozen", "frozen; 3 checks in a row failed: no reply within 500 ms", "no reply to 3 checks"),
        ("frozen", "frozen by you (SIGSTOP); in rotation until its checks fail", "by you, still in rotation"),
        (
            "frozen",
            "frozen by you (SIGSTOP); 3 checks in a row failed: no reply within 500 ms",
            "no reply to 3 checks",
        ),
        (
            "frozen",
            "frozen by a fault (SIGSTOP); in rotation until its checks fail",
            "by a fault, still in rotation",
        ),
        (
            "frozen",
            "frozen by a fault (SIGSTOP); 3 checks in a row failed: no reply within 500 ms",
            "by a fault: no reply to 3 checks",
        ),
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


WHOLE = [
    "about to start",
    "listening, first check under way",
    "frozen by you (SIGSTOP); in rotation until its checks fail",
    "frozen; 3 checks in a row failed: no reply within 500 ms",
    "a check failed: connection refused; out of rotation at 3",
    "frozen by a fault (SIGSTOP); 3 checks in a row failed: no reply within 500 ms",
    "thawed as its fault ended, check under way",
    "killed by you; restarting",
    "killed by a fault; restarting",
    "crashed by a fault; restarting",
    "terminated by a fault; restarting",
    "restarted by a fault; restarting",
    "killed by signal 9; restarting in 0.05 s",
    "ended with exit code 1; ended 5 times within 1 s, restart it when the cause is gone",
    "drained by you; restart brings it back",
]


@pytest.fixture
def chinese() -> Iterator[None]:
    language.use(language.CHINESE)
    yield
    language.use(language.ENGLISH)


@pytest.mark.parametrize("reason", [*WHOLE, "a reason; that nobody knows", ""])
def test_in_english_a_reason_stays_as_it_was_given(reason: str) -> None:
    assert spoken(reason) == reason


@pytest.mark.parametrize("reason", WHOLE)
def test_every_clause_is_said_in_the_windows_language(reason: str, chinese: None) -> None:
    said = spoken(reason)
    assert said.count("; ") == reason.count("; ")
    assert re.findall(r"\d+", said) != [] or not re.search(r"\d", reason)
    assert not re.search(r"[a-z]{2}", said), said


def test_what_is_not_known_stays_beside_what_is(chinese: None) -> None:
    assert spoken("killed by you; for fun").endswith("; for fun")
