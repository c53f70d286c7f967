"""The control plane's process as our child: how it is started, waited for and ended.

It is started from the main thread and dies with that thread, by the kernel's hand. `launch` needs nothing heavy, so
that a start of the window can begin with it and load Qt meanwhile.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import embedded_services
from embedded_services.common import platform

if TYPE_CHECKING:
    from collections.abc import Sequence

NICE: Final = 5
STOP_S: Final = 1.6
COMMAND: Final = (sys.executable, "-m", "embedded_services")

Child = subprocess.Popen[bytes]


def launch(workspace: Path, command: Sequence[str] = COMMAND) -> Child:
    """Start a control plane on `workspace`. Raises OSError.

    What it says goes to `logs/control.err` in the workspace, never through a pipe: a window that stands still must not
    stop the system.
    """
    logs = workspace / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / "control.err").open("wb") as err:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*command, "--workspace", str(workspace), "--nice", str(NICE)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=err,
            cwd=Path(embedded_services.__file__).parent.parent,
            preexec_fn=None if platform.WINDOWS else platform.die_with_parent,
            start_new_session=not platform.WINDOWS,  # a Ctrl-C is for the window to answer
        )


async def ended(child: Child) -> int:
    """Wait for its end; gives the exit code."""
    import asyncio

    return await asyncio.to_thread(child.wait)


async def end(child: Child) -> None:
    """Ask it to stop; end it when it does not, be it frozen."""
    import asyncio

    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        await asyncio.to_thread(child.wait, STOP_S)
    except subprocess.TimeoutExpired:
        kill(child)


def kill(child: Child) -> None:
    """End it now, and see it gone."""
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    child.wait()
