import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from embedded_services.common import platform

linux = pytest.mark.skipif(not platform.LINUX, reason="Linux's own")
freezing = pytest.mark.skipif(not platform.can_freeze(), reason="needs SIGSTOP")


def idle_process() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)


def test_port_is_held_by_its_socket_and_free_after_it() -> None:
    with platform.listening_socket("127.0.0.1", 0) as held:
        held.listen()
        port = held.getsockname()[1]
        assert not platform.port_is_free("127.0.0.1", port)
        with pytest.raises(OSError, match=r"[Aa]ddress already in use"):
            platform.listening_socket("127.0.0.1", port)
    assert platform.port_is_free("127.0.0.1", port)


def test_port_of_a_finished_conversation_is_free() -> None:
    with platform.listening_socket("127.0.0.1", 0) as server:
        server.listen()
        server.setblocking(True)
        with socket.create_connection(server.getsockname()) as client:
            accepted, _ = server.accept()
            accepted.close()  # the side that closes first keeps TIME_WAIT
            assert client.recv(1) == b""
        port = server.getsockname()[1]
    assert platform.port_is_free("127.0.0.1", port)


def test_lock_keeps_another_holder_out_until_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("a+b") as first, path.open("a+b") as second:
        with platform.exclusive(first), pytest.raises(BlockingIOError), platform.exclusive(second):
            pass
        with platform.exclusive(second):
            pass


def test_private_file_is_for_its_owner_and_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    platform.private_file(path, b"one")
    platform.private_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["secret"]


@freezing
def test_frozen_process_stands_still_until_thawed() -> None:
    process = idle_process()
    platform.freeze(process.pid)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    platform.thaw(process.pid)
    _, status = os.waitpid(process.pid, os.WCONTINUED)
    assert os.WIFCONTINUED(status)
    platform.kill(process.pid)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


async def test_exit_of_a_process_is_told_in_the_loop() -> None:
    process = idle_process()
    told = asyncio.Event()
    descriptor = os.pidfd_open(process.pid) if platform.LINUX else None
    if descriptor is None:
        pytest.skip("multiprocessing's sentinel is what others watch")
    platform.watch_exit(asyncio.get_running_loop(), descriptor, told.set)
    process.kill()
    await asyncio.wait_for(told.wait(), 5)
    os.close(descriptor)
    process.communicate()


@linux
def test_process_dies_with_the_one_that_started_it() -> None:
    """Even one that is frozen, and even if its parent is killed."""
    child = (
        "import os, signal; from embedded_services.common import platform; platform.die_with_parent();"
        "print(flush=True); os.kill(os.getpid(), signal.SIGSTOP)"
    )
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        assert process.stdout.read() == b""  # the last writer, which is frozen, has ended


async def test_signal_runs_its_handler_in_the_loop() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGTERM)
    platform.on_signals(loop, [signal.SIGTERM], told.set)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(told.wait(), 5)
    loop.remove_signal_handler(signal.SIGTERM)
    signal.signal(signal.SIGTERM, before)


def test_platform_s_loop_runs_a_coroutine() -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    assert platform.run(answer()) == 42
