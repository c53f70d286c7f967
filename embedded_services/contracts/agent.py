"""The agent link: one WebSocket from every child to the control plane, JSON frames both ways.

Up: who I am, then a beat with what changed. Down: full snapshots with a revision, of which only the latest matters,
and commands, which are answered by id. A child serves on with its last snapshots while the link is away.
"""

import msgspec

from embedded_services.contracts.instances import Latency
from embedded_services.contracts.settings import Settings
from embedded_services.contracts.system import RequestRecord
from embedded_services.contracts.wire import Message

# --- what a child is started with -------------------------------------------------------------------------------


class ChildSpec(Message, frozen=True):
    """Everything a child process is told at birth. Pickled to it through the forkserver, never on a command line."""

    id: str
    role: str
    """`gateway`, or the kind of service."""
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
    nice: int = 0


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
    difference to what was kept is known and can be shown.
    """

    calls: dict[str, CallStats] = {}
    requests: list[RequestRecord] = []
    requests_seq: int = 0


class Done(Message, tag_field="type", tag="done", frozen=True):
    """The answer to a command."""

    command: int
    ok: bool
    message: str = ""


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


class Command(Message, tag_field="type", tag="command", frozen=True):
    """`hold-writes`: finish the transaction under way, start none until released, then answer. `release-writes`."""

    id: int
    name: str


Up = Hello | Beat | Done
Down = Peers | Policies | Command

encode = msgspec.json.encode
decode_up = msgspec.json.Decoder(Up).decode
decode_down = msgspec.json.Decoder(Down).decode
