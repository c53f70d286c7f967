"""Processes that are measured or measure: ended with their owner, whatever became of it, and what they take."""

import asyncio
import os
import socket
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psutil

END_S: Final = 2.0


@asynccontextmanager
async def running(
    *command: str,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    stdout: int = DEVNULL,
    quiet: bool = False,
) -> AsyncIterator[Process]:
    """Started; at the end it is asked to stop, and made to if it does not within two seconds.

    `environment` is what it gets besides ours; `quiet` drops its stderr.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=stdout,
        stderr=DEVNULL if quiet else None,
        env={**os.environ, **(environment or {})},
        cwd=folder,
    )
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def output_of(*command: str) -> str:
    """What it writes until it ends. Raises RuntimeError when it ends with another status than 0."""
    async with running(*command, stdout=PIPE) as process:
        out = (await process.communicate())[0].decode()
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} failed with status {process.returncode}: {out}")
    return out


async def until_open(port: int, process: Process, within_s: float = 10.0) -> None:
    """Wait until the process listens on the loopback port. Raises RuntimeError when it ends instead."""
    async with asyncio.timeout(within_s):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"process {process.pid} ended with status {process.returncode}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process and its children have used so far."""
    root = psutil.Process(pid)
    return sum(sum(process.cpu_times()[:2]) for process in (root, *root.children(recursive=True)))


def pss(pid: int) -> int:
    """Bytes of memory that a process takes, of what it shares its part."""
    taken: int = psutil.Process(pid).memory_full_info().pss
    return taken
