"""Ends what a previous run left behind. A process is only ever named by pid *and* start time."""

import contextlib
import logging

import psutil

from embedded_services.contracts.runtime import OwnProcess, Runtime

WAIT_S = 2.0

log = logging.getLogger(__name__)


def identify(name: str, pid: int) -> OwnProcess | None:
    """Name a process for good; None if it has ended already."""
    try:
        return OwnProcess(name=name, pid=pid, started_at=psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def still_runs(own: OwnProcess) -> bool:
    """Whether that very process lives."""
    return _find(own) is not None


def end_leftovers(last: Runtime | None) -> list[str]:
    """Kill the processes of `last` that still run, and wait for their end. Returns their names."""
    left = {own.name: process for own in (last.processes if last else []) if (process := _find(own))}
    for process in left.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _, alive = psutil.wait_procs(left.values(), timeout=WAIT_S)
    for process in filter(_lives, alive):
        log.error("process %d of the previous run does not end", process.pid)
    if left:
        log.warning("ended what a previous run left: %s", ", ".join(left))
    return list(left)


def _find(own: OwnProcess) -> psutil.Process | None:
    try:
        process = psutil.Process(own.pid)
        same = abs(process.create_time() - own.started_at) < 0.02
    except (psutil.Error, ValueError):  # ValueError: a number that is no pid
        return None
    return process if same and _lives(process) else None


def _lives(process: psutil.Process) -> bool:
    """A zombie has ended; only nobody has looked, as in a container without an init."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
