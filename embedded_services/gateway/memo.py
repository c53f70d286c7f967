"""A function of a header field's name or value that remembers its answers, up to a bound: honest traffic has few."""

from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

REMEMBERED: Final = 4096
_LONGEST: Final = 128


class Memo(dict[bytes, T]):
    """`memo[text]` is `function(text)`."""

    def __init__(self, function: Callable[[bytes], T]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, text: bytes) -> T:
        value = self._function(text)
        if len(text) <= _LONGEST:
            if len(self) >= REMEMBERED:  # what is asked for often is soon known again
                self.clear()
            self[text] = value
        return value
