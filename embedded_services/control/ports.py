"""Which port a process gets: the one it prefers, or the next free one."""

from collections.abc import Callable, Iterable
from itertools import chain

STRIDE = 10
LOWEST = 1024
HIGHEST = 65535


def preferred(base: int, number: int) -> int:
    """3001, 3011, 3021 … for the first, second, third instance of a service whose base is 3001."""
    return base + STRIDE * (number - 1)


def next_free(wanted: int, reserved: Iterable[int], is_free: Callable[[int], bool]) -> int:
    """`wanted` if it is free, else the next that is, leaving alone what others prefer.

    After the highest comes the lowest that anybody may use. Raises OSError if none is free.
    """
    avoid = set(reserved)
    for port in chain(range(wanted, HIGHEST + 1), range(LOWEST, wanted)):
        if (port == wanted or port not in avoid) and is_free(port):
            return port
    raise OSError("there is no free port")
