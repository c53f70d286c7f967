"""Runs in the forkserver, by being imported there: the one module with import effects.

It makes the promise that nothing outlives its owner (the forkserver dies with the control plane's main thread, each
child with the forkserver), leaves the terminal's process group, and loads what children need, so that a fork starts
with warm imports that all children share.
"""

import gc
import importlib
import os
import pkgutil

from embedded_services.common import platform

_FORKSERVER = os.getpid()
MODULES = ("embedded_services.agent.child", "embedded_services.gateway.process")


def _in_child() -> None:
    platform.die_with_parent()
    if os.getppid() != _FORKSERVER:  # it died between the fork and the line above
        os._exit(1)


def process_modules() -> list[str]:
    """Every module that a child may run."""
    import embedded_services.services as services

    kinds = [module.name for module in pkgutil.iter_modules(services.__path__) if module.name != "kit"]
    return [*MODULES, *(f"{services.__name__}.{kind}.process" for kind in kinds)]


def _serve_as_forkserver() -> None:
    platform.die_with_parent()
    platform.new_session()
    os.register_at_fork(after_in_child=_in_child)
    for name in process_modules():
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


_serve_as_forkserver()
