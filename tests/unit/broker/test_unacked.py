import pytest

from embedded_services.broker.message import Entry
from embedded_services.broker.queue import Queue
from embedded_services.broker.queue_arguments import QueueArguments
from embedded_services.broker.refusals import Refusal
from embedded_services.broker.unacked import Out, Unacked
from tests.unit.broker.builders import message
from tests.unit.broker.test_consumer import new
from tests.unit.broker.test_queue import Host, new_queue


@pytest.fixture
def queue() -> Queue:
    return new_queue(Host(), QueueArguments())


def given_out(queue: Queue, count: int) -> Unacked:
    unacked = Unacked()
    for seq in range(1, count + 1):
        assert unacked.add(Out(queue, Entry(seq, message()), None)) == seq
    return unacked


def seqs(outs: list[Out]) -> list[int]:
    return [out.entry.seq for out in outs]


def test_one_is_settled_or_all_up_to_it_or_all_there_are(queue: Queue) -> None:
    unacked = given_out(queue, 6)
    assert seqs(unacked.settle(2, multiple=False)) == [2]
    assert seqs(unacked.settle(4, multiple=True)) == [1, 3, 4]
    assert seqs(unacked.settle(0, multiple=True)) == [5, 6]
    assert len(unacked) == 0
    assert unacked.settle(0, multiple=True) == []


@pytest.mark.parametrize(("tag", "multiple"), [(9, False), (9, True), (0, False)])
def test_a_tag_that_was_not_given_is_refused_and_settles_nothing(
    queue: Queue, tag: int, multiple: bool
) -> None:
    unacked = given_out(queue, 2)
    with pytest.raises(Refusal, match=f"unknown delivery tag {tag}"):
        unacked.settle(tag, multiple=multiple)
    assert len(unacked) == 2


def test_none_is_settled_twice(queue: Queue) -> None:
    unacked = given_out(queue, 2)
    unacked.settle(2, multiple=True)
    for multiple in (False, True):
        with pytest.raises(Refusal):
            unacked.settle(2, multiple=multiple)


def test_what_needs_no_acknowledgement_uses_up_a_tag(queue: Queue) -> None:
    unacked = given_out(queue, 1)
    assert unacked.tag() == 2
    assert unacked.add(Out(queue, Entry(2, message()), None)) == 3
    assert seqs(unacked.clear()) == [1, 2]


def test_its_consumer_has_room_again(queue: Queue) -> None:
    consumer, unacked = new("a", prefetch=1), Unacked()
    consumer.unacked = 1
    unacked.add(Out(queue, Entry(1, message()), consumer))
    assert not consumer.can_take()
    unacked.settle(1, multiple=False)
    assert consumer.can_take()
