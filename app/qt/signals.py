"""Ctrl-C and `kill` close the window as its cross does: in order, with everything stopped."""

import signal
import socket
from collections.abc import Callable

from PySide6.QtCore import QObject, QSocketNotifier

from embedded_services.common import platform


def close_on_signals(parent: QObject, close: Callable[[], None]) -> None:
    """Call `close` in the GUI thread when the system asks the process to end.

    Python answers a signal only when it next runs; the notifier on the wake-up socket makes it run.
    """
    wake, woken = socket.socketpair()
    for end in (wake, woken):
        end.setblocking(False)
    for number in platform.stop_signals():
        signal.signal(number, lambda *_: close())
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    notifier = QSocketNotifier(woken.fileno(), QSocketNotifier.Type.Read, parent)
    notifier.activated.connect(lambda *_: woken.recv(64))

    def restore() -> None:
        signal.set_wakeup_fd(-1)
        wake.close()
        woken.close()

    parent.destroyed.connect(restore)
