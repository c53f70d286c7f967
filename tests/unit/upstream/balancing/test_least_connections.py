from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from embedded_services.upstream.balancing.least_connections import LeastConnections
from tests.helpers.balancing import Instance, first, instances, pick


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.sets(st.integers(0, 5)))
def test_it_picks_one_of_the_least_busy(loads: list[int], out: set[int]) -> None:
    members = [Instance(str(number), load) for number, load in enumerate(loads)]
    balancer: LeastConnections[Instance] = LeastConnections(first)
    balancer.update(members)
    left = [member for member in members if int(member.id) not in out]
    member = balancer.pick(0.0, None, {str(number) for number in out})
    if left:
        assert member is not None
        assert member in left
        assert member.in_flight == min(other.in_flight for other in left)
    else:
        assert member is None


def test_it_spreads_the_load_of_an_idle_system() -> None:
    balancer: LeastConnections[Instance] = LeastConnections(first)
    balancer.update(instances("a", "b", "c"))
    picks = Counter(pick(balancer).id for _ in range(30))
    assert picks == {"a": 10, "b": 10, "c": 10}


def test_it_never_leaves_an_instance_two_calls_behind() -> None:
    members = instances("a", "b", "c", "d")
    balancer: LeastConnections[Instance] = LeastConnections(first)
    balancer.update(members)
    for _ in range(41):
        pick(balancer).in_flight += 1
        loads = [member.in_flight for member in members]
        assert max(loads) - min(loads) <= 1


def test_it_says_against_what() -> None:
    members = [Instance("a", 3), Instance("b", 0), Instance("c", 1)]
    balancer: LeastConnections[Instance] = LeastConnections(first)
    balancer.update(members[1:])
    assert balancer.why(pick(balancer), 0.0, None) == "0 in flight against 1"
    balancer.update(members)
    assert balancer.why(pick(balancer), 0.0, None) == "0 in flight against 1, 3"
    assert balancer.load(members[0], 0.0) == 3
