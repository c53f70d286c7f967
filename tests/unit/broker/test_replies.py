"""They are what pamqp would write, for names that it would write."""

from hypothesis import given
from hypothesis import strategies as st
from pamqp import base, commands, frame

from embedded_services.broker import frames, replies

Basic = commands.Basic
names = st.text("abc.-_:", min_size=1, max_size=100)
tags = st.integers(0, 2**63 - 1)
counts = st.integers(0, 2**32 - 1)


@given(names, names, names, tags, counts, counts, st.booleans())
def test_replies(queue: str, key: str, tag: str, number: int, one: int, two: int, flag: bool) -> None:
    pairs: list[tuple[bytes, base.Frame]] = [
        (replies.deliver(tag, number, flag, queue, key), Basic.Deliver(tag, number, flag, queue, key)),
        (replies.get_ok(number, flag, queue, key, one), Basic.GetOk(number, flag, queue, key, one)),
        (replies.no_route(queue, key), Basic.Return(312, "NO_ROUTE", queue, key)),
        (replies.consume_ok(tag), Basic.ConsumeOk(tag)),
        (replies.cancel(tag), Basic.Cancel(tag, nowait=True)),
        (replies.cancel_ok(tag), Basic.CancelOk(tag)),
        (replies.declare_ok(queue, one, two), commands.Queue.DeclareOk(queue, one, two)),
        (replies.ack(number, multiple=flag), Basic.Ack(number, multiple=flag)),
        (replies.nack(number), Basic.Nack(number, multiple=False, requeue=False)),
    ]
    for payload, method in pairs:
        assert frames.method(7, payload) == frame.marshal(method, 7), method
