"""Decisions in words, composed from what was compared."""

import pytest

from app.panels.gateway.words import has_failed, outcome_word, why_this_one
from embedded_services.contracts.gateway import Attempt, Candidate
from tests.gui.panels.gateway.shop import attempt


def candidates(*pairs: tuple[int, float | None]) -> list[Candidate]:
    return [Candidate(id=f"order-{n}", in_flight=busy, load=load) for n, (busy, load) in enumerate(pairs, 1)]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (attempt("order-1"), "its turn, of 2"),
        (attempt("order-1", candidates=[]), "its turn"),
        (attempt("order-1", reason="random"), "random, of 2"),
        (attempt("order-2", reason="least", candidates=candidates((3, 3), (0, 0))), "0 in flight against 3"),
        (
            attempt("order-1", reason="power-of-two", candidates=candidates((0, 0.0), (1, 1.0))),
            "2 sampled: 0 beats 1",
        ),
        (
            attempt("order-1", reason="power-of-two", candidates=candidates((0, 2.0), (1, 2.0))),
            "2 sampled: both at 2",
        ),
        (
            attempt("order-1", reason="power-of-two", candidates=candidates((0, 9.5), (1, 10.25))),
            "2 sampled: 9.50 beats 10.2",
        ),
        (attempt("order-1", reason="only", candidates=[]), "only one in rotation"),
        (
            attempt(
                "order-1", reason="only", candidates=[Candidate(id="order-2", in_flight=0, out="breaker open")]
            ),
            "only one left: order-2 breaker open",
        ),
        (
            attempt("order-2", reason="retry", candidates=[Candidate(id="order-1", in_flight=0, out="tried")]),
            "retry: not order-1 again",
        ),
        (attempt("order-2", reason="probe"), "probe: is it well again?"),
    ],
)  # fmt: skip
def test_pick_says_what_was_compared(made: Attempt, said: str) -> None:
    assert why_this_one(made) == said


def test_reason_that_is_not_known_is_told_as_the_gateway_tells_it() -> None:
    assert why_this_one(attempt("order-1", reason="moon", why="it is a full moon")) == "it is a full moon"
    assert why_this_one(attempt("order-1", reason="moon", why="")) == "moon"


def test_statuses_and_broken_tries_are_told_apart() -> None:
    assert outcome_word("503") == "answered 503"
    assert outcome_word("timeout") == "timed out"
    assert [has_failed(outcome) for outcome in ("200", "404", "500", "timeout", "cancelled")] == [
        False, False, True, True, False,
    ]  # fmt: skip
