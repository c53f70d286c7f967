"""When a turn is worth holding open, told by what turns before it held."""

import pytest

from embedded_services.broker.gathering import AGAIN_S, LOOK_S, WORTH, Gathering


def turns(gathering: Gathering, published: int, every_s: float, seconds: float, start: float = 0.0) -> float:
    """Turns of so many messages, until one is to be held open; when that is, or the end."""
    now = start
    while now < start + seconds and not gathering.waits:
        now += every_s
        gathering.ended(now, published)
    return now


def test_messages_that_come_one_by_one_and_fast_are_gathered() -> None:
    gathering = Gathering()
    turns(gathering, 1, 0.000_15, 1.0)
    assert gathering.waits


@pytest.mark.parametrize(
    ("published", "every_s"),
    [(1, 0.000_45), (1, 0.003), (2, 0.001), (50, 0.001), (0, 0.000_1)],
    ids=[
        "who waits for each answer",
        "now and then",
        "two who wait",
        "many at once",
        "what publishes nothing",
    ],
)
def test_others_are_not_kept_waiting(published: int, every_s: float) -> None:
    gathering = Gathering()
    turns(gathering, published, every_s, 1.0)
    assert not gathering.waits


def test_burst_after_silence_counts_from_its_beginning() -> None:
    gathering = Gathering()
    gathering.ended(100.0, 1)
    assert turns(gathering, 1, 0.000_15, 1.0, start=100.0) < 100.0 + 2 * LOOK_S
    assert gathering.waits


def test_it_goes_on_while_enough_come() -> None:
    gathering = Gathering()
    now = turns(gathering, 1, 0.000_15, 1.0)
    for _ in range(50):
        now += 0.001
        gathering.ended(now, WORTH)
        assert gathering.waits


def test_after_it_was_not_worth_it_it_rests() -> None:
    gathering = Gathering()
    now = turns(gathering, 1, 0.000_15, 1.0)
    gathering.ended(now, WORTH - 1)
    again = turns(gathering, 1, 0.000_15, 1.0, start=now)
    assert gathering.waits
    assert AGAIN_S <= again - now < AGAIN_S + 2 * LOOK_S + 0.001
