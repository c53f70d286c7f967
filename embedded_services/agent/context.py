"""What a child process is handed: its spec, its link to the control plane and its clock."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from embedded_services.agent.link import AgentLink
from embedded_services.common.clock import Clock
from embedded_services.contracts.agent import ChildSpec
from embedded_services.faults.armed import LocalFaults


class StartError(Exception):
    """The process cannot serve for a reason outside the program; its text is one sentence for people."""


@dataclass(frozen=True)
class ChildContext:
    spec: ChildSpec
    link: AgentLink
    clock: Clock

    @property
    def faults(self) -> LocalFaults:
        """Asked wherever a fault may act."""
        return self.link.faults

    @property
    def workspace(self) -> Path:
        return Path(self.spec.workspace)


class ChildModule(Protocol):
    """A module that a child process can run, named in `ChildSpec.module`."""

    def serve(self, context: ChildContext) -> AbstractAsyncContextManager[int]:
        """Enter: listen and be ready; yields the port. Exit: finish what is under way, then close.

        Raises OSError with EADDRINUSE when `spec.port` is taken: the control plane picks another one. Raises
        StartError when something else outside the program is in the way, a damaged database for example.
        """
        ...
