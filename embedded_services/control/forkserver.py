"""The process that children are forked from, with their imports loaded. It is started first of all, and knows next to no imports
itself: it loads the children's while this process loads its own.
"""

import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
from multiprocessing.context import BaseContext
from pathlib import Path

from embedded_services.common import platform
from embedded_services.setup import signals

PRELOAD = "embedded_services.control.preload"


def prepare() -> BaseContext:
    """Start the forkserver and return the context that starts processes through it. To be called in the main thread: the
    forkserver dies with the thread that started it."""
    context = multiprocessing.get_context(platform.start_method())
    if platform.start_method() == "forkserver":
        _make_importable()
        multiprocessing.set_forkserver_preload([PRELOAD])
        multiprocessing.resource_tracker.ensure_running()  # by itself: it lets signals through
        signals.hold()  # a Ctrl-C at the terminal reaches the forkserver too, until it has left the group
        multiprocessing.forkserver.ensure_running()
        signals.let_through()
    return context


def _make_importable() -> None:
    """The forkserver is a Python of its own: it must find this package wherever the current folder is."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if root not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([root, *paths])
