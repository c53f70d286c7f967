"""What the operating system says of this process."""

import contextlib
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class ProcessFigures:
    """`started_at` is seconds since the epoch; `open_files` counts descriptors, null where there are none."""

    cpu_s: float
    resident_bytes: int
    started_at: float
    open_files: int | None


def own_figures() -> ProcessFigures:
    own = psutil.Process()
    files = None
    with own.oneshot():
        spent = own.cpu_times()
        with contextlib.suppress(AttributeError, psutil.Error):  # Windows counts handles
            files = own.num_fds()
        return ProcessFigures(spent.user + spent.system, own.memory_info().rss, own.create_time(), files)
