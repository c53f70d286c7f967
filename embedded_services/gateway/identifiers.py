"""Randomness for ids, cheap enough to draw some for every request."""

import os
from collections.abc import Callable
from typing import Final

_BATCH: Final = 8192


class Identifiers:
    """Hex digits from the operating system's randomness, fetched for a hundred requests at a time."""

    def __init__(self, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._entropy = entropy
        self._digits = ""
        self._at = 0

    def hex(self, digits: int) -> str:
        start = self._at
        end = self._at = start + digits
        if end > len(self._digits):
            self._digits = self._entropy(_BATCH).hex()
            start, end = 0, digits
            self._at = digits
        return self._digits[start:end]
