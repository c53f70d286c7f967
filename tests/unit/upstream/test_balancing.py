import random
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from embedded_services.contracts.settings import Strategy
from embedded_services.upstream.balancing import (
    AVAILABLE,
    Balancer,
    Draw,
    LeastConnections,
    Random,
    RoundRobin,
    make,
)


@dataclass
class Instance:
    id: str
    in_flight: int = 0
    weight: int = 1


def instances(*ids: str) -> list[Instance]:
    return [Instance(name) for name in sorted(ids)]


def draws(seed: int) -> Draw:
    return random.Random(seed).random


def first() -> float:
    return 0.0


def pick(balancer: Balancer[Instance]) -> Instance:
    member = balancer.pick()
    assert member is not None
    return member


memberships = st.lists(st.sampled_from("abcdef"), unique=True)


def test_round_robin_gives_everyone_the_same_share() -> None:
    balancer: RoundRobin[Instance] = RoundRobin(draws(1))
    balancer.update(instances("a", "b", "c"))
    picks = Counter(pick(balancer).id for _ in range(300))
    assert picks == {"a": 100, "b": 100, "c": 100}


def test_round_robin_goes_on_where_it_was_when_the_membership_changes() -> None:
    balancer: RoundRobin[Instance] = RoundRobin(first)
    picks = []
    for members in ("abc", "abc", "abcd", "acd", "acd", "bcd", "a", "ab"):
        balancer.update(instances(*members))
        picks.append(pick(balancer).id)
    assert picks == ["a", "b", "c", "d", "a", "b", "a", "b"]


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
                other = balancer.pick({"a"})
                assert other is not None
                choice = other
            answers[choice.id] += 1
        assert set(choices.values()) == {(count - 1) * 10}
        assert set(answers.values()) == {count * 10}


class RoundRobinFairness(RuleBasedStateMachine):
    """Between two changes of membership the picks differ by at most one, whatever happened before."""

    def __init__(self) -> None:
        super().__init__()
        self.balancer: RoundRobin[Instance] = RoundRobin(first)
        self.members: list[Instance] = []
        self.picks: Counter[str] = Counter()

    @rule(ids=memberships)
    def change(self, ids: list[str]) -> None:
        self.members = instances(*ids)
        self.balancer.update(self.members)
        self.picks = Counter(dict.fromkeys(ids, 0))

    @rule()
    def pick(self) -> None:
        member = self.balancer.pick()
        assert (member is None) == (not self.members)
        if member is not None:
            self.picks[member.id] += 1

    @invariant()
    def is_fair(self) -> None:
        if self.members:
            assert max(self.picks.values()) - min(self.picks.values()) <= 1


TestRoundRobinFairness = RoundRobinFairness.TestCase


@pytest.mark.parametrize("strategy", sorted(AVAILABLE))
@given(ids=memberships, tried=memberships, seed=st.integers())
def test_every_strategy_finds_an_untried_instance_if_there_is_one(
    strategy: Strategy, ids: list[str], tried: list[str], seed: int
) -> None:
    balancer: Balancer[Instance] = make(strategy, draws(seed))
    balancer.update(instances(*ids))
    for _ in range(3):
        member = balancer.pick(tried)
        left = set(ids) - set(tried)
        assert (member.id in left) if member is not None else not left


def test_random_gives_everyone_about_the_same_share() -> None:
    balancer: Random[Instance] = Random(draws(7))
    balancer.update(instances("a", "b", "c", "d"))
    picks = Counter(pick(balancer).id for _ in range(4000))
    assert all(900 < count < 1100 for count in picks.values())


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.sets(st.integers(0, 5)))
def test_least_connections_picks_one_of_the_least_busy(loads: list[int], tried: set[int]) -> None:
    members = [Instance(str(number), load) for number, load in enumerate(loads)]
    balancer: LeastConnections[Instance] = LeastConnections(first)
    balancer.update(members)
    untried = [member for member in members if int(member.id) not in tried]
    member = balancer.pick({str(number) for number in tried})
    if untried:
        assert member is not None
        assert member in untried
        assert member.in_flight == min(other.in_flight for other in untried)
    else:
        assert member is None


def test_least_connections_spreads_the_load_of_an_idle_system() -> None:
    balancer: LeastConnections[Instance] = LeastConnections(first)
    balancer.update(instances("a", "b", "c"))
    picks = Counter(pick(balancer).id for _ in range(30))
    assert picks == {"a": 10, "b": 10, "c": 10}


def test_least_connections_never_leaves_an_instance_two_calls_behind() -> None:
    members = instances("a", "b", "c", "d")
    balancer: LeastConnections[Instance] = LeastConnections(first)
    balancer.update(members)
    for _ in range(41):
        pick(balancer).in_flight += 1
        loads = [member.in_flight for member in members]
        assert max(loads) - min(loads) <= 1
