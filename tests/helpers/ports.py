"""Ports that nobody else on this machine takes: each process of tests has a block of its own, below those that the kernel
hands out.

Whoever looks for a port, gives it back and takes it again a second later can lose it in between, to a test beside it or
to a connection that goes out. Out of a block one port after the other is given, and none soon again. A block is held by
listening on its first port, until the process ends.
"""

import functools
import itertools
import socket

from embedded_services.common.platform import listening_socket, port_is_free

HOST = "127.0.0.1"
LOWEST, LENGTH, BLOCKS = 9_000, 2_000, 11
SINGLE = range(1_000, LENGTH)
"""Where in a block the ports are that are given one by one; those before are for whole systems."""


@functools.cache
def _held() -> socket.socket:
    """The first block that nobody holds. Raises OSError if all are held."""
    for block in range(BLOCKS):
        try:
            claim = listening_socket(HOST, LOWEST + LENGTH * block)
        except OSError:
            continue
        try:
            claim.listen(1)
        except OSError:
            claim.close()
            continue
        return claim
    raise OSError(f"all {BLOCKS} blocks of ports are held by others")


@functools.cache
def _turn() -> "itertools.cycle[int]":
    return itertools.cycle(own_ports() + offset for offset in SINGLE)


def own_ports() -> int:
    """The first port of the block that this process holds."""
    return int(_held().getsockname()[1])


def free_port() -> int:
    """One that nobody listens on, and that nobody but who asked is about to."""
    return next(port for port in itertools.islice(_turn(), len(SINGLE)) if port_is_free(HOST, port))
