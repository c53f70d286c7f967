"""What may be said after a commit, and what waits for the disk."""

from embedded_services.broker.outflow import Outflow


class Channel:
    """Answers all that was published before the mark, at once."""

    def __init__(self, outflow: Outflow) -> None:
        self.outflow = outflow
        self.published = self.marked = self.answered = 0

    def publish(self) -> None:
        self.published += 1
        self.outflow.will_confirm(self)

    def mark(self) -> None:
        self.marked = self.published

    def confirm(self) -> None:
        if self.marked > self.answered:
            self.outflow.add(b"ack %d;" % self.marked)
            self.answered = self.marked


def test_what_is_no_confirm_is_said_at_once() -> None:
    outflow = Outflow()
    channel = Channel(outflow)
    channel.publish()
    outflow.add(b"delivery;")
    assert outflow.waits_for_disk
    assert outflow.take() == b"delivery;"
    assert (outflow.take(), outflow.size, outflow.is_empty) == (b"", 0, True)


def test_a_confirm_is_of_what_was_there_at_the_mark() -> None:
    outflow = Outflow()
    channel = Channel(outflow)
    channel.publish()
    outflow.mark()
    channel.publish()
    outflow.confirm()
    assert outflow.take() == b"ack 1;"
    assert outflow.waits_for_disk
    outflow.mark()
    outflow.confirm()
    assert outflow.take() == b"ack 2;"
    assert not outflow.waits_for_disk


def test_the_news_of_a_channels_end_waits_with_its_confirms() -> None:
    outflow = Outflow()
    channel = Channel(outflow)
    channel.publish()
    outflow.confirm_early(channel)
    outflow.add(b"closed;")
    assert outflow.waits_for_disk
    assert outflow.take() == b""
    outflow.mark()
    outflow.add(b"later;")
    assert outflow.take() == b""
    outflow.confirm()
    assert outflow.take() == b"ack 1;closed;later;"


def test_a_channel_that_ends_while_the_disk_is_at_work_waits_for_the_next_time() -> None:
    outflow = Outflow()
    first, second = Channel(outflow), Channel(outflow)
    first.publish()
    second.publish()
    outflow.mark()
    second.publish()
    outflow.confirm_early(second)
    outflow.confirm()
    assert outflow.take() == b"", "the second's last message is not on disk yet"
    assert outflow.waits_for_disk
    outflow.mark()
    outflow.confirm()
    assert outflow.take() == b"ack 2;ack 1;"


def test_nothing_is_confirmed_to_one_who_leaves() -> None:
    outflow = Outflow()
    channel = Channel(outflow)
    channel.publish()
    outflow.mark()
    channel.publish()
    outflow.confirm_nothing_more()
    outflow.confirm()
    assert (outflow.take(), outflow.waits_for_disk) == (b"", False)
