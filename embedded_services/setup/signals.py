"""Holds the signals that ask a program to stop while it becomes another one, so that none meets a default action.

A held signal is not lost: it waits, also over `execv`, until it is let through.
"""

import signal

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
STOP = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


def hold() -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP)


def let_through() -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
