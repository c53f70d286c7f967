"""An Events panel with its presenter, on a feed that a test fills and a control plane that holds a history."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
import shiboken6
from pytestqt.qtbot import QtBot

from app.core.feed import Feed
from app.core.session import Port
from app.panels.events.events_model import EventsModel
from app.panels.events.events_panel import EventsPanel
from app.panels.events.events_presenter import EventsPresenter
from embedded_services.client.stream_client import Connection
from embedded_services.contracts.events import (
    BrokerTest,
    BusState,
    EventPage,
    EventQuery,
    Handled,
    InstanceOutbox,
    NewEvent,
    Published,
    Seen,
)
from embedded_services.contracts.queues import (
    DeadLetter,
    Replay,
    ReplayOptions,
    ReplayRequest,
)
from embedded_services.contracts.settings import BrokerSettings, SettingsState
from embedded_services.contracts.stream import Delta, Events
from tests.gui.panels.events.shop import system
from tests.helpers.child import demo_settings
from tests.helpers.qt import eventually

Make = Callable[[int], Seen]


def plain(seq: int) -> Seen:
    """Every tenth is a user's, the others are orders."""
    type_ = "user.created" if seq % 10 == 0 else "order.created"
    data = {"id": f"ord_{seq}", "status": "pending"}
    envelope = {"type": type_, "data": data, "source": "order-1", "timestamp": "t", "messageId": f"msg_{seq}"}
    body = msgspec.json.encode(envelope).decode()
    return Seen(
        seq=seq, at=float(seq), type=type_, source="order-1", message_id=f"msg_{seq}", routing_key=type_,
        trace=f"{seq % 3:032x}", size=len(body), body=body,
    )  # fmt: skip


@dataclass
class FakeControl:
    """Holds the events `first` to `last`, without the `lost` ones; remembers what it was asked."""

    make: Make = plain
    first: int = 1
    last: int = 0
    lost: set[int] = field(default_factory=set)
    asked: list[EventQuery] = field(default_factory=list)
    published: list[NewEvent] = field(default_factory=list)
    replayed: list[tuple[str, ReplayOptions | None]] = field(default_factory=list)
    replays: list[ReplayRequest] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)
    tested: list[str] = field(default_factory=list)
    patches: list[dict[str, Any]] = field(default_factory=list)
    broker_test: BrokerTest | None = None
    letters: dict[str, DeadLetter] = field(default_factory=dict)
    refuse: Exception | None = None
    hold: asyncio.Event | None = None

    async def events(self, query: EventQuery) -> EventPage:
        self.asked.append(query)
        await self._answer()
        held = range(self.last, self.first - 1, -1)
        dropped = self.first - 1 + len(self.lost)
        if not (query.type or query.q or query.trace):
            top = min(self.last, query.before - 1) if query.before else self.last
            low = max(self.first, query.after + 1)
            span = [seq for seq in range(top, max(low, top - query.limit) - 1, -1) if seq not in self.lost]
            items, total = [self.make(seq) for seq in span[: query.limit]], len(span)
        else:
            found = [seen for seq in held if seq not in self.lost and _passes(seen := self.make(seq), query)]
            items, total = found[: query.limit], len(found)
        return EventPage(items=items, total=total, first_seq=self.first, last_seq=self.last, dropped=dropped)

    async def publish_event(self, event: NewEvent) -> Published:
        await self._answer()
        self.published.append(event)
        return Published(message_id="msg_new", routed=True)

    async def dead_letter(self, letter: str) -> DeadLetter:
        await self._answer()
        return self.letters[letter]

    async def replay_dead_letter(self, letter: str, options: ReplayOptions | None = None) -> Published:
        await self._answer()
        self.replayed.append((letter, options))
        return Published(message_id="msg_new", routed=True)

    async def replay_dead_letters(self, request: ReplayRequest) -> Replay:
        await self._answer()
        self.replays.append(request)
        return Replay(id="replay_1", at=1.0, total=7, done=0, failed=0, state="running")

    async def stop_replay(self, replay: str) -> None:
        self.stopped.append(replay)

    async def discard_dead_letter(self, letter: str) -> None:
        await self._answer()
        self.discarded.append(letter)

    async def test_broker(self, url: str) -> BrokerTest:
        self.tested.append(url)
        await self._answer()
        assert self.broker_test is not None
        return self.broker_test

    async def patch_settings(self, patch: dict[str, Any]) -> SettingsState:
        await self._answer()
        self.patches.append(patch)
        broker = BrokerSettings(url=patch["broker"]["url"])
        return SettingsState(revision=2, settings=msgspec.structs.replace(demo_settings(), broker=broker))

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.hold is not None:
            await self.hold.wait()
        if self.refuse is not None:
            raise self.refuse


def _passes(seen: Seen, query: EventQuery) -> bool:
    within = seen.seq > query.after and (not query.before or seen.seq < query.before)
    is_type = not query.type or seen.type == query.type or seen.type.startswith(query.type.removesuffix("*"))
    return within and is_type and query.q in seen.body and query.trace in ("", seen.trace)


class FakePort:
    def __init__(self, make: Make = plain) -> None:
        self.feed = Feed()
        self.gateway: str | None = None
        self.workspace = Path("/nowhere")
        self.fake = FakeControl(make)
        self._streamed = 0
        self._handled = 0

    def control(self) -> Any:
        return self.fake

    def connect(self, *, is_live: bool = True) -> None:
        self.feed.connection_changed(Connection(is_live, 1.0, "" if is_live else "gone"))
        if is_live:
            self.set("system", system=system())

    def set(self, topic: str, **rows: msgspec.Struct) -> None:
        self.feed.take(
            Delta(rev=1, set={topic: {key: msgspec.to_builtins(row) for key, row in rows.items()}})
        )

    def remove(self, topic: str, *keys: str) -> None:
        self.feed.take(Delta(rev=1, remove={topic: list(keys)}))

    def bus(self, *, connected: bool = True, problem: str = "", dropped: int = 0, letters: int = 0) -> None:
        state = BusState(
            url="amqp://127.0.0.1:5673/", kind="embedded", connected=connected, problem=problem,
            events_per_s=41.0, handled_per_s=38.5, total=self.fake.last, dropped=dropped, gaps=0, gap_at=None,
            dead_letters=letters, dead_letters_total=letters,
        )  # fmt: skip
        self.set("bus", bus=state)

    def outbox(self, instance: str, waiting: int, *, connected: bool = True, at: float | None = None) -> None:
        row = InstanceOutbox(
            instance=instance, service=instance.partition("-")[0], waiting=waiting, oldest_at=at, delayed=0,
            relayed=12, connected=connected, problem="" if connected else "connection refused",
        )  # fmt: skip
        self.set("outbox", **{instance: row})

    def pass_by(self, count: int, *, sent: int | None = None) -> None:
        """`count` more events, of which the stream brings the newest `sent`."""
        self.fake.last += count
        first, self._streamed = self._streamed + 1, self._streamed + count
        sent = count if sent is None else sent
        items = [
            msgspec.to_builtins(self.fake.make(seq))
            for seq in range(self.fake.last - sent + 1, self.fake.last + 1)
        ]
        self.feed.take(
            Events(topic="events", from_seq=first, to_seq=self._streamed, items=items, skipped=count - sent)
        )

    def handle(self, *told: Handled) -> None:
        first, self._handled = self._handled + 1, self._handled + len(told)
        items = [msgspec.to_builtins(one) for one in told]
        self.feed.take(Events(topic="handled", from_seq=first, to_seq=self._handled, items=items, skipped=0))


@dataclass
class Built:
    panel: EventsPanel
    model: EventsModel
    presenter: EventsPresenter

    async def end(self) -> None:
        self.presenter.deleteLater()
        await eventually(lambda: not shiboken6.isValid(self.presenter))


def build(port: Port, qtbot: QtBot) -> Built:
    model = EventsModel()
    panel = EventsPanel(model)
    model.setParent(panel)
    qtbot.addWidget(panel)
    presenter = EventsPresenter(panel, model, port)
    panel.resize(1056, 700)
    panel.show()
    return Built(panel, model, presenter)


@pytest.fixture
def port() -> FakePort:
    return FakePort()


@pytest.fixture
def built(port: FakePort, qtbot: QtBot) -> Built:
    return build(port, qtbot)
