"""The wish to stop, from the first moment of the program to its last: a signal is remembered, never an interruption.

Imports next to nothing, because it is needed before everything that takes time to import.
"""

import signal
from collections.abc import Callable

from embedded_services.setup.signals import STOP, let_through


class StopRequest:
    """From its making on, SIGINT, SIGTERM and SIGHUP set `asked` and do nothing else but what `notify` was given."""

    def __init__(self) -> None:
        self.asked = False
        self._call: Callable[[], None] | None = None
        self._set(self._remember)
        let_through()

    def notify(self, call: Callable[[], None] | None) -> None:
        """Call this when asked, at once if that has been; it runs between two instructions of the main thread."""
        self._call = call
        if call is not None and self.asked:
            call()

    def finish(self) -> None:
        """The program ends: who still asks has been heard."""
        self._set(signal.SIG_IGN)

    def _remember(self, *_: object) -> None:
        self.asked = True
        if self._call is not None:
            self._call()

    @staticmethod
    def _set(handler: "Callable[..., None] | signal.Handlers") -> None:
        for number in STOP:
            signal.signal(number, handler)
