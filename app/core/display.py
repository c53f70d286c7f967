"""Whether a window can be shown here, found out before Qt is: Qt ends the process when it cannot.

Looks for the libraries that Qt loads and for a display that answers. No Qt.
"""

import ctypes
import os
import sys
from pathlib import Path

from embedded_services.setup.system_packages import missing_line

_WITHOUT_SCREEN = ("offscreen", "minimal", "vnc", "linuxfb", "eglfs")


def what_is_missing() -> str:
    """One line that says what is missing and what to do; empty when nothing is."""
    if not sys.platform.startswith("linux"):
        return ""
    if line := missing_line("window"):
        return line
    return (
        ""
        if os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0] in _WITHOUT_SCREEN
        else _display_problem()
    )


def _display_problem() -> str:
    wayland, x11 = _wayland_socket(), os.environ.get("DISPLAY")
    if wayland is not None and wayland.exists():
        return ""
    if not x11:
        return (
            "there is no display to open a window on (neither WAYLAND_DISPLAY nor DISPLAY is set); start it from a "
            "desktop session, or run the system without a window: python3 -m embedded_services"
        )
    if not _x11_answers():
        return (
            f"the display {x11} does not answer; check DISPLAY (and, over SSH, -X), or run the system without a "
            "window: python3 -m embedded_services"
        )
    return ""


def _wayland_socket() -> Path | None:
    name = os.environ.get("WAYLAND_DISPLAY")
    return Path(os.environ.get("XDG_RUNTIME_DIR", "/run"), name) if name else None


def _x11_answers() -> bool:
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return False
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    answers = not xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return answers
