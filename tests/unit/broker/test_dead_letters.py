from typing import Any

import pytest

from embedded_services.broker.dead_letters import dead_letter, deaths_of, goes_in_circles
from embedded_services.broker.message import Message
from tests.unit.broker.builders import message

NOW = 1_700_000_000.9


def given_up(one: Message, queue: str, reason: str, key: str | None = None) -> Message:
    return dead_letter(one, queue, reason, NOW, "dlx", key)


def told(one: Message) -> list[tuple[Any, Any, Any]]:
    return [(death["queue"], death["reason"], death["count"]) for death in deaths_of(one)]


def test_the_newest_death_is_first_and_the_same_is_counted() -> None:
    one = message(b"x", key="k")
    for queue, reason in (("a", "rejected"), ("b", "expired"), ("a", "rejected"), ("a", "maxlen")):
        one = given_up(one, queue, reason)
    assert told(one) == [("a", "maxlen", 1), ("a", "rejected", 2), ("b", "expired", 1)]
    assert one.headers["x-first-death-reason"] == "rejected"
    assert one.headers["x-first-death-queue"] == "a"


def test_it_goes_under_the_key_that_is_named() -> None:
    assert given_up(message(key="own"), "q", "rejected").routing_key == "own"
    letter = given_up(message(key="own"), "q", "rejected", key="other")
    assert (letter.exchange, letter.routing_key) == ("dlx", "other")
    assert letter.headers["x-death"][0]["routing-keys"] == ["own"]


def test_its_own_time_to_live_is_told_and_taken_away() -> None:
    letter = given_up(message(expiration="50", headers={"a": 1}), "q", "expired")
    assert letter.properties.expiration is None
    assert letter.headers["x-death"][0]["original-expiration"] == "50"
    assert letter.headers["a"] == 1


@pytest.mark.parametrize(
    ("deaths", "circles"),
    [
        ([], False),
        ([("q", "expired")], True),
        ([("q", "rejected")], False),
        ([("q", "maxlen"), ("other", "expired")], True),
        ([("q", "expired"), ("other", "rejected")], False),
        ([("other", "expired")], False),
    ],
)
def test_a_circle_is_one_that_nobody_broke_by_rejecting(deaths: list[tuple[str, str]], circles: bool) -> None:
    one = message()
    for queue, reason in deaths:
        one = given_up(one, queue, reason)
    assert goes_in_circles(one, "q") == circles


@pytest.mark.parametrize("history", ["text", 5, ["a", 1], {"queue": "q"}])
def test_a_history_that_is_none_counts_as_none(history: Any) -> None:
    one = message(headers={"x-death": history})
    assert told(given_up(one, "q", "rejected")) == [("q", "rejected", 1)]
