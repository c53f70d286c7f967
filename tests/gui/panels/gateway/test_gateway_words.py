"""Decisions in words: taken from the gateway's sentence, else composed from what the choice itself tells."""

import pytest

from app.panels.gateway.pick_words import load, out_word, why_this_one
from app.panels.gateway.words import has_failed, outcome_word
from embedded_services.contracts.gateway import Attempt, Candidate
from tests.gui.panels.gateway.shop import attempt

OUT = [Candidate(id="order-1", in_flight=0, out="tried already"), Candidate(id="order-2", in_flight=0)]


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("turn: after order-2", "turn: after order-2"),
        ("2 sampled: 5.2 beats 10.3", "2 sampled: 5.2 beats 10.3"),
        ("2 sampled: 2 equals 2", "2 sampled: both at 2"),
        ("weight 3 of 4", "weight 3 of 4"),
        ("hash of ip lands on order-2, and here next", "hash lands on order-2, and here next"),
        ("no key: drawn by lot from 3", "no key: random, of 3"),
        ("drawn by lot from 3", "random, of 3"),
        ("only one of 3 that may be used", "only one of 3 that may be used"),
        ("first to have a free slot, after 12 ms in the line", "first free slot, after 12 ms in line"),
        ("retry: order-1 again, on a new connection", "retry: order-1 again, new connection"),
        ("retry: not order-1 or order-3 again", "retry: not order-1, order-3 again"),
        ("hedge: no answer from order-1 after 100 ms", "hedge: no answer from order-1 in 100 ms"),
    ],
)
def test_sentence_of_the_gateway_is_told_in_the_windows_words(why: str, said: str) -> None:
    assert why_this_one(attempt("order-1", why=why)) == said


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (attempt("order-1"), "its turn, of 2"),
        (attempt("order-1", candidates=[]), "its turn"),
        (attempt("order-1", reason="random"), "random, of 2"),
        (attempt("order-1", reason="least"), "0 in flight against 1"),
        (attempt("order-1", reason="least", candidates=[], why="least of all"), "least of all"),
        (attempt("order-1", reason="only", candidates=OUT), "only one in rotation"),
        (attempt("order-2", reason="probe"), "probe: breaker half-open"),
    ],
)
def test_other_wording_gives_way_to_what_the_choice_tells(made: Attempt, said: str) -> None:
    assert why_this_one(made) == said


def test_reason_that_is_not_known_is_told_as_the_gateway_tells_it() -> None:
    assert why_this_one(attempt("order-1", reason="moon", why="it is a full moon")) == "it is a full moon"
    assert why_this_one(attempt("order-1", reason="moon", why="")) == "moon"


def test_statuses_and_broken_tries_are_told_apart() -> None:
    assert outcome_word("503") == "answered 503"
    assert outcome_word("did not answer in time (1.0 s)") == "did not answer in time"
    assert outcome_word("cancelled: order-2 was faster") == "cancelled: another was faster"
    assert outcome_word("something new") == "something new"
    outcomes = ("200", "404", "500", "did not answer in time", "cancelled: order-2 was faster", "")
    assert [has_failed(outcome) for outcome in outcomes] == [False, False, True, True, False, False]


def test_candidate_says_what_keeps_it_out() -> None:
    assert out_word("breaker open: 3 of 3 calls in 10 s failed") == "breaker open"
    assert out_word("on holiday: until June") == "on holiday: until June"
    loads = [load(Candidate(id="a", in_flight=2, load=value)) for value in (None, 3.0, 9.55, 1203.44)]
    assert loads == ["2", "3", "9.55", "1,203.4"]
