"""What the window knows of the system: typed rows of every topic, tails of events, and how fresh all of it is.

The feed follows one control plane at a time (`follow`, run by the session) and keeps what was last known when contact
is lost. Readers are told *that* a topic changed and read the present state, so a slow reader misses nothing that still
holds:

    feed.listen(self._throttle.poke, INSTANCES, SERVICES)
    rows = feed.rows(INSTANCES)                      # {"user-1": Instance(…), …}, never changed in place
    for change in feed.tail(JOURNAL).after(seq): …   # events, with their sequence numbers
    feed.link.is_live                                # False: what you read is old, `feed.link.reason` says why

A row that does not have the type it must have is left out and logged: one bad row must not blank the window.
"""

import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

import msgspec

from app.core.link import Link
from app.core.listeners import Listeners
from embedded_services.client.stream_client import Connection, News, StreamClient, StreamOptions
from embedded_services.common.clock import Clock, SystemClock
from embedded_services.contracts.events import BusState, Handled, InstanceOutbox, Seen
from embedded_services.contracts.faults import Fault
from embedded_services.contracts.gateway import (
    Decision,
    GatewayTotals,
    LimitClient,
    LimitTotals,
    Pick,
    Upstream,
)
from embedded_services.contracts.instances import Change, Instance
from embedded_services.contracts.ledger import LedgerLine
from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.logs import LogEntry
from embedded_services.contracts.queues import DeadLetter, QueueState, Replay
from embedded_services.contracts.sagas import Saga, SagaCounts
from embedded_services.contracts.settings import SettingsState
from embedded_services.contracts.stream import Delta, Events, Snapshot
from embedded_services.contracts.system import Process, RequestRecord, Service, System
from embedded_services.contracts.timeline import TimelineEntry
from embedded_services.contracts.traffic import Traffic, TrafficSample

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Topic(Generic[T]):
    """A topic of the stream and the type of its rows, or of its events."""

    name: str
    type: type[T]


SYSTEM: Final = Topic("system", System)
PROCESSES: Final = Topic("processes", Process)
SERVICES: Final = Topic("services", Service)
INSTANCES: Final = Topic("instances", Instance)
SETTINGS: Final = Topic("settings", SettingsState)
LIMITS: Final = Topic("limits", LimitSettings)
UPSTREAMS: Final = Topic("upstreams", Upstream)
GATEWAY: Final = Topic("gateway", GatewayTotals)
LIMIT_TOTALS: Final = Topic("limit-totals", LimitTotals)
LIMIT_CLIENTS: Final = Topic("limit-clients", LimitClient)
BUS: Final = Topic("bus", BusState)
QUEUES: Final = Topic("queues", QueueState)
OUTBOX: Final = Topic("outbox", InstanceOutbox)
DEAD_LETTERS: Final = Topic("dead-letters", DeadLetter)
REPLAYS: Final = Topic("replays", Replay)
SAGAS: Final = Topic("sagas", Saga)
SAGA_COUNTS: Final = Topic("saga-counts", SagaCounts)
LEDGER: Final = Topic("ledger", LedgerLine)
TRAFFIC: Final = Topic("traffic", Traffic)
FAULTS: Final = Topic("faults", Fault)
JOURNAL: Final = Topic("journal", Change)
REQUESTS: Final = Topic("requests", RequestRecord)
LOGS: Final = Topic("logs", LogEntry)
PICKS: Final = Topic("picks", Pick)
DECISIONS: Final = Topic("decisions", Decision)
EVENTS_SEEN: Final = Topic("events", Seen)
HANDLED: Final = Topic("handled", Handled)
TRAFFIC_SAMPLES: Final = Topic("traffic-samples", TrafficSample)
TIMELINE: Final = Topic("timeline", TimelineEntry)
"""A later version of an entry has the id of the one before."""

STATES: Final[tuple[Topic[Any], ...]] = (
    SYSTEM,
    PROCESSES,
    SERVICES,
    INSTANCES,
    SETTINGS,
    LIMITS,
    UPSTREAMS,
    GATEWAY,
    LIMIT_TOTALS,
    LIMIT_CLIENTS,
    BUS,
    QUEUES,
    OUTBOX,
    DEAD_LETTERS,
    REPLAYS,
    SAGAS,
    SAGA_COUNTS,
    LEDGER,
    TRAFFIC,
    FAULTS,
)
EVENTS: Final[tuple[Topic[Any], ...]] = (
    JOURNAL,
    REQUESTS,
    LOGS,
    PICKS,
    DECISIONS,
    EVENTS_SEEN,
    HANDLED,
    TRAFFIC_SAMPLES,
    TIMELINE,
)
KEPT_EVENTS: Final = 5_000
FOLLOWING: Final = StreamOptions(silence_s=1.0)
"""A frozen control plane shows within a second. News comes twice a second (the health checks alone), so that
pings are rare; one that is not answered within 0.3 s after 0.7 s without news is what it takes to lose contact.
"""


class Tail(Generic[T]):
    """The newest events of a topic, at most `KEPT_EVENTS`. `total` counts all that happened, those not kept included."""

    def __init__(self) -> None:
        self._events: deque[tuple[int, T]] = deque(maxlen=KEPT_EVENTS)
        self.total = 0
        self.run = 0
        """Counts up when the numbering starts again, because another control plane is followed."""

    def after(self, seq: int) -> list[tuple[int, T]]:
        """The events with a higher number, oldest first."""
        found = []
        for entry in reversed(self._events):
            if entry[0] <= seq:
                break
            found.append(entry)
        found.reverse()
        return found

    def take(self, last: int, events: Mapping[int, T]) -> None:
        """Events by number, in order, of those up to `last`; ones that came before are passed over."""
        self._events.extend((seq, event) for seq, event in events.items() if seq > self.total)
        self.total = max(self.total, last)

    def restart(self) -> None:
        self._events.clear()
        self.total = 0
        self.run += 1


class Feed:
    """One for the whole window. All calls come from the window's thread."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._rows: dict[str, Mapping[str, Any]] = {topic.name: MappingProxyType({}) for topic in STATES}
        self._tails: dict[str, Tail[Any]] = {topic.name: Tail() for topic in EVENTS}
        self._types = {topic.name: topic.type for topic in (*STATES, *EVENTS)}
        self._topic_listeners: dict[str, Listeners[[]]] = {name: Listeners() for name in self._types}
        self._link_listeners: Listeners[[]] = Listeners()
        self.link = Link(since=self._clock.now())

    # --- reading --------------------------------------------------------------------------------------------------

    def rows(self, topic: Topic[T]) -> Mapping[str, T]:
        """The rows as last known, by key, in the control plane's order."""
        return self._rows[topic.name]

    def tail(self, topic: Topic[T]) -> Tail[T]:
        return self._tails[topic.name]

    @property
    def system(self) -> System | None:
        return self.rows(SYSTEM).get("system")

    def listen(self, call: Callable[[], None], *topics: Topic[Any]) -> Callable[[], None]:
        """Call `call` after each change of one of `topics`; returns what ends that. Frames come up to 20 times a
        second: put a Throttle between this and anything that draws.
        """
        leave = [self._topic_listeners[topic.name].join(call) for topic in topics]

        def leave_all() -> None:
            for end in leave:
                end()

        return leave_all

    def listen_link(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call `call` when contact is lost or found, and as what is shown meanwhile ages; returns what ends that."""
        return self._link_listeners.join(call)

    # --- following ------------------------------------------------------------------------------------------------

    async def follow(self, control_url: str, token: str) -> None:
        """Follow this control plane until cancelled, whatever happens to it meanwhile."""
        for tail in self._tails.values():
            tail.restart()
        stream = StreamClient(
            control_url, token, [topic.name for topic in (*STATES, *EVENTS)],
            on_connection=self.connection_changed, options=FOLLOWING, clock=self._clock,
        )  # fmt: skip
        try:
            async with stream:
                async for news in stream:
                    self.take(news)
        finally:
            self.lose("")

    def connection_changed(self, connection: Connection) -> None:
        self._set_link(
            replace(self.link, is_live=connection.connected, since=connection.since, reason=connection.reason)
        )

    def lose(self, reason: str) -> None:
        """Contact ended on purpose, or was never there. What was known stays, as old."""
        if self.link.is_live or reason != self.link.reason:
            since = self._clock.now() if self.link.is_live else self.link.since
            self._set_link(replace(self.link, is_live=False, since=since, reason=reason))

    def forget(self) -> None:
        """The system was stopped: nothing of it is true any more."""
        for name in self._rows:
            self._rows[name] = MappingProxyType({})
        for tail in self._tails.values():
            tail.restart()
        self._set_link(Link(since=self._clock.now()))
        for listeners in self._topic_listeners.values():
            listeners.tell()

    def take(self, news: News) -> None:
        """What the stream brought."""
        self.link = replace(self.link, last_reading=self._clock.now())
        for name in self._taken(news):
            self._topic_listeners[name].tell()

    def _taken(self, news: News) -> Collection[str]:
        """Take it in, and give the topics that changed."""
        match news:
            case Snapshot():
                for name in self._rows:
                    self._rows[name] = MappingProxyType(self._typed(name, news.state.get(name, {})))
                return list(self._rows)
            case Delta():
                changed = (news.set.keys() | news.remove.keys()) & self._rows.keys()
                for name in changed:
                    rows = {**self._rows[name], **self._typed(name, news.set.get(name, {}))}
                    for key in news.remove.get(name, ()):
                        rows.pop(key, None)
                    self._rows[name] = MappingProxyType(rows)
                return changed
            case Events():
                if news.topic not in self._tails:
                    return ()
                items = dict(enumerate(news.items, news.to_seq - len(news.items) + 1))
                self._tails[news.topic].take(news.to_seq, self._typed(news.topic, items))
                return (news.topic,)

    def _typed(self, topic: str, rows: Mapping[Any, Any]) -> dict[Any, Any]:
        typed = {}
        for key, row in rows.items():
            try:
                typed[key] = msgspec.convert(row, self._types[topic])
            except msgspec.ValidationError as error:
                log.warning("%s %s from the control plane cannot be read: %s", topic, key, error)
        return typed

    def grow_older(self) -> None:
        """Time has passed. To be called each second while there is no contact."""
        self._set_link(self.link)

    def _set_link(self, link: Link) -> None:
        is_old = not link.is_live and link.last_reading is not None
        age_s = max(0, int(self._clock.now() - link.last_reading)) if is_old and link.last_reading else 0
        link = replace(link, age_s=age_s)
        if link != self.link:
            self.link = link
            self._link_listeners.tell()
