"""The agent link: one WebSocket from every child to the control plane, JSON frames both ways.

Up: who I am, then a beat with what changed. Down: full snapshots with a revision, of which only the latest matters,
and commands, which are answered by id. A child serves on with its last snapshots while the link is away.
"""

from typing import Any

import msgspec

from embedded_services.contracts.events import Handled, OutboxState
from embedded_services.contracts.faults import FaultCounts, Faults, FaultsInForce
from embedded_services.contracts.gateway import (
    Decision,
    GatewayTotals,
    LimitClient,
    LimitTotals,
    Pick,
    Upstream,
)
from embedded_services.contracts.instances import Latency
from embedded_services.contracts.queues import QueueState
from embedded_services.contracts.sagas import Saga
from embedded_services.contracts.settings import Settings
from embedded_services.contracts.system import RequestRecord
from embedded_services.contracts.traces import Span
from embedded_services.contracts.traffic import Traffic, TrafficSample
from embedded_services.contracts.wire import Message

# --- what a child is started with -------------------------------------------------------------------------------


class ChildSpec(Message, frozen=True):
    """Everything a child process is told at birth. Pickled to it through the forkserver, never on a command line."""

    id: str
    role: str
    """`gateway`, `broker`, `orchestrator`, or the kind of service."""
    service: str
    module: str
    """The module whose `serve(context)` the process runs."""
    incarnation: int
    host: str
    port: int
    control_url: str
    agent_token: str
    workspace: str
    """Absolute path; databases under `data/`, logs under `logs/`."""
    jwt_secret: str
    settings: Settings
    settings_revision: int
    broker_url: str | None = None
    """As `Broker` tells it later on."""
    nice: int = 0
    faults: Faults | None = None
    """Those in force at its birth."""


# --- up ---------------------------------------------------------------------------------------------------------


class Hello(Message, tag_field="type", tag="hello", frozen=True):
    """Sent when the process listens on `port` and can serve."""

    id: str
    incarnation: int
    pid: int
    port: int


class CallStats(Message, frozen=True):
    """What one caller saw of one instance since the caller started; `in_flight` is now."""

    incarnation: int
    in_flight: int
    requests: int
    failures: int
    latency_ms: Latency


class Beat(Message, tag_field="type", tag="beat", frozen=True):
    """Sent at most four times a second, and only when something changed. `calls` holds only what changed.

    `requests` are the records kept since the last beat; `requests_seq` counts all requests ever, so that the
    difference to what was kept is known and can be shown; so do the other `…_seq`. Spans that could not be kept are
    counted in `spans_dropped`. From `upstreams` to `limit_clients` only the gateway reports: rows that changed,
    `limit_clients` the clients seen last, at most 200 of them, or null if nothing changed. `handled` is what became of
    the messages that arrived, `outbox` null if nothing changed. `queues` are all that the broker has, null if nothing
    changed. `sagas` are those that moved, without their journals, the latest at most 100; `sagas_missed` counts those that
    moved besides; `saga_counts` is how many there are in each state, null if nothing moved. `sagas_anew` says that what was told
    before may have been lost. From `traffic` on only the load generator reports: how it is, null if nothing changed, and its
    samples since the last beat, of which there were `traffic_seq` in all. `faults` are the counts of those that were eligible since.
    """

    calls: dict[str, CallStats] = {}
    requests: list[RequestRecord] = []
    requests_seq: int = 0
    spans: list[Span] = []
    spans_dropped: int = 0
    upstreams: list[Upstream] = []
    gateway: GatewayTotals | None = None
    picks: list[Pick] = []
    picks_seq: int = 0
    decisions: list[Decision] = []
    decisions_seq: int = 0
    limits: LimitTotals | None = None
    limit_clients: list[LimitClient] | None = None
    handled: list[Handled] = []
    handled_seq: int = 0
    outbox: OutboxState | None = None
    queues: list[QueueState] | None = None
    sagas: list[Saga] = []
    sagas_missed: int = 0
    saga_counts: dict[str, int] | None = None
    sagas_anew: bool = False
    traffic: Traffic | None = None
    traffic_samples: list[TrafficSample] = []
    traffic_seq: int = 0
    faults: list[FaultCounts] = []


class Done(Message, tag_field="type", tag="done", frozen=True):
    """The answer to a command; `result` is what was asked for, if anything."""

    command: int
    ok: bool
    message: str = ""
    result: Any = None


# --- down -------------------------------------------------------------------------------------------------------


class Peer(Message, frozen=True):
    """An instance in rotation."""

    id: str
    incarnation: int
    host: str
    port: int
    weight: int


class ServicePeers(Message, frozen=True):
    """`reason` says why `peers` is empty; empty otherwise."""

    peers: list[Peer]
    reason: str = ""


class Peers(Message, tag_field="type", tag="peers", frozen=True):
    revision: int
    services: dict[str, ServicePeers]


class Policies(Message, tag_field="type", tag="policies", frozen=True):
    """The settings in force."""

    revision: int
    settings: Settings


class Broker(Message, tag_field="type", tag="broker", frozen=True):
    """Where the broker is; null while nobody knows, or not yet who would hear what is told to it."""

    url: str | None


class Command(Message, tag_field="type", tag="command", frozen=True):
    """`hold-writes`: finish the transaction under way, start none until released, then answer. `release-writes`.
    To the gateway: `settings-in-force` (argument: a revision; answered when it is in force, or cannot be),
    `limit-clients` (argument: `LimitClientsQuery`) and `reset-limits` (argument: a key, or null for all).
    To the load generator: `traffic` (argument: `TrafficOrder`) and `stop-traffic` (argument: why); both answer `Traffic`."""

    id: int
    name: str
    argument: Any = None


Up = Hello | Beat | Done | FaultsInForce
Down = Peers | Policies | Faults | Broker | Command

encode = msgspec.json.encode
decode_up = msgspec.json.Decoder(Up).decode
decode_down = msgspec.json.Decoder(Down).decode
