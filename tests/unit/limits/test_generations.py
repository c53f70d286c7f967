from hypothesis import given
from hypothesis import strategies as st

from embedded_services.limits.generations import Generations

LIFETIME = 1000


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("abcdefgh")), max_size=200))
def test_what_was_written_within_a_lifetime_is_there_and_after_two_it_takes_no_room(
    writes: list[tuple[int, str]],
) -> None:
    generations: Generations[int] = Generations(LIFETIME, 0, capacity=1000)
    written: dict[str, tuple[int, int]] = {}
    now = 0
    for number, (wait, key) in enumerate(writes, 1):
        now += wait
        generations.put(key, number, now)
        written[key] = (number, now)
        for other, (value, at) in written.items():
            if now - at < LIFETIME:
                assert generations.get(other) == value
    now += 2 * LIFETIME
    generations.put("last", 0, now)
    generations.put("last", 0, now + LIFETIME)
    generations.reap(1000)
    assert all(generations.get(key) is None for key in written)
    assert len(generations) == 1
    assert generations.dying == 0


def test_a_million_keys_that_come_once_are_forgotten_a_few_at_a_time() -> None:
    generations: Generations[int] = Generations(LIFETIME, 0, capacity=100_000)
    for number in range(50_000):
        generations.put(str(number), number, 0)
    generations.put("young", 1, LIFETIME)
    generations.put("younger", 1, 2 * LIFETIME)
    assert (len(generations), generations.dying) == (2, 49_998)
    for number in range(30_000):
        generations.put("younger", number, 2 * LIFETIME)
    assert (len(generations), generations.dying) == (2, 0)


def test_a_flood_of_keys_within_one_lifetime_stays_within_the_capacity_and_is_counted() -> None:
    generations: Generations[int] = Generations(LIFETIME, 0, capacity=100)
    for number in range(10_000):
        generations.put(str(number), number, 0)
        assert len(generations) <= 200
        assert generations.dying <= 200
    assert generations.forgotten > 9_000
    assert generations.get("9999") == 9999


def test_a_longer_lifetime_holds_for_what_is_already_there() -> None:
    generations: Generations[int] = Generations(LIFETIME, 0, capacity=100)
    generations.put("a", 1, 0)
    generations.put("b", 1, LIFETIME)
    generations.set_lifetime(10 * LIFETIME, LIFETIME + 1)
    generations.put("c", 1, 9 * LIFETIME)
    assert generations.get("a") == 1


def test_a_key_is_counted_once_however_often_it_is_written() -> None:
    generations: Generations[int] = Generations(LIFETIME, 0, capacity=100)
    for at in (0, 0, LIFETIME, LIFETIME + 1):
        generations.put("a", at, at)
    generations.put("b", 1, LIFETIME + 1)
    assert len(generations) == 2


def test_one_key_is_forgotten_from_either_generation() -> None:
    generations: Generations[int] = Generations(LIFETIME, 0, capacity=100)
    generations.put("old", 1, 0)
    generations.put("young", 1, LIFETIME)
    assert [generations.remove(key) for key in ("old", "young", "unknown")] == [True, True, False]
    assert len(generations) == 0


def test_what_is_cleared_or_buried_is_freed_bit_by_bit() -> None:
    generations: Generations[int] = Generations(LIFETIME, 0, capacity=1000)
    other: Generations[str] = Generations(LIFETIME, 0, capacity=1000)
    for number in range(100):
        generations.put(str(number), number, 0)
        other.put(str(number), "x", 0)
    generations.clear()
    generations.bury(other)
    assert (len(generations), generations.dying) == (0, 200)
    generations.reap(150)
    assert generations.dying == 50


def test_time_passes_also_when_nothing_is_written() -> None:
    generations: Generations[int] = Generations(LIFETIME, 0, capacity=100)
    generations.put("a", 1, 0)
    generations.turn(LIFETIME)
    assert generations.get("a") == 1
    generations.turn(2 * LIFETIME)
    assert (generations.get("a"), len(generations)) == (None, 0)
