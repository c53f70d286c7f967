import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.control.restart_policy import (
    LOOP_EXITS,
    LOOP_WINDOW_S,
    STABLE_S,
    CrashLoop,
    History,
    Restart,
    after_exit,
)

exits = st.lists(st.tuples(st.booleans(), st.floats(0.0, 60.0)), max_size=40)
"""Was it asked for, and how long did the process live."""


def crash(history: History, now: float, ran_s: float = 0.1) -> tuple[History, Restart | CrashLoop]:
    return after_exit(history, asked=False, ran_s=ran_s, now=now)


def test_restarts_back_off_from_fifty_milliseconds_to_five_seconds() -> None:
    history, now, delays = History(), 0.0, []
    for _ in range(12):
        now += 10.0  # far enough apart to be no crash loop
        history, decision = crash(history, now, ran_s=9.0)
        assert isinstance(decision, Restart)
        delays.append(decision.delay_s)
    assert delays == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0, 5.0]


def test_fifth_exit_within_thirty_seconds_is_a_crash_loop() -> None:
    history = History()
    for now in (0.0, 7.0, 14.0, 21.0):
        history, decision = crash(history, now)
        assert isinstance(decision, Restart)
    assert crash(history, 29.999)[1] == CrashLoop(5, 29.999)
    assert isinstance(crash(history, 30.0)[1], Restart)


def test_asked_exit_restarts_at_once_and_never_counts() -> None:
    history = History()
    for now in range(100):
        history, decision = after_exit(history, asked=True, ran_s=0.01, now=float(now))
        assert (history, decision) == (History(), Restart(0.0))


def test_asked_exits_in_between_do_not_forgive_the_others() -> None:
    history = History()
    for now in range(4):
        history, _ = crash(history, float(now))
        history, _ = after_exit(history, asked=True, ran_s=0.01, now=now + 0.5)
    assert isinstance(crash(history, 4.0)[1], CrashLoop)


@pytest.mark.parametrize("asked", [True, False])
def test_stable_run_clears_the_backoff_however_it_ends(asked: bool) -> None:
    history = History()
    for now in range(4):
        history, _ = crash(history, float(now))
    history, _ = after_exit(history, asked=asked, ran_s=STABLE_S, now=4.0 + STABLE_S)
    _, decision = crash(history, 36.0)
    assert decision == Restart(0.05 if asked else 0.1)


def test_history_stays_small_however_long_a_process_keeps_crashing() -> None:
    """Eight seconds apart it is never a crash loop, and may go on for days."""
    history = History()
    for number in range(3_000):
        history, _ = crash(history, number * 8.0, ran_s=3.0)
    assert crash(history, 24_000.0, ran_s=3.0)[1] == Restart(5.0)
    assert len(history.exits) < LOOP_EXITS


@given(exits)
def test_decision_depends_on_the_unasked_exits_of_the_last_thirty_seconds(
    happened: list[tuple[bool, float]],
) -> None:
    history, now = History(), 0.0
    unasked: list[float] = []
    for asked, ran_s in happened:
        now += ran_s
        history, decision = after_exit(history, asked=asked, ran_s=ran_s, now=now)
        if asked:
            assert decision == Restart(0.0)
            continue
        unasked = [at for at in [*unasked, now] if now - at < LOOP_WINDOW_S]
        if len(unasked) >= LOOP_EXITS:
            assert decision == CrashLoop(len(unasked), now - unasked[0])
        else:
            assert isinstance(decision, Restart)
            assert 0.05 <= decision.delay_s <= 5.0
