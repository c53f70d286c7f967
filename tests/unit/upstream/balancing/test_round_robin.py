from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from embedded_services.upstream.balancing.round_robin import RoundRobin
from tests.helpers.balancing import Instance, draws, first, instances, pick

memberships = st.lists(st.sampled_from("abcdef"), unique=True)


def test_everyone_gets_the_same_share() -> None:
    balancer: RoundRobin[Instance] = RoundRobin(draws(1))
    balancer.update(instances("a", "b", "c"))
    assert Counter(pick(balancer).id for _ in range(300)) == {"a": 100, "b": 100, "c": 100}


def test_it_goes_on_where_it_was_when_the_membership_changes() -> None:
    balancer: RoundRobin[Instance] = RoundRobin(first)
    picks = []
    for members in ("abc", "abc", "abcd", "abcd", "acd", "abcd", "abcd", "c", "bc"):
        balancer.update(instances(*members))
        picks.append(pick(balancer).id)
    assert "".join(picks) == "abcadcacc"


def test_callers_that_begin_together_do_not_all_begin_with_the_same_instance() -> None:
    picks = set()
    for seed in range(30):
        balancer: RoundRobin[Instance] = RoundRobin(draws(seed))
        balancer.update(instances("a", "b", "c"))
        picks.add(pick(balancer).id)
    assert picks == {"a", "b", "c"}


def test_a_broken_instance_is_the_first_choice_of_no_more_than_its_share() -> None:
    for count in (2, 3, 5):
        members = instances(*"abcde"[:count])
        balancer: RoundRobin[Instance] = RoundRobin(first)
        balancer.update(members)
        choices: Counter[str] = Counter()
        answers: Counter[str] = Counter()
        for _ in range(count * (count - 1) * 10):
            choice = pick(balancer)
            choices[choice.id] += 1
            if choice.id == "a":
                other = balancer.pick(0.0, None, {"a"}, again=True)
                assert other is not None
                choice = other
            answers[choice.id] += 1
        assert set(choices.values()) == {(count - 1) * 10}
        assert set(answers.values()) == {count * 10}


def test_it_says_after_whom_it_was() -> None:
    balancer: RoundRobin[Instance] = RoundRobin(first)
    balancer.update(instances("order-1", "order-2"))
    said = [balancer.why(pick(balancer), 0.0, None) for _ in range(3)]
    assert said == ["turn: the first", "turn: after order-1", "turn: after order-2"]


class Fairness(RuleBasedStateMachine):
    """While nothing changes the picks differ by at most one, whoever is out meanwhile and whatever happened before."""

    def __init__(self) -> None:
        super().__init__()
        self.balancer: RoundRobin[Instance] = RoundRobin(first)
        self.members: list[str] = []
        self.out: set[str] = set()
        self.picks: Counter[str] = Counter()

    def restart(self) -> None:
        self.picks = Counter(dict.fromkeys(set(self.members) - self.out, 0))

    @rule(ids=memberships)
    def change(self, ids: list[str]) -> None:
        self.members = ids
        self.balancer.update(instances(*ids))
        self.restart()

    @rule(ids=memberships)
    def pass_over(self, ids: list[str]) -> None:
        self.out = set(ids)
        self.restart()

    @rule(times=st.integers(1, 9))
    def pick(self, times: int) -> None:
        for _ in range(times):
            member = self.balancer.pick(0.0, None, self.out)
            assert (member is None) == (not self.picks)
            if member is not None:
                self.picks[member.id] += 1

    @invariant()
    def is_fair(self) -> None:
        if self.picks:
            assert max(self.picks.values()) - min(self.picks.values()) <= 1


TestFairness = Fairness.TestCase
TestFairness.settings = settings(max_examples=40)
