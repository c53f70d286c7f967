from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from embedded_services.upstream.balancing.power_of_two import PowerOfTwo
from embedded_services.upstream.ewma import PeakEwma
from tests.helpers.balancing import Instance, draws, pick


def balanced(*members: Instance, seed: int = 1) -> PowerOfTwo[Instance]:
    balancer: PowerOfTwo[Instance] = PowerOfTwo(draws(seed))
    balancer.update(members)
    return balancer


@given(
    st.lists(st.tuples(st.integers(0, 9), st.none() | st.floats(0.001, 1)), min_size=2, max_size=5),
    st.integers(),
)
def test_the_most_burdened_is_picked_only_if_another_is_burdened_as_much(
    given_: list[tuple[int, float | None]], seed: int
) -> None:
    members = [Instance(str(n), busy, 1, latency) for n, (busy, latency) in enumerate(given_)]
    balancer = balanced(*members, seed=seed)
    for _ in range(5):
        chosen = pick(balancer)
        load = balancer.load(chosen, 0.0)
        assert any(balancer.load(other, 0.0) >= load for other in members if other is not chosen)


def test_a_slow_instance_gets_less() -> None:
    members = [Instance("a", latency=0.01), Instance("b", latency=0.01), Instance("c", latency=0.1)]
    picks = Counter(pick(balanced(*members, seed=seed)).id for seed in range(300))
    assert picks["c"] == 0


def test_latency_counts_as_much_as_calls_under_way() -> None:
    quick, slow = Instance("quick", latency=0.01), Instance("slow", latency=0.04)
    balancer = balanced(quick, slow)
    for _ in range(50):
        pick(balancer).in_flight += 1
    assert (quick.in_flight, slow.in_flight) == (40, 10)


def test_a_fresh_instance_is_neither_flooded_nor_left_out() -> None:
    members = [Instance(name, latency=0.02) for name in "abc"]
    fresh = Instance("fresh")
    balancer = balanced(*members, fresh)
    for _ in range(80):
        pick(balancer).in_flight += 1
    assert 15 <= fresh.in_flight <= 25


def test_an_instance_that_was_slow_once_is_tried_again() -> None:
    slow = PeakEwma()
    slow.observe(2.0, 0.0)

    class Slow(Instance):
        def latency_s(self, now: float) -> float | None:
            return slow.read(now)

    balancer = balanced(Instance("a", latency=0.01), Slow("slow"))

    def chosen(now: float) -> set[str]:
        return {member.id for _ in range(9) if (member := balancer.pick(now)) is not None}

    assert chosen(1.0) == {"a"}
    assert chosen(60.0) == {"slow"}


def test_it_says_what_was_compared() -> None:
    balancer = balanced(Instance("a", 0, 1, 0.001), Instance("b", 2, 1, 0.001))
    chosen = pick(balancer)
    assert (chosen.id, balancer.why(chosen, 0.0, None)) == ("a", "2 sampled: 1 beats 3")
