from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from embedded_services.upstream.balancing.weighted_round_robin import WeightedRoundRobin
from tests.helpers.balancing import Instance, draws, first, pick

weights = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 12), min_size=1)


def weighted(given_: dict[str, int]) -> list[Instance]:
    return [Instance(name, weight=weight) for name, weight in sorted(given_.items())]


@given(weights, st.integers())
def test_over_a_cycle_each_gets_exactly_its_weight(given_: dict[str, int], seed: int) -> None:
    balancer: WeightedRoundRobin[Instance] = WeightedRoundRobin(draws(seed))
    balancer.update(weighted(given_))
    for _ in range(3):
        assert Counter(pick(balancer).id for _ in range(sum(given_.values()))) == given_


def test_turns_are_spread_smoothly() -> None:
    balancer: WeightedRoundRobin[Instance] = WeightedRoundRobin(first)
    balancer.update(weighted({"a": 5, "b": 1, "c": 1}))
    assert "".join(pick(balancer).id for _ in range(7)) == "aabacaa"


def test_a_weight_can_be_changed_under_way() -> None:
    balancer: WeightedRoundRobin[Instance] = WeightedRoundRobin(first)
    balancer.update(weighted({"a": 1000, "b": 1}))
    for _ in range(500):
        pick(balancer)
    balancer.update(weighted({"a": 1, "b": 1}))
    picks = Counter(pick(balancer).id for _ in range(10))
    assert abs(picks["a"] - picks["b"]) <= 2


@given(weights.filter(lambda given_: len(given_) > 1))
def test_what_one_that_is_out_would_have_got_is_spread_by_weight(given_: dict[str, int]) -> None:
    balancer: WeightedRoundRobin[Instance] = WeightedRoundRobin(first)
    balancer.update(weighted(given_))
    out = min(given_)
    left = {name: weight for name, weight in given_.items() if name != out}
    picks = Counter(pick(balancer, out={out}).id for _ in range(sum(left.values())))
    assert picks == left


def test_it_says_the_weight() -> None:
    balancer: WeightedRoundRobin[Instance] = WeightedRoundRobin(first)
    balancer.update(weighted({"a": 3, "b": 2}))
    chosen = pick(balancer)
    assert balancer.why(chosen, 0.0, None) == "weight 3 of 5"
    assert balancer.expected(chosen) == 0.6


class Proportion(RuleBasedStateMachine):
    """While nothing changes nobody is more than a turn or so away from its share, whatever happened before."""

    def __init__(self) -> None:
        super().__init__()
        self.balancer: WeightedRoundRobin[Instance] = WeightedRoundRobin(first)
        self.weights: dict[str, int] = {}
        self.picks: Counter[str] = Counter()

    @rule(given_=weights)
    def change(self, given_: dict[str, int]) -> None:
        self.weights = given_
        self.balancer.update(weighted(given_))
        self.picks = Counter()

    @rule(times=st.integers(1, 20))
    def pick(self, times: int) -> None:
        for _ in range(times if self.weights else 0):
            self.picks[pick(self.balancer).id] += 1

    @invariant()
    def is_in_proportion(self) -> None:
        total, count = sum(self.weights.values()), sum(self.picks.values())
        for name, weight in self.weights.items():
            assert abs(self.picks[name] - count * weight / total) <= 2.5


TestProportion = Proportion.TestCase
TestProportion.settings = settings(max_examples=40)
