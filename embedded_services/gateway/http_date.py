"""The Date field (RFC 9110 §6.6.1), written once a second."""

from email.utils import formatdate


class HttpDate:
    def __init__(self) -> None:
        self._second = -1
        self._text = b""

    def at(self, now: float) -> bytes:
        """`now` is seconds since the epoch."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._text = formatdate(second, usegmt=True).encode()
        return self._text
