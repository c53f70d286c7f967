"""Keeps Python's constants alive under a Qt binding that lets go of them more often than it takes hold.

Measured: with PySide 6.12.0 each call of a method without a result drops a reference to None, and each emitted signal
one to True. From Python 3.12 on the constants cannot die; before, the process is aborted ("none_dealloc") after some
thousand calls. PySide 6.11.3 counts right.
"""

import ctypes
import sys
from typing import Final

_MORE: Final = 1 << 48
"""References that are never used up, and leave room to the largest count."""


def keep_constants() -> None:
    """To be called before Qt is used; calling it again does no harm."""
    if sys.version_info >= (3, 12):
        return
    for constant in (None, True, False, NotImplemented, ...):
        if sys.getrefcount(constant) < _MORE // 2:
            ctypes.c_ssize_t.from_address(id(constant)).value += _MORE
