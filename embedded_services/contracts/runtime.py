"""`runtime.json` in the workspace: where a running system is, and which processes are its own. Mode 0600."""

from embedded_services.contracts.wire import Message, Timestamp


class OwnProcess(Message, frozen=True):
    """`started_at` is the operating system's start time: pid and start time together name a process for good."""

    name: str
    pid: int
    started_at: Timestamp


class Runtime(Message, frozen=True):
    """`ready` is false until every instance was healthy once; `processes` includes the control plane itself."""

    ready: bool
    version: str
    gateway: str
    control: str
    token: str
    broker: str | None
    workspace: str
    pid: int
    started_at: Timestamp
    processes: list[OwnProcess]
