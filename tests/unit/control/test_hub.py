import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.client.mirror import Mirror, apply
from embedded_services.common.ring import Ring
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.stream import Delta, Events, Frame, Snapshot, decode_frame
from embedded_services.control import hub
from embedded_services.control.hub import FRAME_S, MAX_ITEMS, Hub, Subscriber
from tests.helpers.clock import FakeClock, settle


class Row(msgspec.Struct, frozen=True):
    value: int


class World:
    """Two state topics and two event topics; the hub looks at them."""

    def __init__(self, capacity: int = 50) -> None:
        self.rows: dict[str, dict[str, Row]] = {"instances": {}, "services": {}}
        self.rings: dict[str, Ring[int]] = {"journal": Ring(capacity), "requests": Ring(capacity)}
        self.clock = FakeClock()
        self.looks = 0
        self.hub = Hub({topic: self._look(topic) for topic in self.rows}, self.rings, self.clock)

    def _look(self, topic: str) -> Any:
        def rows() -> dict[str, Row]:
            self.looks += 1
            return self.rows[topic]

        return rows

    def change(self, kind: str, topic: str, *what: Any) -> None:
        match kind:
            case "set":
                self.rows[topic][what[0]] = Row(what[1])
            case "remove":
                self.rows[topic].pop(what[0], None)
            case "event":
                for _ in range(what[0]):
                    self.rings[topic].append(self.rings[topic].next_seq)
            case "miss":
                self.rings[topic].pass_over(what[0])
            case _:
                raise ValueError(kind)
        self.hub.changed(topic)

    def put(self, topic: str, **rows: int | None) -> None:
        """Rows by their value; None for one that goes."""
        for key, value in rows.items():
            self.change("remove" if value is None else "set", topic, key, value)

    def plain(self) -> dict[str, dict[str, Any]]:
        return {
            topic: {key: {"value": row.value} for key, row in rows.items()}
            for topic, rows in self.rows.items()
        }


class Reader:
    """A client: applies what it is told to a mirror, and counts events."""

    def __init__(self, world: World, topics: list[str]) -> None:
        self.subscriber = world.hub.join()
        self.subscriber.follow(topics)
        self.mirror = Mirror()
        self.events: dict[str, list[int]] = {}
        self.skipped: dict[str, int] = {}
        self.to_seq: dict[str, int] = {}

    def read(self) -> list[Frame]:
        frames = [over_the_wire(frame) for frame in self.subscriber.take()]
        for frame in frames:
            if isinstance(frame, Events):
                assert frame.from_seq == self.to_seq.get(frame.topic, 0) + 1
                assert frame.to_seq - frame.from_seq + 1 == len(frame.items) + frame.skipped
                self.to_seq[frame.topic] = frame.to_seq
                self.events.setdefault(frame.topic, []).extend(frame.items)
                self.skipped[frame.topic] = self.skipped.get(frame.topic, 0) + frame.skipped
            result = apply(self.mirror, frame)
            assert isinstance(result, Mirror), "a gap"
            self.mirror = result
        return frames

    def plain(self) -> dict[str, dict[str, Any]]:
        return {topic: dict(rows) for topic, rows in self.mirror.topics.items()}


def over_the_wire(frame: msgspec.Struct) -> Frame:
    told: Frame = decode_frame(msgspec.json.encode(frame))
    return told


@pytest.fixture
def world() -> World:
    return World()


topics = st.sampled_from(["instances", "services"])
keys = st.sampled_from("abc")
happenings = st.one_of(
    st.tuples(st.just("set"), topics, keys, st.integers(0, 3)),
    st.tuples(st.just("remove"), topics, keys),
    st.tuples(st.just("event"), st.sampled_from(["journal", "requests"]), st.integers(1, 80)),
    st.tuples(st.just("miss"), st.sampled_from(["journal", "requests"]), st.integers(1, 80)),
    st.tuples(st.just("read"), st.integers(0, 1)),
    st.tuples(st.just("follow"), st.integers(0, 1)),
)
ALL = ["instances", "services", "journal", "requests"]


@given(st.lists(happenings, max_size=40))
def test_reader_has_exactly_the_state_and_every_event_or_its_absence_at_any_interleaving(
    happened: list[tuple[Any, ...]],
) -> None:
    world = World()
    readers = [Reader(world, ALL), Reader(world, ALL)]
    for event in happened:
        match event:
            case ("read", number):
                readers[number].read()
                assert readers[number].plain() == world.plain()
            case ("follow", number):
                readers[number].subscriber.follow(ALL)
            case _:
                world.change(*event)
    for reader in readers:
        reader.read()
        assert reader.plain() == world.plain()
        for topic, ring in world.rings.items():
            events, skipped = reader.events.get(topic, []), reader.skipped.get(topic, 0)
            assert len(events) + skipped == ring.last_seq
            assert events == sorted(set(events))
        assert reader.read() == []


def test_first_comes_a_snapshot_then_deltas_that_count_up_by_one(world: World) -> None:
    world.rows["instances"]["a"] = Row(1)
    reader = Reader(world, ["instances"])
    assert reader.read() == [Snapshot(rev=1, state={"instances": {"a": {"value": 1}}})]
    world.put("instances", a=2, b=1)
    assert reader.read() == [Delta(rev=2, set={"instances": {"a": {"value": 2}, "b": {"value": 1}}})]
    world.put("instances", a=None)
    assert reader.read() == [Delta(rev=3, remove={"instances": ["a"]})]


def test_slow_reader_gets_the_newest_state_once(world: World) -> None:
    reader = Reader(world, ["instances"])
    reader.read()
    for value in range(1000):
        world.rows["instances"]["a"] = Row(value)
        world.hub.changed("instances")
    assert reader.read() == [Delta(rev=2, set={"instances": {"a": {"value": 999}}})]


def test_what_changed_and_changed_back_is_no_news(world: World) -> None:
    reader = Reader(world, ["instances"])
    reader.read()
    world.rows["instances"]["a"] = Row(1)
    del world.rows["instances"]["a"]
    assert reader.read() == []


def test_newest_events_are_given_and_the_others_counted() -> None:
    world = World(capacity=10_000)
    for number in range(1, MAX_ITEMS + 101):
        world.rings["journal"].append(number)
    reader = Reader(world, ["journal"])
    frames = reader.read()
    assert frames[0] == Snapshot(rev=1, state={})
    events = frames[1]
    assert isinstance(events, Events)
    assert (events.from_seq, events.to_seq, events.skipped) == (1, MAX_ITEMS + 100, 100)
    assert events.items == list(range(101, MAX_ITEMS + 101))


def test_following_again_is_a_resync_and_repeats_no_event(world: World) -> None:
    world.rings["journal"].append(1)
    reader = Reader(world, ["instances", "journal"])
    reader.read()
    reader.subscriber.follow(["instances", "journal"])
    assert [type(frame) for frame in reader.read()] == [Snapshot]


def test_topics_are_replaced_not_added(world: World) -> None:
    reader = Reader(world, ["instances", "journal"])
    reader.read()
    reader.subscriber.follow(["services"])
    world.rows["instances"]["a"] = Row(1)
    world.rings["journal"].append(1)
    assert reader.read() == [Snapshot(rev=2, state={"services": {}})]
    assert not world.hub.is_followed("instances")


def test_unknown_topic_is_refused_and_what_was_followed_stays(world: World) -> None:
    reader = Reader(world, ["instances"])
    reader.read()
    with pytest.raises(ApiError) as refused:
        reader.subscriber.follow(["instances", "weather"])
    assert refused.value.code == "VALIDATION_FAILED"
    assert "weather" in refused.value.message
    assert "instances, services, journal, requests" in refused.value.message
    assert reader.read() == []


def test_one_who_follows_nothing_costs_nothing(world: World) -> None:
    subscriber = world.hub.join()
    assert subscriber.take() == []
    assert world.looks == 0


def test_hub_knows_who_is_looking(world: World) -> None:
    reader = Reader(world, ["instances"])
    assert world.hub.is_followed("instances")
    assert not world.hub.is_followed("services")
    world.hub.leave(reader.subscriber)
    assert not world.hub.is_followed("instances")


async def wakes(world: World, subscriber: Subscriber, seconds: float) -> int:
    """How often it is woken while something changes all the time."""
    count = 0
    for _ in range(round(seconds / (FRAME_S / 10))):
        world.hub.changed("instances")
        await world.clock.advance(FRAME_S / 10)
        count += subscriber.wake.is_set()
        subscriber.wake.clear()
    return count


async def test_subscribers_are_woken_at_most_twenty_times_a_second(world: World) -> None:
    reader = Reader(world, ["instances"])
    reader.subscriber.wake.clear()
    async with Tasks("test") as tasks:
        tasks.spawn(world.hub.run(), "hub")
        await settle()
        assert 20 <= await wakes(world, reader.subscriber, 1.0) <= 21  # one at either end


async def test_change_is_told_at_once_when_nothing_was_told_lately(world: World) -> None:
    reader = Reader(world, ["instances"])
    reader.subscriber.wake.clear()
    async with Tasks("test") as tasks:
        tasks.spawn(world.hub.run(), "hub")
        await settle()
        world.hub.changed("instances")
        await asyncio.wait_for(reader.subscriber.wake.wait(), 1.0)


async def test_only_those_who_follow_what_changed_are_woken(world: World) -> None:
    follower, other = Reader(world, ["instances"]), Reader(world, ["services", "journal"])
    async with Tasks("test") as tasks:
        tasks.spawn(world.hub.run(), "hub")
        await settle()
        for reader in (follower, other):
            reader.subscriber.wake.clear()
        world.hub.changed("instances")
        await world.clock.advance(1.0)
        assert follower.subscriber.wake.is_set()
        assert not other.subscriber.wake.is_set()


def test_what_has_not_changed_is_not_looked_at(world: World) -> None:
    reader = Reader(world, ALL)
    reader.read()
    looks = world.looks
    world.put("instances", a=1)
    reader.read()
    reader.read()
    assert world.looks == looks + 1


async def test_what_is_noted_is_told_a_little_later_or_with_other_news(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "SOON_S", 0.01)
    reader = Reader(world, ["instances", "services"])
    reader.read()
    reader.subscriber.wake.clear()
    async with Tasks("test") as tasks:
        tasks.spawn(world.hub.run(), "hub")
        await settle()
        world.rows["instances"]["a"] = Row(1)
        world.hub.noted("instances")
        assert not reader.subscriber.wake.is_set()
        await asyncio.wait_for(reader.subscriber.wake.wait(), 1.0)
        assert reader.plain() != world.plain()
        reader.read()
        assert reader.plain() == world.plain()
        await world.clock.advance(1.0)
        reader.subscriber.wake.clear()
        world.rows["instances"]["a"] = Row(2)
        world.hub.noted("instances")
        world.put("services", b=1)
        await settle()
        assert reader.subscriber.wake.is_set()
        reader.read()
        assert reader.plain() == world.plain()
