"""Ids for requests and traces: random, and cheap enough to make two for every request."""

import os
from collections.abc import Callable
from typing import Final

_BATCH: Final = 4096


class Identifiers:
    """Hex digits from the operating system's randomness, fetched a few hundred ids at a time."""

    def __init__(self, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._entropy = entropy
        self._digits = ""
        self._at = 0

    def hex(self, digits: int) -> str:
        """Never all zeros, which some formats give a meaning."""
        start = self._at
        end = start + digits
        if end > len(self._digits):
            self._digits = self._entropy(_BATCH).hex()
            start, end = 0, digits
        self._at = end
        drawn = self._digits[start:end]
        return drawn if drawn.strip("0") else self.hex(digits)
