"""An entry in few words: what it is, whose it is where that does not go without saying, and how many."""

import pytest

from app.frame import entry_words
from app.qt.tokens import load_tokens
from embedded_services.common.resources import resource
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.contracts.timeline import TimelineSubject, TimelineTone
from tests.helpers.timeline import PAYMENT_2, Teller


def test_a_chain_reads_as_a_sentence() -> None:
    freeze, timeouts, breaker, picks = Teller().freeze()
    words = [
        entry_words.in_chain(freeze, None),
        entry_words.in_chain(timeouts, freeze),
        entry_words.in_chain(breaker, timeouts),
        entry_words.in_chain(picks, breaker),
    ]
    assert words == ["freeze payment-2", "3 timeouts", "breaker open", "picks move to payment-1"]


def test_by_itself_it_says_whose_it_is() -> None:
    _, timeouts, breaker, _ = Teller().freeze()
    assert entry_words.alone(timeouts) == "payment-2 3 timeouts"
    assert entry_words.alone(breaker) == "payment-2 breaker open"


def test_what_happened_again_is_counted() -> None:
    teller = Teller()
    assert (
        entry_words.alone(teller.tell(Kind.BREAKER_OPENED, PAYMENT_2, many=14))
        == "payment-2 breaker open ×14"
    )
    assert entry_words.alone(teller.tell(Kind.RETRIES, TimelineSubject(service="order"), many=1_239)) == (
        "order 1,239 retries"
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_words_and_a_mark(kind: Kind) -> None:
    entry = Teller().tell(kind, PAYMENT_2, word="healthy")
    assert entry_words.alone(entry).strip()
    assert entry_words.tone_of(entry)
    if icon := entry_words.icon_of(entry):
        assert resource("icons", f"{icon}.svg").is_file()
    else:
        assert entry_words.lamp_of(entry) in load_tokens().status


def test_what_a_person_did_is_violet_and_what_came_of_it_is_not() -> None:
    freeze, timeouts, breaker, picks = Teller().freeze()
    assert entry_words.tone_of(freeze) == "fault"
    assert entry_words.is_deed(freeze)
    assert [entry_words.tone_of(entry) for entry in (timeouts, breaker, picks)] == ["warn", "bad", "ok"]
    assert not any(entry_words.is_deed(entry) for entry in (timeouts, breaker, picks))


def test_a_strategy_is_what_a_person_did_and_breaks_nothing() -> None:
    entry = Teller().tell(
        Kind.STRATEGY, TimelineSubject(service="user"), word="random", tone=TimelineTone.YOU
    )
    assert entry_words.alone(entry) == "user picks by random"
    assert entry_words.kind_word(entry) == "What you did"


def test_an_end_by_itself_says_of_what() -> None:
    teller = Teller()
    saga = TimelineSubject(saga="saga_2tfxfy67srrn", step="pay")
    turned = teller.tell(Kind.SAGA_COMPENSATING, saga)
    ended = teller.tell(Kind.SAGA_ENDED, saga, turned, word="compensated")
    over = teller.tell(Kind.FAULT_EXPIRED, TimelineSubject(service="order", fault="f-1"), word="abort")
    assert entry_words.alone(ended) == "saga srrn compensated"
    assert entry_words.in_chain(ended, turned) == "compensated"
    assert entry_words.alone(over) == "abort order expired"


def test_clients_are_not_those_of_whom_it_is() -> None:
    entry = Teller().tell(Kind.ERROR_BURST, TimelineSubject(service="order"), many=27)
    assert entry_words.alone(entry) == "order: clients saw 27 errors"
