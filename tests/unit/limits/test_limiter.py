import itertools
import sys
import tracemalloc

import pytest

from embedded_services.contracts.limits import Algorithm, LimitSettings
from embedded_services.limits.limiter import Limiter

EVERY = list(Algorithm)
CHANGES = list(itertools.permutations(EVERY, 2))


def settings(
    algorithm: Algorithm = Algorithm.FIXED_WINDOW, limit: int = 10, window_s: int = 60
) -> LimitSettings:
    return LimitSettings(algorithm=algorithm, limit=limit, window_s=window_s)


def admitted(limiter: Limiter, count: int, now: float, key: str = "a") -> int:
    return sum(limiter.take(key, now).allowed for _ in range(count))


@pytest.mark.parametrize("algorithm", EVERY)
def test_clients_do_not_share_their_allowance(algorithm: Algorithm) -> None:
    limiter = Limiter(settings(algorithm), 0)
    assert [admitted(limiter, 1000, 1.0, key) for key in "abc"] == [10, 10, 10]


@pytest.mark.parametrize("algorithm", EVERY)
def test_a_client_that_waited_a_window_starts_afresh(algorithm: Algorithm) -> None:
    limiter = Limiter(settings(algorithm), 0)
    assert admitted(limiter, 20, 1.0) == 10
    assert admitted(limiter, 20, 61.0) == 10
    assert limiter.standing("a", 61.0).requests == 10
    assert limiter.standing("a", 122.0) == (0, 0)


@pytest.mark.parametrize("algorithm", EVERY)
def test_raising_the_limit_admits_the_difference(algorithm: Algorithm) -> None:
    limiter = Limiter(settings(algorithm), 0)
    assert admitted(limiter, 20, 1.0) == 10
    limiter.apply(settings(algorithm, limit=15), 1.0)
    assert admitted(limiter, 20, 1.0) == 5


@pytest.mark.parametrize("algorithm", EVERY)
def test_lowering_the_limit_below_the_count_refuses_until_enough_is_forgotten(algorithm: Algorithm) -> None:
    limiter = Limiter(settings(algorithm), 0)
    assert admitted(limiter, 8, 1.0) == 8
    limiter.apply(settings(algorithm, limit=5), 1.0)
    verdict = limiter.take("a", 1.0)
    assert not verdict.allowed
    assert limiter.take("a", 1.0 + verdict.reset_s).allowed


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_a_change_of_algorithm_keeps_what_still_counts(old: Algorithm, new: Algorithm) -> None:
    limiter = Limiter(settings(old), 0)
    assert admitted(limiter, 7, 1.0) == 7
    limiter.apply(settings(new), 1.0)
    assert admitted(limiter, 20, 1.0) == 3
    assert admitted(limiter, 20, 1.0, "newcomer") == 10


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_a_client_taken_over_while_refused_gets_its_allowance_back(old: Algorithm, new: Algorithm) -> None:
    limiter = Limiter(settings(old), 0)
    assert admitted(limiter, 10, 1.0) == 10
    limiter.apply(settings(new), 1.0)
    verdict = limiter.take("a", 1.0)
    assert not verdict.allowed
    assert not limiter.take("a", 1.0 + verdict.reset_s / 2).allowed
    assert limiter.take("a", 1.0 + verdict.reset_s).allowed


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_what_the_algorithm_before_counted_is_forgotten_with_its_window(
    old: Algorithm, new: Algorithm
) -> None:
    limiter = Limiter(settings(old), 0)
    assert admitted(limiter, 10, 1.0) == 10
    limiter.apply(settings(new, window_s=3600), 1.0)
    assert admitted(limiter, 20, 62.0) == 10


def test_any_number_of_changes_in_a_row_keeps_the_count() -> None:
    limiter = Limiter(settings(), 0)
    assert admitted(limiter, 4, 1.0) == 4
    for algorithm in itertools.islice(itertools.cycle(EVERY), 1, 8):
        limiter.apply(settings(algorithm), 1.0)
    assert admitted(limiter, 20, 1.0) == 6
    for algorithm in itertools.islice(itertools.cycle(EVERY), 1000):
        limiter.apply(settings(algorithm), 1.0)
    assert limiter.take("b", 1.0).allowed


def test_a_longer_window_goes_on_counting_what_the_shorter_one_had_counted() -> None:
    limiter = Limiter(settings(window_s=10), 0)
    assert admitted(limiter, 20, 1.0) == 10
    limiter.apply(settings(window_s=60), 5.0)
    assert admitted(limiter, 20, 30.0) == 0
    assert admitted(limiter, 20, 61.0) == 10


def test_a_flood_of_clients_takes_a_bounded_amount_of_memory() -> None:
    limiter = Limiter(settings(), 0, capacity=1000)
    for number in range(20_000):
        limiter.take(f"client-{number}", 1.0)
    limiter.tidy(1.0)
    assert len(limiter) <= 2000
    assert limiter.forgotten > 15_000


@pytest.mark.parametrize("algorithm", EVERY)
def test_a_look_takes_nothing_and_says_when_the_allowance_grows(algorithm: Algorithm) -> None:
    limiter = Limiter(settings(algorithm), 0)
    assert admitted(limiter, 10, 1.0) == 10
    seen = [limiter.standing("a", 1.0) for _ in range(20)][-1]
    assert seen.requests == 10
    assert not limiter.take("a", 1.0 + seen.reset_s - 0.001).allowed
    assert limiter.take("a", 1.0 + seen.reset_s).allowed
    assert limiter.standing("stranger", 1.0) == (0, 0)


@pytest.mark.parametrize("algorithm", EVERY)
def test_one_client_or_all_are_given_their_allowance_back(algorithm: Algorithm) -> None:
    limiter = Limiter(settings(algorithm), 0)
    assert [admitted(limiter, 20, 1.0, key) for key in "ab"] == [10, 10]
    assert limiter.reset("a")
    assert not limiter.reset("stranger")
    assert [admitted(limiter, 20, 1.0, key) for key in "ab"] == [10, 0]
    limiter.clear()
    assert len(limiter) == 0
    assert [admitted(limiter, 20, 1.0, key) for key in "ab"] == [10, 10]


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_a_reset_reaches_what_the_algorithm_before_counted(old: Algorithm, new: Algorithm) -> None:
    for everybody in (False, True):
        limiter = Limiter(settings(old), 0)
        assert admitted(limiter, 20, 1.0) == 10
        limiter.apply(settings(new), 1.0)
        if everybody:
            limiter.clear()
        else:
            assert limiter.reset("a")
        assert admitted(limiter, 20, 1.0) == 10


def test_clients_that_nobody_hears_of_any_more_are_forgotten_without_traffic() -> None:
    limiter = Limiter(settings(), 0)
    for number in range(3000):
        limiter.take(f"client-{number}", 1.0)
    for second in range(2, 122):
        limiter.tidy(float(second))
    assert len(limiter) == 0


@pytest.mark.parametrize("algorithm", EVERY)
def test_a_client_that_came_once_takes_less_than_400_bytes(algorithm: Algorithm) -> None:
    count = 20_000
    keys = [f"10.{number >> 8}.{number & 255}.1" for number in range(count)]
    limiter = Limiter(settings(algorithm), 0)
    tracemalloc.start()
    for number, key in enumerate(keys):
        limiter.take(key, 1000 + number * 1e-4)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / count + sys.getsizeof(keys[-1]) < 400
