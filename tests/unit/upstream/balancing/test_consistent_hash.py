from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from embedded_services.upstream.balancing.consistent_hash import ConsistentHash
from tests.helpers.balancing import Instance, draws, instances, pick

KEYS = [f"ip:10.0.{number // 256}.{number % 256}" for number in range(3000)]
memberships = st.sets(st.sampled_from("abcdefgh"), min_size=1)


def places(balancer: ConsistentHash[Instance], *members: str) -> dict[str, str]:
    balancer.update(instances(*members))
    return {key: pick(balancer, key).id for key in KEYS}


def hashing(seed: int = 0) -> ConsistentHash[Instance]:
    return ConsistentHash(draws(seed))


def test_a_key_always_goes_to_the_same_instance_whoever_asks() -> None:
    assert places(hashing(1), "a", "b", "c") == places(hashing(2), "a", "b", "c")


@given(memberships, memberships)
def test_a_change_of_membership_moves_only_the_keys_of_who_left_or_to_who_came(
    before: set[str], after: set[str]
) -> None:
    balancer = hashing()
    balancer.update(instances(*before))
    was = {key: pick(balancer, key).id for key in KEYS[:100]}
    balancer.update(instances(*after))
    for key, place in was.items():
        now = pick(balancer, key).id
        assert now == place or place not in after or now not in before


def test_one_more_of_n_takes_about_the_nth_part_of_the_keys() -> None:
    balancer = hashing()
    for count in range(1, 8):
        ids = "abcdefgh"
        before, after = places(balancer, *ids[:count]), places(balancer, *ids[: count + 1])
        moved = sum(before[key] != after[key] for key in KEYS)
        assert 0.8 < moved / (len(KEYS) / (count + 1)) < 1.2


def test_keys_are_spread_evenly() -> None:
    shares = Counter(places(hashing(), *"abcde").values())
    assert all(500 < count < 700 for count in shares.values())


def test_the_keys_of_one_that_is_out_are_spread_over_all_others() -> None:
    balancer = hashing()
    before = places(balancer, *"abcde")
    away = Counter(pick(balancer, key, {"a"}).id for key in KEYS if before[key] == "a")
    assert away.keys() == set("bcde")
    assert all(80 < count < 220 for count in away.values())
    assert all(pick(balancer, key, {"a"}).id == place for key, place in before.items() if place != "a")


def test_a_long_key_is_as_good_as_a_short_one() -> None:
    balancer = hashing()
    balancer.update(instances("a", "b", "c"))
    long = "path:" + "/x" * 5000
    assert {pick(balancer, long).id for _ in range(9)} == {pick(balancer, long).id}


def test_what_has_no_key_goes_anywhere() -> None:
    balancer = hashing()
    balancer.update(instances("a", "b", "c"))
    assert {pick(balancer).id for _ in range(60)} == {"a", "b", "c"}


def test_it_says_what_was_hashed_and_not_its_value() -> None:
    balancer = hashing()
    balancer.update(instances("a", "b", "c"))
    key = "header X-Tenant:secret"
    owner = pick(balancer, key)
    assert balancer.why(owner, 0.0, key) == "hash of header X-Tenant lands here"
    following = pick(balancer, key, {owner.id})
    assert balancer.why(following, 0.0, key) == f"hash of header X-Tenant lands on {owner.id}, and here next"
    assert balancer.expected(owner) is None
