"""Finds what a test left running: asyncio tasks, and processes of the whole session."""

import asyncio

import psutil

GRACE_S = 0.5


async def leaked_tasks() -> list[str]:
    """The tasks of this loop besides the caller's that do not end by themselves within the grace; they are cancelled."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if not others:
        return []
    _, left = await asyncio.wait(others, timeout=GRACE_S)
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=GRACE_S)
    return sorted(repr(task) for task in left)


def leaked_processes() -> list[str]:
    """The children of this process that still run; they are killed.

    multiprocessing's resource tracker and forkserver are its own, and end with this process. A forkserver's children
    look like it, but are not ours directly.
    """
    own = psutil.Process()
    found = []
    for process in own.children(recursive=True):
        try:
            line = " ".join(process.cmdline())
            helper = "multiprocessing.resource_tracker" in line or "multiprocessing.forkserver" in line
            if (helper and process.ppid() == own.pid) or process.status() == psutil.STATUS_ZOMBIE:
                continue
            found.append(f"{process.pid} {line}")
            process.kill()
        except psutil.NoSuchProcess:
            continue
    return found
