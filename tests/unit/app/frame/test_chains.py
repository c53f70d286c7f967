"""The timeline as the window has it: later versions replace, chains are in order, and what came of what is known."""

from msgspec.structs import replace

from app.frame.chains import KEPT, TimelineEntries
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.contracts.timeline import TimelineSubject
from tests.helpers.timeline import Teller


def test_the_newest_chain_comes_last_and_each_is_in_order() -> None:
    teller = Teller()
    freeze, *_ = teller.freeze()
    kill, *_ = teller.kill()
    entries = TimelineEntries()
    entries.take(reversed(teller.told))
    chains = entries.chains()
    assert [chain.root for chain in chains] == [freeze, kill]
    assert [entry.kind for entry in chains[0].entries] == [
        Kind.ACTION,
        Kind.CALLS_FAILED,
        Kind.BREAKER_OPENED,
        Kind.PICKS_MOVED,
    ]


def test_a_later_version_replaces_the_one_before_and_an_earlier_one_does_not() -> None:
    teller = Teller()
    _, timeouts, *_ = teller.freeze()
    entries = TimelineEntries()
    entries.take(teller.told)
    later = replace(timeouts, seq=40, count=9)
    entries.take([later])
    entries.take([timeouts])
    assert entries.get(timeouts.id) == later
    assert entries.total == 4


def test_an_entry_that_moved_stands_where_it_is_now() -> None:
    teller = Teller()
    freeze, timeouts, breaker, _ = teller.freeze()
    entries = TimelineEntries()
    entries.take(teller.told)
    entries.take([replace(timeouts, seq=41, order=41, causes=[freeze.id, breaker.id])])
    assert [entry.id for entry in entries.chains()[0].entries][-1] == timeouts.id


def test_effects_are_those_of_effects_too() -> None:
    teller = Teller()
    freeze, timeouts, breaker, picks = teller.freeze()
    kill, *_ = teller.kill()
    entries = TimelineEntries()
    entries.take(teller.told)
    assert entries.effects(timeouts) == [breaker, picks]
    assert entries.direct_effects(freeze) == [timeouts]
    assert entries.causes(breaker) == [timeouts]
    assert kill not in entries.effects(freeze)


def test_a_chain_whose_cause_was_forgotten_is_still_one() -> None:
    teller = Teller()
    _, timeouts, breaker, picks = teller.freeze()
    entries = TimelineEntries()
    entries.take([timeouts, breaker, picks])
    [chain] = entries.chains()
    assert chain.root == timeouts
    assert entries.causes(timeouts) == []


def test_what_was_told_longest_ago_is_forgotten_first() -> None:
    teller = Teller()
    entries = TimelineEntries()
    first = teller.tell(Kind.MISSED, TimelineSubject(process="gateway"))
    entries.take([first])
    for _ in range(KEPT):
        entries.take([teller.tell(Kind.MISSED, TimelineSubject(process="gateway"))])
    assert len(entries) == KEPT
    assert entries.get(first.id) is None
    assert entries.total == KEPT + 1
