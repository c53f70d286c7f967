"""What every strategy promises."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.settings import Strategy
from embedded_services.upstream.balancing.strategies import AVAILABLE, make
from embedded_services.upstream.balancing.strategy import Balancer
from tests.helpers.balancing import Instance, draws, instances, pick

EQUAL = sorted(AVAILABLE - {Strategy.CONSISTENT_HASH})
memberships = st.lists(st.sampled_from("abcdef"), unique=True)


def test_all_strategies_can_be_put_in_force() -> None:
    assert frozenset(Strategy) == AVAILABLE


@pytest.mark.parametrize("strategy", sorted(AVAILABLE))
@given(
    steps=st.lists(st.tuples(memberships, memberships, st.booleans()), min_size=1, max_size=6),
    key=st.none() | st.text(max_size=5),
    seed=st.integers(),
)
def test_every_strategy_finds_a_member_that_is_not_out_if_there_is_one(
    strategy: Strategy, steps: list[tuple[list[str], list[str], bool]], key: str | None, seed: int
) -> None:
    balancer: Balancer[Instance] = make(strategy, draws(seed))
    for ids, out, again in steps:
        balancer.update(instances(*ids))
        for _ in range(3):
            member = balancer.pick(0.0, key, set(out), again=again)
            left = set(ids) - set(out)
            assert (member.id in left) if member is not None else not left


@pytest.mark.parametrize("strategy", EQUAL)
def test_the_neighbour_of_one_that_is_out_gets_no_more_than_the_others(strategy: Strategy) -> None:
    balancer: Balancer[Instance] = make(strategy, draws(1))
    balancer.update(instances("a", "b", "c", "d"))
    picks = Counter(pick(balancer, out={"b"}).id for _ in range(3000))
    assert picks.keys() == {"a", "c", "d"}
    assert max(picks.values()) - min(picks.values()) < 200


@pytest.mark.parametrize("strategy", EQUAL)
def test_equals_are_expected_to_get_equal_shares_and_do(strategy: Strategy) -> None:
    members = instances("a", "b", "c", "d")
    balancer: Balancer[Instance] = make(strategy, draws(3))
    balancer.update(members)
    assert [balancer.expected(member) for member in members] == [0.25] * 4
    picks = Counter(pick(balancer).id for _ in range(4000))
    assert all(880 < count < 1120 for count in picks.values())


@pytest.mark.parametrize("strategy", sorted(AVAILABLE))
def test_every_pick_can_say_why(strategy: Strategy) -> None:
    balancer: Balancer[Instance] = make(strategy, draws(3))
    balancer.update(instances("a", "b", "c"))
    for _ in range(4):
        chosen = pick(balancer, "ip:1")
        assert balancer.why(chosen, 0.0, "ip:1")
        assert balancer.word
