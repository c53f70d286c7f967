"""Runs in the forkserver, by being imported there: the one module with import effects.

It makes the promise that nothing outlives its owner (the forkserver dies with the control plane's main thread, each
child with the forkserver), leaves the terminal's process group, and loads what children need, so that a fork starts
with warm imports that all children share.
"""

import importlib
import os
import signal

from embedded_services.common import platform
from embedded_services.common.importing import importing
from embedded_services.control.kinds import kinds, module_of
from embedded_services.setup import signals

_FORKSERVER = os.getpid()
MODULES = (
    "embedded_services.agent.child",
    "embedded_services.broker.process",
    "embedded_services.gateway.process",
    "embedded_services.sagas.process",
    "embedded_services.traffic.process",
)


def _in_child() -> None:
    platform.die_with_parent()
    if os.getppid() != _FORKSERVER:  # it died between the fork and the line above
        os._exit(1)


def process_modules() -> list[str]:
    """Every module that a child may run."""
    return [*MODULES, *(module_of(kind) for kind in sorted(kinds()))]


def _drop_held_signals() -> None:
    """What was sent to the terminal's group while we were in it was not meant for us."""
    for number in signals.STOP:
        signal.signal(number, signal.SIG_IGN)
    signals.let_through()
    for number in signals.STOP:
        if number != signal.SIGINT:  # which the forkserver ignores for good
            signal.signal(number, signal.SIG_DFL)


def _serve_as_forkserver() -> None:
    platform.die_with_parent()
    platform.new_session()
    _drop_held_signals()
    os.register_at_fork(after_in_child=_in_child)
    with importing():
        for name in process_modules():
            importlib.import_module(name)
        platform.loop_factory()  # loads the loop's library


_serve_as_forkserver()
