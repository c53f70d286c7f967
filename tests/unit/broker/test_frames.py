"""The frame reader never gives anything but frames or a refusal, however the bytes come."""

import struct
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import base, commands, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat as PamqpHeartbeat

from embedded_services.broker import frames
from embedded_services.broker.frames import ContentHead, FrameReader, Heartbeat
from embedded_services.broker.refusals import ConnectionRefusal

Properties = commands.Basic.Properties
MAX = 8192

VALID = [
    frame.marshal(one, channel)
    for channel, one in (
        (0, PamqpHeartbeat()),
        (1, commands.Channel.Open()),
        (
            1,
            commands.Queue.Declare(
                queue="q", durable=True, arguments={"x-max-length": 5, "t": {"a": [1, "x"]}}
            ),
        ),
        (2, commands.Basic.Publish(exchange="e", routing_key="k" * 255, mandatory=True)),
        (2, ContentHeader(0, 4, Properties(headers={"a": 1.5, "b": None}, expiration="5", priority=3))),
        (2, ContentBody(b"four")),
        (3, commands.Basic.Ack(2**63 - 1, multiple=True)),
        (65535, commands.Connection.Close(200, "bye", 0, 0)),
    )
]
wholes = st.lists(st.sampled_from(VALID), max_size=12).map(b"".join)


def told(reader: FrameReader, *pieces: bytes) -> list[object]:
    return [seen(channel, one) for piece in pieces for channel, one in reader.feed(piece)]


def seen(channel: int, one: frames.Frame) -> object:
    if isinstance(one, base.Frame):
        return channel, one.name, [value for _, value in one]
    if isinstance(one, ContentHead):
        return channel, one.size, one.payload
    return channel, one


@given(wholes, st.lists(st.integers(0, 3000), max_size=20))
def test_frames_are_the_same_wherever_their_bytes_are_split(data: bytes, places: list[int]) -> None:
    cuts = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    pieces = [data[start:end] for start, end in pairwise(cuts)]
    assert told(FrameReader(MAX), *pieces) == told(FrameReader(MAX), data)


@given(wholes)
def test_no_frame_is_lost(data: bytes) -> None:
    assert len(told(FrameReader(MAX), data)) == sum(count(data))


def count(data: bytes) -> Iterator[int]:
    while data:
        data = data[8 + int.from_bytes(data[3:7], "big") :]
        yield 1


kinds = st.one_of(st.sampled_from([1, 2, 3, 8]), st.integers(0, 255))
made_up = st.builds(
    lambda kind, channel, payload: struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce",
    kinds,
    st.integers(0, 65535),
    st.one_of(
        st.binary(max_size=60),
        st.builds(
            lambda index, rest: struct.pack(">I", index) + rest,
            st.sampled_from(sorted(commands.INDEX_MAPPING)),
            st.binary(max_size=80),
        ),
        st.builds(lambda rest: struct.pack(">HHQ", 60, 0, 5) + rest, st.binary(max_size=80)),
    ),
)


def outcome(*pieces: bytes) -> int:
    """The code of what is refused, 0 when all that came were frames."""
    reader = FrameReader(MAX)
    try:
        for piece in pieces:
            for channel, one in reader.feed(piece):
                assert 0 <= channel <= 65535
                assert isinstance(one, base.Frame | ContentHead | bytes | Heartbeat)
    except ConnectionRefusal as refusal:
        return refusal.code
    return 0


@given(st.lists(st.one_of(st.binary(max_size=60), made_up, st.sampled_from(VALID)), max_size=8))
def test_any_bytes_are_frames_or_refused(pieces: list[bytes]) -> None:
    assert outcome(*pieces) in (0, 501, 505, 540)


@given(st.sampled_from(VALID), st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_is_a_frame_or_refused(data: bytes, place: int, value: int) -> None:
    changed = bytearray(data)
    changed[place % len(data)] = value
    assert outcome(bytes(changed)) in (0, 501, 505, 540)


def test_a_frame_that_is_too_large_is_refused_by_its_head_alone() -> None:
    with pytest.raises(ConnectionRefusal, match="frame_too_large"):
        told(FrameReader(MAX), struct.pack(">BHI", 3, 1, MAX - 7))
    assert told(FrameReader(MAX), struct.pack(">BHI", 3, 1, MAX - 8)) == []


def test_tables_within_tables_end_somewhere() -> None:
    deep = b""
    for _ in range(3000):
        deep = b"\x01aF" + struct.pack(">I", len(deep)) + deep
    payload = struct.pack(">HHQH", 60, 0, 0, 1 << 13) + struct.pack(">I", len(deep)) + deep
    data = struct.pack(">BHI", 2, 1, len(payload)) + payload + b"\xce"
    with pytest.raises(ConnectionRefusal) as refused:
        told(FrameReader(131_072), data)
    assert refused.value.code == 501


def test_what_is_kept_comes_first_with_the_next() -> None:
    reader = FrameReader(MAX)
    reader.keep(VALID[1][:5])
    reader.keep(VALID[1][5:])
    assert len(told(reader, b"")) == 1


@given(st.binary(max_size=30_000), st.integers(4096, 8192))
def test_a_message_is_written_in_frames_that_are_read_as_it_was(body: bytes, room: int) -> None:
    payload = ContentHeader(0, 0, Properties(message_id="m", priority=7)).marshal()[12:]
    data = frames.content(5, payload, body, room)
    (channel, head), *pieces = FrameReader(room).feed(data)
    assert isinstance(head, ContentHead)
    assert (channel, head.size, head.payload, head.properties.priority) == (5, len(body), payload, 7)
    assert b"".join(piece for _, piece in pieces if isinstance(piece, bytes)) == body
