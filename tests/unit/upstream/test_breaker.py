from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from embedded_services.contracts.gateway import BreakerState
from embedded_services.contracts.settings import BreakerPolicy
from embedded_services.upstream.breaker import UNJUDGED, Breaker

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
POLICY = BreakerPolicy(failure_percent=50, minimum_calls=4, window_s=10, open_s=5, probes=2)


def call(breaker: Breaker, now: float, *, failed: bool) -> bool:
    return breaker.judge(breaker.begin(POLICY), now, POLICY, failed=failed)


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker(now)
    for _ in range(POLICY.minimum_calls):
        call(breaker, now, failed=True)
    assert breaker.state is OPEN
    return breaker


def half_open() -> Breaker:
    breaker = opened()
    assert breaker.tick(5.0, POLICY)
    return breaker


def test_it_opens_when_as_many_failed_as_the_policy_says_and_not_before() -> None:
    breaker = Breaker(0.0)
    outcomes = [True, True, False, False]
    assert [call(breaker, 0.0, failed=failed) for failed in outcomes] == [False, False, False, True]
    assert (breaker.state, breaker.until, breaker.why) == (OPEN, 5.0, "2 of 4 calls in 10 s failed")
    assert not breaker.admits(POLICY)


def test_failures_that_are_older_than_the_window_do_not_count() -> None:
    breaker = Breaker(0.0)
    for _ in range(3):
        call(breaker, 0.0, failed=True)
    for _ in range(4):
        call(breaker, 10.0, failed=False)
    assert breaker.recent(10.0) == (4, 0)
    assert breaker.state is CLOSED


def test_it_becomes_half_open_when_its_time_is_over() -> None:
    breaker = opened()
    assert not breaker.tick(4.9, POLICY)
    assert breaker.tick(5.0, POLICY)
    assert breaker.state is HALF_OPEN


def test_only_so_many_probes_at_a_time() -> None:
    breaker = half_open()
    first, second = breaker.begin(POLICY), breaker.begin(POLICY)
    assert not breaker.admits(POLICY)
    assert breaker.begin(POLICY) == UNJUDGED
    assert breaker.release(first)
    assert breaker.admits(POLICY)
    assert breaker.judge(second, 5.0, POLICY, failed=False)
    assert breaker.state is HALF_OPEN


def test_probes_that_succeed_close_it_and_one_that_fails_opens_it_again() -> None:
    breaker = half_open()
    call(breaker, 5.0, failed=False)
    call(breaker, 5.0, failed=False)
    assert (breaker.state, breaker.why) == (CLOSED, "2 probes succeeded")
    assert breaker.recent(5.0) == (0, 0)
    breaker = half_open()
    call(breaker, 5.0, failed=False)
    call(breaker, 6.0, failed=True)
    assert (breaker.state, breaker.until, breaker.why) == (OPEN, 11.0, "a probe failed")


def test_calls_that_were_under_way_when_it_opened_say_nothing_later() -> None:
    breaker = Breaker(0.0)
    old = breaker.begin(POLICY)
    for _ in range(4):
        call(breaker, 0.0, failed=True)
    breaker.tick(5.0, POLICY)
    assert not breaker.judge(old, 5.0, POLICY, failed=True)
    assert not breaker.release(old)
    assert (breaker.state, breaker.probing) == (HALF_OPEN, 0)


def test_one_that_is_switched_off_is_closed() -> None:
    breaker = opened()
    assert breaker.tune(BreakerPolicy(enabled=False), 1.0)
    assert breaker.state is CLOSED
    assert not breaker.tune(BreakerPolicy(enabled=False), 1.0)


class Model(RuleBasedStateMachine):
    """Against a list of all calls of the epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker(0.0)
        self.calls: list[tuple[int, bool]] = []
        self.passed = 0
        self.under_way: list[tuple[int, BreakerState]] = []

    @rule(seconds=st.floats(0, 8))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        was, due = self.breaker.state, self.now >= self.breaker.until
        assert self.breaker.tick(self.now, POLICY) == (was is OPEN and due)
        if was is OPEN and due:
            self.passed = 0

    @rule()
    def begin(self) -> None:
        admitted = self.breaker.admits(POLICY)
        epoch = self.breaker.begin(POLICY)
        assert (epoch == UNJUDGED) == (not admitted)
        self.under_way.append((epoch, self.breaker.state))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), failed=st.none() | st.booleans())
    def end(self, data: st.DataObject, failed: bool | None) -> None:
        epoch, state = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        counts = epoch == self.breaker.epoch
        if failed is None:
            assert self.breaker.release(epoch) == (counts and state is HALF_OPEN)
            return
        changed = self.breaker.judge(epoch, self.now, POLICY, failed=failed)
        if not counts:
            assert not changed
        elif state is CLOSED:
            self.calls.append((int(self.now), failed))
            recent = [bad for second, bad in self.calls if second > int(self.now) - POLICY.window_s]
            opens = len(recent) >= POLICY.minimum_calls and sum(recent) * 2 >= len(recent)
            assert changed == opens == (self.breaker.state is OPEN)
        elif failed:
            assert self.breaker.state is OPEN
        else:
            self.passed += 1
            assert (self.breaker.state is CLOSED) == (self.passed == POLICY.probes)
        if self.breaker.state is not CLOSED:
            self.calls = []

    @invariant()
    def no_more_probes_than_allowed(self) -> None:
        probing = sum(epoch == self.breaker.epoch for epoch, _ in self.under_way)
        if self.breaker.state is HALF_OPEN:
            assert self.breaker.probing == probing <= POLICY.probes
        else:
            assert self.breaker.probing == 0


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=40)


def test_another_policy_holds_for_one_that_is_open() -> None:
    breaker = opened()
    breaker.tune(BreakerPolicy(open_s=1), 0.5)
    assert breaker.until == 1.0
