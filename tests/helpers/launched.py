"""Starts processes through the launcher as the control plane does, and says what became of them, as one JSON object.

Runs as a process of its own (`python -m tests.helpers.launched`), because the forkserver is one for a whole process
and dies with its main thread.
"""

import asyncio
import ctypes
import gc
import json
import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from embedded_services.common import platform
from embedded_services.control.forkserver import prepare
from embedded_services.control.launcher import Child, Launcher, end_within

PRELOAD = "embedded_services.control.preload"
PR_GET_PDEATHSIG = 2
LIBRARIES = ("aio_pika", "aiohttp", "aiosmtplib", "argon2", "jinja2", "sqlalchemy")
"""Those that take long to load."""


def tell(to: str) -> None:
    """A child's view of itself, before it has imported anything."""
    preload: Any = sys.modules.get(PRELOAD)
    wanted = preload.process_modules() if preload is not None else []
    Path(to).write_text(
        json.dumps(
            {
                "preloaded": preload is not None,
                "wanted": wanted,
                "missing": [name for name in wanted if name not in sys.modules],
                "libraries": [name for name in LIBRARIES if name in sys.modules],
                "session": os.getsid(0),
                "parent": os.getppid(),
                "deathSignal": death_signal(),
                "frozenObjects": gc.get_freeze_count(),
            }
        )
    )


def death_signal() -> int | None:
    if not platform.LINUX:
        return None
    number = ctypes.c_int()
    ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(number), 0, 0, 0)
    return number.value


def leave_with(code: int) -> None:
    os._exit(code)


def stay(ready: str, ignores_term: bool) -> None:
    if ignores_term:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(ready).touch()
    while True:
        signal.pause()


async def until(path: Path) -> None:
    while not path.exists():  # noqa: ASYNC110 - a file raises no event
        await asyncio.sleep(0.005)


async def run(folder: Path) -> dict[str, Any]:
    launcher = Launcher(prepare())
    exits: list[tuple[int, int | None]] = []

    def start(target: Any, *args: Any) -> Child:
        return launcher.start("child", target, args, lambda child: exits.append((child.pid, child.exit_code)))

    told = start(tell, str(folder / "told"))
    left = start(leave_with, 7)
    killed = start(stay, str(folder / "killed"), False)
    stubborn = start(stay, str(folder / "stubborn"), True)
    await until(folder / "stubborn")
    await until(folder / "killed")
    was_running = killed.running and killed.exit_code is None
    killed.signal(platform.kill)
    stubborn.signal(platform.terminate)
    await end_within(stubborn, 0.05)
    for child in (told, left, killed):
        await child.wait()
    signalled: list[int] = []
    killed.signal(signalled.append)
    return {
        "child": json.loads((folder / "told").read_text()),
        "session": os.getsid(0),
        "pid": os.getpid(),
        "wasRunning": was_running,
        "codes": [child.exit_code for child in (told, left, killed, stubborn)],
        "running": [child.running for child in (told, left, killed, stubborn)],
        "exits": sorted(exits)
        == sorted((child.pid, child.exit_code) for child in (told, left, killed, stubborn)),
        "signalledAfterItsEnd": signalled,
    }


def main() -> None:
    prepare()
    with TemporaryDirectory() as folder:
        sys.stdout.write(json.dumps(platform.run(run(Path(folder)))))


if __name__ == "__main__":
    main()
