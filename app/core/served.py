"""Whether a workspace is being served, by what its control plane wrote of itself and what the system says of that
process. Blocking, quick.
"""

from pathlib import Path
from typing import Final

import psutil

from embedded_services.client.errors import NoRuntimeError
from embedded_services.client.runtime import read_runtime
from embedded_services.contracts.runtime import Runtime

_SAME_S: Final = 0.5


def find_served(workspace: Path) -> Runtime | None:
    """The run that serves `workspace` now, or None. A file that a killed run left behind does not count."""
    try:
        runtime = read_runtime(workspace)
    except NoRuntimeError:
        return None
    return runtime if runtime.control and runtime.token and still_runs(runtime) else None


def still_runs(runtime: Runtime) -> bool:
    """Whether the very process lives: its number may belong to another one by now."""
    started = next((own.started_at for own in runtime.processes if own.pid == runtime.pid), None)
    try:
        process = psutil.Process(runtime.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return started is None or abs(process.create_time() - started) < _SAME_S
    except psutil.Error:
        return False
