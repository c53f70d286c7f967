"""The life of a child process, from birth in the forkserver to its exit: the target of every child.

Exit codes: 0 asked to stop, 98 the port is taken, 1 anything else (the log file says what).
"""

import asyncio
import errno
import gc
import importlib
import logging
import os
import sys
from pathlib import Path
from typing import Final, cast

from embedded_services.agent.context import ChildContext, ChildModule, StartError
from embedded_services.agent.cpu_burn import CpuBurn
from embedded_services.agent.link import AgentLink
from embedded_services.common import platform
from embedded_services.common.clock import SystemClock
from embedded_services.common.logs import log_to_file
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import ChildSpec

EXIT_PORT_TAKEN: Final = 98
EXIT_BY_FAULT = 86
"""Of a process that was made to crash: that is nobody's failure."""

_GARBAGE: Final = (20_000, 20, 20)
"""Requests leave hardly any cycles behind: looking for them thirty times as seldom saved a twentieth of the gateway's
time."""

log = logging.getLogger(__name__)


def run_child(spec: ChildSpec) -> None:
    """Run `spec.module` until SIGTERM. Never returns."""
    platform.watch_owner()
    platform.lower_priority(spec.nice)
    log_path = Path(spec.workspace) / "logs" / f"{spec.id}.log"
    log_to_file(spec.id, log_path)
    _redirect_output(log_path)
    try:
        platform.run(_live(spec))
    except StartError as error:
        log.error("cannot start: %s", error)
        _exit(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            log.error("port %d is taken", spec.port)
            _exit(EXIT_PORT_TAKEN)
        log.exception("ended by an error")
        _exit(1)
    except Exception:
        log.exception("ended by an error")
        _exit(1)
    _exit(0)


def collect_seldom() -> None:
    """Look for cycles as seldom as every child does, and never among what there is by now: what was imported stays."""
    gc.freeze()
    gc.set_threshold(*_GARBAGE)


async def _live(spec: ChildSpec) -> None:
    stop = asyncio.Event()
    platform.on_signals(asyncio.get_running_loop(), platform.stop_signals(), stop.set)
    clock = SystemClock()
    link = AgentLink(spec, clock)
    CpuBurn(link.faults, clock.monotonic)
    module = cast("ChildModule", importlib.import_module(spec.module))
    collect_seldom()
    async with Tasks(spec.id) as tasks, module.serve(ChildContext(spec, link, clock)) as port:
        tasks.spawn(link.run(port), "agent link")
        log.info("serving on port %d, incarnation %d, pid %d", port, spec.incarnation, os.getpid())
        await stop.wait()
        log.info("asked to stop")


def _redirect_output(path: Path) -> None:
    """Standard output belongs to the ready line: whatever a library prints goes to the log file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _exit(code: int) -> None:
    """Leave at once: interpreter shutdown would take longer than a restart may."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
