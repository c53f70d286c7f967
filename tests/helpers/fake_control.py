"""Stands in for `python -m embedded_services` where only its life matters: it starts, says so, and ends as told.

    python -m tests.helpers.fake_control MODE --workspace DIR --nice N

MODE is `ready`; `refuse` (cannot start), `dies` (at once after it was ready) or `stubborn` (does not hear SIGTERM).
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

import msgspec
import psutil

from embedded_services.common import platform
from embedded_services.contracts.runtime import OwnProcess, Runtime


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--nice")
    given = parser.parse_args()
    if given.mode == "refuse":
        sys.stderr.write(
            "12:00:00 INFO looking for a port\nfaultdeck: port 3000 is taken by another program\n"
        )
        return 1
    stop = threading.Event()
    signal.signal(signal.SIGTERM, signal.SIG_IGN if given.mode == "stubborn" else lambda *_: stop.set())
    given.workspace.mkdir(parents=True, exist_ok=True)
    platform.private_file(
        given.workspace / "runtime.json", msgspec.json.encode(runtime(given.workspace, os.getpid()))
    )
    sys.stdout.write('{"ready":true}\n')
    sys.stdout.flush()
    if given.mode == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    stop.wait()
    (given.workspace / "runtime.json").unlink()
    return 0


def runtime(workspace: Path, pid: int) -> Runtime:
    """What a control plane of that process would write of itself."""
    started = psutil.Process(pid).create_time() if psutil.pid_exists(pid) else 1.0
    return Runtime(
        ready=True,
        version="0",
        gateway="",
        control="http://127.0.0.1:1",
        token="secret",
        broker=None,
        workspace=str(workspace),
        pid=pid,
        started_at=started,
        processes=[OwnProcess(name="control", pid=pid, started_at=started)],
    )


if __name__ == "__main__":
    sys.exit(main())
