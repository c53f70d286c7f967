import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from embedded_services.client.mirror import Mirror, Resync, apply
from embedded_services.contracts.stream import Delta, Events, Frame, Snapshot, StreamError

keys = st.sampled_from(["a", "b", "c"])
tables = st.dictionaries(keys, st.dictionaries(keys, st.integers(), max_size=3), max_size=3)
deltas = st.builds(Delta, rev=st.integers(1, 9), set=tables, remove=st.dictionaries(keys, st.lists(keys)))
snapshots = st.builds(Snapshot, rev=st.integers(1, 9), state=tables)
others = st.one_of(
    st.builds(
        Events,
        topic=keys,
        from_seq=st.integers(),
        to_seq=st.integers(),
        items=st.just([]),
        skipped=st.just(0),
    ),
    st.builds(StreamError, code=keys, message=keys),
)
frames: st.SearchStrategy[Frame] = st.one_of(snapshots, deltas, others)


def plain(mirror: Mirror) -> dict[str, dict[str, Any]]:
    return {topic: dict(rows) for topic, rows in mirror.topics.items()}


def follow(sent: list[Frame]) -> Mirror:
    """As a client would: what was known stays, without a revision, until the next snapshot."""
    mirror = Mirror()
    for frame in sent:
        result = apply(mirror, frame)
        mirror = Mirror(None, mirror.topics) if isinstance(result, Resync) else result
    return mirror


def test_mirror_is_empty_before_the_first_snapshot() -> None:
    assert plain(follow([Delta(rev=1, set={"a": {"x": 1}})])) == {}


@given(snapshots, st.lists(st.tuples(tables, st.dictionaries(keys, st.lists(keys)))))
def test_unbroken_deltas_add_up_to_the_state(first: Snapshot, changes: list[tuple[Any, Any]]) -> None:
    expected: dict[str, dict[str, Any]] = copy.deepcopy(first.state)
    sent: list[Frame] = [first]
    for number, (put, remove) in enumerate(changes, start=1):
        sent.append(Delta(rev=first.rev + number, set=put, remove=remove))
        for topic, rows in put.items():
            expected.setdefault(topic, {}).update(rows)
        for topic, gone in remove.items():
            rows = expected.setdefault(topic, {})
            for key in gone:
                rows.pop(key, None)
    mirror = follow(sent)
    assert plain(mirror) == expected
    assert mirror.rev == first.rev + len(changes)


@given(snapshots, deltas)
def test_only_the_next_revision_applies(first: Snapshot, delta: Delta) -> None:
    result = apply(follow([first]), delta)
    assert isinstance(result, Resync) == (delta.rev != first.rev + 1)


@given(st.lists(frames), snapshots)
def test_snapshot_ends_any_confusion(before: list[Frame], snapshot: Snapshot) -> None:
    mirror = follow([*before, snapshot])
    assert plain(mirror) == snapshot.state
    assert mirror.rev == snapshot.rev


@given(st.lists(frames), frames)
def test_what_a_reader_holds_never_changes(before: list[Frame], frame: Frame) -> None:
    mirror = follow(before)
    held = copy.deepcopy(plain(mirror))
    apply(mirror, frame)
    assert plain(mirror) == held


@given(st.lists(frames), others)
def test_other_frames_leave_the_state_alone(before: list[Frame], frame: Frame) -> None:
    mirror = follow(before)
    assert apply(mirror, frame) is mirror
