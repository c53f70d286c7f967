import msgspec
import pytest

from embedded_services.contracts import agent
from embedded_services.contracts.stream import Delta, Events, Snapshot, StreamError, decode_frame

FRAMES = [
    Snapshot(rev=1, state={"instances": {"a-1": {"status": "healthy"}}}),
    Delta(rev=2, set={"instances": {}}, remove={"instances": ["a-1"]}),
    Events(topic="journal", from_seq=1, to_seq=4, items=[{"seq": 4}], skipped=3),
    StreamError(code="VALIDATION_FAILED", message="no such topic"),
]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_frame_arrives_as_it_was_sent(frame: msgspec.Struct) -> None:
    assert decode_frame(msgspec.json.encode(frame)) == frame


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"hello"}',
        b'{"rev":1,"state":{}}',
        b'{"type":"delta","rev":"2"}',
        b'{"type":"snapshot","rev":1}',
        b"[]",
    ],
)
def test_anything_else_is_no_frame(raw: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_frame(raw)


def test_names_of_design_are_kept() -> None:
    assert msgspec.to_builtins(FRAMES[2]).keys() == {"type", "topic", "fromSeq", "toSeq", "items", "skipped"}


@pytest.mark.parametrize(
    "message",
    [
        agent.Hello(id="a-1", incarnation=1, pid=5, port=3001),
        agent.Beat(),
        agent.Done(command=3, ok=False, message="no"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_agent_s_word_arrives_as_it_was_sent(message: msgspec.Struct) -> None:
    assert agent.decode_up(agent.encode(message)) == message
