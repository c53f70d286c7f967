"""What is told of this run outside of it: `runtime.json`, for whoever attaches and for the start after a crash; and the ready
line and file, for whoever started it.
"""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from embedded_services.common import platform
from embedded_services.common.version import __version__
from embedded_services.contracts.runtime import OwnProcess, Runtime
from embedded_services.contracts.system import Ready
from embedded_services.control.leftovers import identify, still_runs
from embedded_services.control.startup import StartError
from embedded_services.control.views import Facts
from embedded_services.control.workspace import Workspace

log = logging.getLogger(__name__)


class RunFiles:
    def __init__(
        self,
        workspace: Workspace,
        ready_file: Path | None,
        facts: Facts,
        token: str,
        gateway: Callable[[], str | None],
        pids: Callable[[], dict[str, int]],
    ) -> None:
        """`gateway` is where the gateway answers, `pids` are the processes of ours that run, by name."""
        self._workspace = workspace
        self._ready_file = ready_file
        self._facts = facts
        self._token = token
        self._gateway = gateway
        self._pids = pids

    def begin(self) -> Runtime | None:
        """What the last run wrote. Raises StartError when it still goes on, or the ready file cannot be written."""
        self._write_ready(None)
        last = self._workspace.last_run()
        own = OwnProcess("control", last.pid, last.started_at) if last is not None else None
        # We hold the lock, so nobody else should run here; if one does, its lock file was taken from it.
        if last is not None and own is not None and still_runs(own):
            raise StartError(
                f"process {last.pid} serves {self._workspace.path} though its lock file is gone; stop it first"
            )
        return last

    def write(self) -> None:
        """Where we run and which processes are ours, as it is now."""
        facts = self._facts
        own = identify("control", facts.pid)
        pids = {"control": facts.pid, **self._pids()}
        try:
            self._workspace.write_run(
                Runtime(
                    ready=facts.ready,
                    version=__version__,
                    gateway=self._gateway() or "",
                    control=facts.control_url,
                    token=self._token,
                    broker=facts.broker_url,
                    workspace=facts.workspace,
                    pid=facts.pid,
                    started_at=own.started_at if own else facts.started_at,
                    processes=[named for name, pid in pids.items() if (named := identify(name, pid))],
                )
            )
        except OSError as error:
            log.error("cannot write %s: %s", self._workspace.runtime_path, error)

    def say_ready(self) -> None:
        """To the file, and to whoever reads our output. Raises StartError."""
        facts = self._facts
        line = msgspec.json.encode(
            Ready(
                ready=True,
                gateway=self._gateway() or "",
                control=facts.control_url,
                token=self._token,
                broker=facts.broker_url,
                workspace=facts.workspace,
            )
        )
        self._write_ready(line + b"\n")
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush()

    def end(self) -> None:
        """Nothing runs any more. Raises StartError."""
        self._workspace.end_run()
        self._write_ready(None)

    def _write_ready(self, content: bytes | None) -> None:
        """None takes away what an earlier run wrote: whoever waits for the file must not find that one's."""
        path = self._ready_file
        if path is None:
            return
        try:
            if content is None:
                path.unlink(missing_ok=True)
            else:
                platform.private_file(path, content)
        except OSError as error:
            raise StartError(f"cannot write {path}: {error.strerror}") from error
