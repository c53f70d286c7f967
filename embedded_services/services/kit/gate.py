"""The write gate: a process is frozen between two transactions, never inside one.

A process that is stopped while it holds the database's write lock blocks its sibling too, so before the control plane
freezes a process it asks for the gate to be held. The gate opens by itself `HOLD_S` after it was asked for, by the
monotonic clock, so that a control plane that forgets, or dies, holds nobody up; a process thawed later finds it open.
"""

import threading
from collections.abc import Callable
from typing import Final

HOLD_S: Final = 0.25


class WriteGate:
    """Passed by the writer thread before each transaction; held from another thread."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._held_until = float("-inf")
        self._busy = False

    def enter(self) -> None:
        """Wait until the gate is open, and count as busy from then on."""
        with self._changed:
            while (left := self._held_until - self._monotonic()) > 0:
                self._changed.wait(left)
            self._busy = True

    def leave(self) -> None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()

    def hold(self) -> None:
        """Let no transaction start, and wait for the one under way to end.

        Raises TimeoutError, with the gate open again, when it does not end within `HOLD_S`.
        """
        with self._changed:
            self._held_until = self._monotonic() + HOLD_S
            if not self._changed.wait_for(lambda: not self._busy, HOLD_S):
                self.release()
                raise TimeoutError(f"a transaction did not end within {HOLD_S} s")

    def release(self) -> None:
        with self._changed:
            self._held_until = float("-inf")
            self._changed.notify_all()
