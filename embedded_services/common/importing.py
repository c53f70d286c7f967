"""Imports that cost no more than they must, when a process starts and nothing else goes on in it."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LEFT_OUT = "httpx._main"
_CERTIFICATES = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}


@contextmanager
def importing() -> Iterator[None]:
    """Around the imports that take long, in a process that has one thread.

    Nobody looks for garbage, of which imports make next to none, nor ever looks through what was imported: that saves a
    sixth. And aiohttp reads the system's certificates as it is imported, 50 ms and 2 MB in each process, for connections
    that never leave this machine; here it finds none. Who leaves the machine through it brings a TLS context of his own.
    httpx does without its command line, whose libraries take longer than its own where they happen to be installed.
    """
    collects = gc.isenabled()
    gc.disable()
    given = {name: os.environ.get(name) for name in _CERTIFICATES}
    os.environ.update(_CERTIFICATES)
    hidden = _LEFT_OUT not in sys.modules
    if hidden:
        sys.modules[_LEFT_OUT] = None  # type: ignore[assignment]  # as documented: not to be found
    try:
        yield
    finally:
        if hidden:
            del sys.modules[_LEFT_OUT]
        for name, value in given.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        gc.freeze()
        if collects:
            gc.enable()
