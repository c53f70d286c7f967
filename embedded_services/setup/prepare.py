"""Makes or repairs `.venv` and installs what a profile needs; one start does it while others wait.

Killed at any moment, the next start repairs: while something is half done, the lock file says so, and an environment
found in that state is emptied and made again. What pip refuses before it begins to install leaves all as it was.
"""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from embedded_services.common import platform
from embedded_services.setup import requirements, stamp, system_packages
from embedded_services.setup.checkout import Checkout
from embedded_services.setup.ensure import is_too_old
from embedded_services.setup.report import SetupError, say

_UNFINISHED = b"a set-up is under way, or was ended in the middle\n"
_PROBE = (
    "import importlib.util, sys; print(sys.implementation.cache_tag, *sys.version_info[:2], "
    "importlib.util.find_spec('pip') is not None, sys.prefix)"
)


def prepare(checkout: Checkout, profile: str, argv: list[str]) -> None:
    """Return when `.venv` holds what `profile` needs; else end the process with status 1 and one line on stderr."""
    try:
        with _alone(checkout) as lock:
            _provide(checkout, profile, lock, argv)
    except SetupError as error:
        say(str(error))
        raise SystemExit(1) from None
    except OSError as error:
        say(f"cannot set up {checkout.environment}: {error}; it must be a folder that you may write to")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        say("set-up interrupted; the next start makes good what is missing")
        raise SystemExit(130) from None


@contextlib.contextmanager
def _alone(checkout: Checkout) -> Iterator[IO[bytes]]:
    """Hold the lock of the environment, waiting for another start to finish its set-up."""
    os.makedirs(checkout.environment, exist_ok=True)
    waiting = False
    with open(checkout.lock, "a+b") as lock, contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(platform.exclusive(lock))
                break
            except BlockingIOError:
                if not waiting:
                    say(f"another start is setting up {checkout.environment}; waiting for it")
                    waiting = True
                time.sleep(0.1)  # noqa: TID251 - another process's lock gives no event to await
        yield lock


def _provide(checkout: Checkout, profile: str, lock: IO[bytes], argv: list[str]) -> None:
    wanted = requirements.read(checkout, profile)
    lock.seek(0)
    sound = not lock.read() and not stamp.is_elsewhere(checkout, profile)
    python = _look(checkout) if sound else None
    if python and stamp.is_current(checkout, profile, python):
        return
    say(_announcement(checkout, python is not None, len(wanted.packages)))
    _mark(lock, _UNFINISHED)
    if python is None:
        python = _make(checkout, lock, argv)
    stamps = {
        other: stamp.compose(checkout, other, python) for other in requirements.covered_by(checkout, profile)
    }
    _install(checkout, wanted, lock)
    for other, text in stamps.items():
        stamp.write(checkout, other, text)
    _mark(lock, b"")


def _announcement(checkout: Checkout, usable: bool, packages: int) -> str:
    if usable:
        return f"{checkout.environment} lacks what pyproject.toml and constraints.txt ask for; installing it"
    if os.path.exists(checkout.python):
        return f"{checkout.environment} cannot be used as it is; making it again and installing {packages} packages"
    return f"first start: making {checkout.environment} and installing {packages} packages and what they need"


def _mark(lock: IO[bytes], text: bytes) -> None:
    lock.truncate(0)
    lock.write(text)
    lock.flush()


def _look(checkout: Checkout) -> str | None:
    """The cache tag of the environment's Python, if it runs, is new enough, has pip, and knows where it lives."""
    try:
        answer = subprocess.run(
            [checkout.python, "-c", _PROBE], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        python, major, minor, pip, prefix = answer.strip().split(" ", 4)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if is_too_old((int(major), int(minor))) or pip != "True" or prefix != checkout.environment:
        return None
    return python


def _make(checkout: Checkout, lock: IO[bytes], argv: list[str]) -> str:
    """Empty the folder, all but the lock, and make an environment of the Python that runs this.

    Raises SetupError for a folder that is a link: what it leads to is somebody else's, and not ours to empty.
    """
    if os.path.islink(checkout.environment):
        _mark(lock, b"")
        raise SetupError(
            f"{checkout.environment} is a link, and what it leads to was made for another folder; it was left as it is. "
            "Remove the link and start again"
        )
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        _provide_venv(argv)
    python = getattr(sys, "_base_executable", None) or sys.executable
    if python.startswith(checkout.environment):
        python = os.path.realpath(python)
    for entry in Path(checkout.environment).iterdir():
        if str(entry) == checkout.lock:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    made = _run(checkout, lock, [python, "-m", "venv", checkout.environment]) == 0
    if not made or not (found := _look(checkout)):
        raise SetupError(f"{python} -m venv {checkout.environment} failed: {last_line(_output(checkout))}")
    return found


def _provide_venv(argv: list[str]) -> None:
    """Debian keeps a part of Python's own library, without which no environment can be made, in a package apart."""
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    system_packages.install([package], "without it Python cannot make .venv", argv)
    importlib.invalidate_caches()
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            f"{sys.executable} has no ensurepip even with {package}; start this with another Python"
        )


def _install(checkout: Checkout, wanted: requirements.Requirements, lock: IO[bytes]) -> None:
    pip = [checkout.python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    if _run(checkout, lock, [*pip, "-c", checkout.constraints, *wanted.packages]) == 0:
        return
    output = _output(checkout)
    if "Installing collected packages" not in output:
        _mark(lock, b"")  # nothing was touched
    raise SetupError(f"{explain(output)}. All it said: {checkout.log}")


def explain(output: str) -> str:
    """What pip's output comes to for a person: what it says is wrong, and what to do."""
    said = f"pip could not install: {last_line(output)}"
    if "No space left" in output:
        return f"{said}; free some space on that disk and start again"
    if "connection broken by" in output:
        return f"{said} (it has no connection to a package index); check the network and start again"
    if "Failed building" in output or "Failed to build" in output or "subprocess-exited-with-error" in output:
        return f"{said} (nothing ready-made for this Python); start with Python 3.11, 3.12 or 3.13"
    return f"{said}; check the network and pip's settings (python3 -m pip config list) and start again"


def last_line(output: str) -> str:
    """The last line that is called an error, else the last line that says anything."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["it said nothing"])[-1]


def _run(checkout: Checkout, lock: IO[bytes], argv: list[str]) -> int:
    """Run it, its output in the log. It dies with this process.

    What it starts in turn may live a little longer, and goes on writing to the environment. The lock is therefore its
    standard input, which is all that its children inherit: the lock is free when the last of them has ended.
    """
    with open(checkout.log, "wb") as log:
        return subprocess.run(
            argv,
            stdin=lock,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
            preexec_fn=None if platform.WINDOWS else platform.die_with_parent,
        ).returncode


def _output(checkout: Checkout) -> str:
    return Path(checkout.log).read_text(encoding="utf-8", errors="replace")
