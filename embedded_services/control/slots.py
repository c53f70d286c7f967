"""A slot: the place of one process in the system. Its id, role and port stay; the processes in it come and go."""

from dataclasses import dataclass, field
from enum import IntEnum

from embedded_services.control.launcher import Child
from embedded_services.control.restart_policy import History
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.checks import HealthChecks

GATEWAY = "gateway"
BROKER = "broker"


class Leaves(IntEnum):
    """When a process is ended in a stop: callers first, so that what they have under way is finished."""

    FIRST = 0
    AFTER_GATEWAY = 1
    WITH_SERVICES = 2
    LAST = 3


@dataclass(kw_only=True)
class Slot:
    """`asked` says why we are ending the present process, if we are; `wanted` whether it shall run again.

    `health_path` is what its checks ask for. `leaves` is when it is ended in a stop.
    `overdue` is set when it was killed because it did not get ready: that is its own failure, and counts.
    `started_at` is monotonic, for what is reckoned with it; `started_wall` is the same moment as people read it.
    """

    id: str
    role: str
    service: str
    module: str
    number: int
    preferred_port: int
    pinned_port: bool = False
    port: int
    catalog: Catalog
    checks: HealthChecks
    health_path: str = "/health"
    leaves: Leaves = Leaves.WITH_SERVICES
    incarnation: int = 0
    child: Child | None = None
    started_at: float = 0.0
    started_wall: float = 0.0
    asked: str | None = None
    overdue: bool = False
    wanted: bool = True
    leaving: bool = False
    restarts: int = 0
    history: History = field(default_factory=History)

    @property
    def running(self) -> Child | None:
        """The present process, if it has not ended."""
        return self.child if self.child is not None and self.child.running else None
