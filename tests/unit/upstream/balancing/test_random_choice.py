from collections import Counter

from embedded_services.upstream.balancing.random_choice import RandomChoice
from tests.helpers.balancing import Instance, draws, instances, pick


def test_everyone_gets_about_the_same_share() -> None:
    balancer: RandomChoice[Instance] = RandomChoice(draws(7))
    balancer.update(instances("a", "b", "c", "d"))
    picks = Counter(pick(balancer).id for _ in range(4000))
    assert all(900 < count < 1100 for count in picks.values())


def test_it_is_not_a_turn() -> None:
    balancer: RandomChoice[Instance] = RandomChoice(draws(7))
    balancer.update(instances("a", "b"))
    picks = "".join(pick(balancer).id for _ in range(40))
    assert "aa" in picks
    assert "bb" in picks
