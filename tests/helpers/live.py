"""A running system for a whole module of tests, and the port through which presenters of the window reach it.

One process start serves all tests of a module, so they must leave it as they found it, or say so.
"""

import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from app.core.feed import Feed
from embedded_services.client.control_client import ControlClient
from embedded_services.common.platform import die_with_parent
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.system import Ready
from tests.helpers.ports import free_port
from tests.helpers.system import ROOT, away_from_others

STOP_S = 20.0


@contextmanager
def served(folder: Path, *options: str, **changes: Any) -> Iterator[Ready]:
    """`python -m embedded_services` on ports that nobody else takes, ready, until the end of the block; with `changes` of its
    settings."""
    workspace = away_from_others(folder, **changes)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "embedded_services", "--workspace", str(workspace), "--gateway-port", str(free_port()), *options],
            stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, cwd=ROOT, start_new_session=True,
            preexec_fn=die_with_parent,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            errors.seek(0)
            assert line, f"no ready line: {errors.read().decode()}"
            yield msgspec.json.decode(line, type=Ready)
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            finally:
                process.kill()
                process.wait()
                process.stdout.close()


class LivePort:
    """`app.core.session.Port`, on a system that runs."""

    def __init__(self, ready: Ready, control: ControlClient) -> None:
        self.feed = Feed()
        self.workspace = Path(ready.workspace)
        self.gateway: str | None = ready.gateway
        self._control = control

    def control(self) -> ControlClient:
        return self._control


@asynccontextmanager
async def live_port(ready: Ready) -> AsyncIterator[LivePort]:
    """Follows the system inside."""
    async with ControlClient(ready.control, ready.token) as control, Tasks("test") as tasks:
        port = LivePort(ready, control)
        tasks.spawn(port.feed.follow(ready.control, ready.token), "follow")
        yield port
