from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from embedded_services.contracts.settings import RetryPolicy
from embedded_services.upstream.retry_budget import RetryBudget

POLICY = RetryPolicy(budget_percent=20, budget_floor_per_s=1)


def test_a_quiet_service_may_repeat_too() -> None:
    budget = RetryBudget()
    assert sum(budget.take(0.0, POLICY) for _ in range(30)) == 10
    assert budget.refused == 20


def test_a_busy_one_may_repeat_a_share_of_its_calls() -> None:
    budget = RetryBudget()
    for _ in range(1000):
        budget.called(0.0)
    assert sum(budget.take(1.0, POLICY) for _ in range(1000)) == 200
    assert budget.take(11.0, POLICY)
    read = budget.read(11.0, POLICY)
    assert (read.calls, read.used, read.allowed, read.refused) == (0, 1, 10, 800)


def test_nothing_is_repeated_with_neither_share_nor_floor() -> None:
    budget = RetryBudget()
    budget.called(0.0)
    assert not budget.take(0.0, RetryPolicy(budget_percent=0, budget_floor_per_s=0))


class Model(RuleBasedStateMachine):
    """In no ten seconds more is repeated than a fifth of the calls, or ten."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.calls: list[int] = []
        self.taken: list[int] = []
        self.budget = RetryBudget()

    def recent(self, of: list[int]) -> int:
        return sum(second > int(self.now) - 10 for second in of)

    @rule(seconds=st.floats(0, 4))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(times=st.integers(1, 60))
    def call(self, times: int) -> None:
        for _ in range(times):
            self.budget.called(self.now)
        self.calls += [int(self.now)] * times

    @rule(times=st.integers(1, 20))
    def repeat(self, times: int) -> None:
        for _ in range(times):
            may = self.recent(self.taken) < max(10, self.recent(self.calls) // 5)
            assert self.budget.take(self.now, POLICY) == may
            if may:
                self.taken.append(int(self.now))

    @invariant()
    def reads_true(self) -> None:
        read = self.budget.read(self.now, POLICY)
        assert (read.calls, read.used) == (self.recent(self.calls), self.recent(self.taken))


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=40)
