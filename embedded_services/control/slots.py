"""A slot: the place of one process in the system. Its id, role and port stay; the processes in it come and go."""

from dataclasses import dataclass, field

from embedded_services.control.launcher import Child
from embedded_services.control.restart_policy import History
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.checks import HealthChecks

GATEWAY = "gateway"
BROKER = "broker"


@dataclass(kw_only=True)
class Slot:
    """`asked` says why we are ending the present process, if we are; `wanted` whether it shall run again.

    `health_path` is what its checks ask for. `stops_last`: others may need it until they have ended.
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
    stops_last: bool = False
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
