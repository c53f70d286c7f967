"""Everything that differs between Linux, macOS and Windows, in one place. Standard library only, uvloop apart; and of that
little is loaded with it, because each start begins here.

Nothing outlives its owner. On Linux the kernel sees to it: a process asks for SIGKILL at the death of its parent
*thread* (`die_with_parent`), which holds for frozen processes too. Elsewhere a thread waits on a pipe that only the
owner holds open (`watch_owner`).
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from pathlib import Path

LINUX = sys.platform.startswith("linux")
MACOS = sys.platform == "darwin"
WINDOWS = sys.platform == "win32"

_PR_SET_PDEATHSIG = 1
_CLOCK_MONOTONIC = 1
_TIMER_ABSTIME = 1


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends. Linux only; elsewhere no effect."""
    if not LINUX:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def watch_owner() -> None:
    """Where the kernel does not do it: end this process when the owner's end of the multiprocessing pipe closes."""
    if LINUX:
        return
    from multiprocessing import connection, parent_process

    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, name="owner-watch", daemon=True).start()


def new_session() -> None:
    """Leave the terminal's process group, so that Ctrl-C reaches the control plane alone."""
    if hasattr(os, "setsid"):
        os.setsid()


def start_method() -> str:
    """`forkserver` where there is fork (imports are loaded once and shared), else `spawn`."""
    return "spawn" if WINDOWS else "forkserver"


def can_freeze() -> bool:
    return hasattr(signal, "SIGSTOP")


def freeze(pid: int) -> None:
    """Stop a process where it stands. It keeps its memory, its sockets and its locks."""
    if WINDOWS:
        import psutil

        psutil.Process(pid).suspend()
    else:
        os.kill(pid, signal.SIGSTOP)


def thaw(pid: int) -> None:
    if WINDOWS:
        import psutil

        psutil.Process(pid).resume()
    else:
        os.kill(pid, signal.SIGCONT)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGTERM if WINDOWS else signal.SIGKILL)  # on Windows both end it at once


def terminate(pid: int) -> None:
    """Ask a process to stop by itself; on Windows it is ended."""
    os.kill(pid, signal.SIGTERM)


def stop_signals() -> list[signal.Signals]:
    """The signals that ask the control plane to stop."""
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def on_signals(
    loop: asyncio.AbstractEventLoop, signals: list[signal.Signals], call: Callable[[], None]
) -> None:
    """Run `call` in the loop when one of `signals` arrives."""
    for number in signals:
        try:
            loop.add_signal_handler(number, call)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(call))


def watch_exit(
    loop: asyncio.AbstractEventLoop, sentinel: int, call: Callable[[], None]
) -> Callable[[], None]:
    """Run `call` in the loop once the process of `sentinel` has ended. Returns what takes the watch away."""
    if not WINDOWS:

        def readable() -> None:
            loop.remove_reader(sentinel)
            call()

        loop.add_reader(sentinel, readable)

        def unwatch() -> None:
            loop.remove_reader(sentinel)

        return unwatch

    from multiprocessing import connection

    cancelled = threading.Event()

    def wait() -> None:
        connection.wait([sentinel])
        if not cancelled.is_set():
            loop.call_soon_threadsafe(call)

    threading.Thread(target=wait, name="exit-watch", daemon=True).start()
    return cancelled.set


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it exists, else asyncio's own."""
    import asyncio

    if WINDOWS:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    return factory


def run(main: Any) -> Any:
    """Run a coroutine on the platform's best loop."""
    import asyncio

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main)


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound TCP socket. Raises OSError if the port is taken; port 0 asks for any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if not WINDOWS:  # there it would let two processes share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now; a connection's TIME_WAIT does not count."""
    try:
        with listening_socket(host, port) as sock:
            sock.listen(1)
    except OSError:
        return False
    return True


def reset(transport: asyncio.Transport) -> None:
    """End a connection in a way that its other end cannot take for an orderly one."""
    linger = struct.pack("hh" if WINDOWS else "ii", 1, 0)
    sock = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it has ended by itself
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


def readable_now(descriptor: int) -> bool:
    """Whether a socket has something to read, an end or an error included, without waiting."""
    if descriptor < 0:
        return True
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([descriptor], [], [], 0)[0])  # Windows, where it knows no highest descriptor


def client_address(number: int) -> str | None:
    """A source address on loopback for the client with that number, from 0 to 62,499: its own on Linux, where all of 127.0.0.0/8
    is this machine. None elsewhere: only 127.0.0.1 is, without being set up."""
    if not LINUX:
        return None
    block, place = divmod(number, 250)
    return f"127.{1 + block // 250}.{block % 250}.{1 + place}"


class FineTimer:
    """Calls `call` in the loop at a time of `time.monotonic()`: on Linux exact to about 0.1 ms, where an event loop's own timers
    know whole milliseconds. Only the time set last counts."""

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        self._loop = loop
        self._call = call
        self._handle: asyncio.TimerHandle | None = None
        self._descriptor = _timer_descriptor() if LINUX else -1
        if self._descriptor >= 0:
            self._set_time = ctypes.CDLL(None, use_errno=True).timerfd_settime
            loop.add_reader(self._descriptor, self._fired)

    def set(self, at: float) -> None:
        """A time that has passed is now."""
        if self._descriptor < 0:
            self.clear()
            self._handle = self._loop.call_later(max(0.0, at - time.monotonic()), self._call)
            return
        seconds = int(at)
        spec = (ctypes.c_long * 4)(0, 0, seconds, max(1, int((at - seconds) * 1e9)))
        if self._set_time(self._descriptor, _TIMER_ABSTIME, spec, None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def clear(self) -> None:
        """Call nothing."""
        if self._descriptor >= 0:
            self._set_time(self._descriptor, 0, (ctypes.c_long * 4)(0, 0, 0, 0), None)
        elif self._handle is not None:
            self._handle.cancel()

    def close(self) -> None:
        self.clear()
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _fired(self) -> None:
        with contextlib.suppress(BlockingIOError):  # set anew meanwhile
            os.read(self._descriptor, 8)
            self._call()


def _timer_descriptor() -> int:
    """Negative where there is none."""
    return int(
        ctypes.CDLL(None, use_errno=True).timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    )


def raise_file_limit(wanted: int) -> None:
    """Allow this process so many open files and sockets, or as many as the system lets it."""
    if WINDOWS:
        return
    resource: Any = importlib.import_module("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def lower_priority(nice: int) -> None:
    if nice and hasattr(os, "nice"):
        os.nice(nice)


@contextlib.contextmanager
def exclusive(file: IO[Any]) -> Iterator[None]:
    """Hold the operating system's lock on an open file. Raises BlockingIOError if another process holds it."""
    if WINDOWS:
        msvcrt: Any = importlib.import_module("msvcrt")
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(str(error)) from error
        try:
            yield
        finally:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        fcntl: Any = importlib.import_module("fcntl")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def private_file(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file that only its owner may read, replacing it in one step; `durable` survives a power cut too."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
