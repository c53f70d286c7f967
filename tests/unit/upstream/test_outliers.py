from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from embedded_services.contracts.settings import OutlierPolicy
from embedded_services.upstream.outliers import Outlier, is_panic, may_eject

POLICY = OutlierPolicy(consecutive_failures=3, ejection_s=10, max_ejection_s=35)


def test_only_failures_in_a_row_count() -> None:
    outlier = Outlier()
    assert [outlier.failed(POLICY), outlier.failed(POLICY)] == [False, False]
    outlier.consecutive = 0
    assert [outlier.failed(POLICY) for _ in range(3)] == [False, False, True]


def test_each_time_it_is_out_longer_up_to_a_bound() -> None:
    outlier, now, times = Outlier(), 0.0, []
    for _ in range(5):
        times.append(outlier.eject(now, POLICY))
        now += times[-1]
        assert not outlier.tick(now - 0.1)
        assert outlier.tick(now)
    assert times == [10, 20, 30, 35, 35]
    assert outlier.ejections == 5


def test_good_conduct_makes_it_shorter_again() -> None:
    outlier = Outlier()
    outlier.eject(0.0, POLICY)
    outlier.tick(10.0)
    outlier.eject(10.0, POLICY)
    outlier.tick(30.0)
    assert outlier.eject(45.0, POLICY) == 20


def test_what_still_comes_in_while_it_is_out_does_not_count() -> None:
    outlier = Outlier()
    outlier.eject(0.0, POLICY)
    assert not any(outlier.failed(POLICY) for _ in range(9))
    outlier.tick(10.0)
    assert outlier.consecutive == 0


@given(st.integers(0, 64), st.integers(0, 100))
def test_no_more_are_out_than_the_policy_allows_but_one_of_two_always_may(total: int, percent: int) -> None:
    policy = OutlierPolicy(max_ejected_percent=percent)
    out = 0
    while may_eject(out, total, policy):
        out += 1
    if total < 2:
        assert out == 0
    else:
        assert out == max(1, total * percent // 100)


def test_panic_begins_below_the_threshold() -> None:
    policy = OutlierPolicy(panic_percent=50)
    assert not is_panic(2, 4, policy)
    assert is_panic(1, 4, policy)
    assert not is_panic(0, 0, policy)
    assert not is_panic(0, 4, OutlierPolicy(panic_percent=0))
    assert not is_panic(0, 4, OutlierPolicy(enabled=False))


class Model(RuleBasedStateMachine):
    """It is out for as long as it was told, and then in with a clean slate."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.until: float | None = None
        self.in_a_row = 0
        self.outlier = Outlier()

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        back = self.until is not None and self.now >= self.until
        assert self.outlier.tick(self.now) == back
        if back:
            self.until, self.in_a_row = None, 0

    @rule(may=st.booleans())
    def fail(self, may: bool) -> None:
        wanted = self.outlier.failed(POLICY)
        if self.until is None:
            self.in_a_row += 1
        assert wanted == (self.until is None and self.in_a_row >= POLICY.consecutive_failures)
        if wanted and may:
            seconds = self.outlier.eject(self.now, POLICY)
            assert POLICY.ejection_s <= seconds <= POLICY.max_ejection_s
            self.until = self.now + seconds

    @invariant()
    def agrees(self) -> None:
        assert self.outlier.until == self.until


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=40)


def test_another_policy_holds_for_one_that_is_out() -> None:
    outlier = Outlier()
    outlier.eject(0.0, POLICY)
    assert not outlier.tune(OutlierPolicy(ejection_s=2), 1.0)
    assert outlier.until == 2.0
    assert outlier.tune(OutlierPolicy(enabled=False), 1.0)
    assert not outlier.ejected
