"""A running system for a whole module of tests, and the port through which presenters of the window reach it.

One process start serves all tests of a module, so they must leave it as they found it, or say so.
"""

import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from app.core.feed import Feed
from embedded_services.client.control_client import ControlClient
from embedded_services.common.platform import die_with_parent
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.system import Ready
from tests.helpers.system import ROOT

STOP_S = 5.0


@contextmanager
def served(workspace: Path, *options: str) -> Iterator[Ready]:
    """`python -m embedded_services`, ready, until the end of the block."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "embedded_services", "--workspace", str(workspace), *options],
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
