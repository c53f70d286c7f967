"""What a connection has to say, and when it may be said. Pure.

Nothing leaves before the turn that it came from is committed; confirms wait for the disk besides. Those are made only when
the disk has what they confirm, so what else there is need not wait for them, except on a channel that ends: its confirms
come before the news of its end, and all output behind them waits with them.
"""

from typing import Protocol


class Confirming(Protocol):
    """A channel, as far as it answers its publisher."""

    def mark(self) -> None:
        """What was published up to now is committed."""
        ...

    def confirm(self) -> None:
        """The disk has what was published before the mark: put the answers among the output."""
        ...


class Outflow:
    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self.size = 0
        self._confirming: dict[Confirming, None] = {}
        self._marked: dict[Confirming, None] = {}
        self._early = False
        """Among the output are confirms that no mark covers yet."""
        self._marked_early = False

    @property
    def is_empty(self) -> bool:
        return not self._frames

    def add(self, data: bytes) -> None:
        self._frames.append(data)
        self.size += len(data)

    def will_confirm(self, channel: Confirming) -> None:
        self._confirming[channel] = None

    def confirm_early(self, channel: Confirming) -> None:
        """The channel ends: what was published before is confirmed first."""
        if channel in self._confirming or channel in self._marked:
            self._confirming.pop(channel, None)
            self._marked.pop(channel, None)
            channel.mark()
            channel.confirm()
            self._early = True

    def confirm_nothing_more(self) -> None:
        self._confirming.clear()
        self._marked.clear()

    # --- the end of a turn ---

    @property
    def waits_for_disk(self) -> bool:
        """Something is to be confirmed that no mark covers."""
        return bool(self._confirming) or self._early

    def mark(self) -> None:
        """What came up to now is committed, and the disk is asked to keep it."""
        for channel in self._confirming:
            channel.mark()
        self._marked.update(self._confirming)
        self._confirming.clear()
        self._marked_early |= self._early
        self._early = False

    def confirm(self) -> None:
        """What was there at the mark is on disk."""
        for channel in self._marked:
            channel.confirm()
        self._marked.clear()
        self._marked_early = False

    def take(self) -> bytes:
        """What may be said now that the turn is committed."""
        if self._early or self._marked_early or not self._frames:
            return b""
        frames, self._frames = self._frames, []
        self.size = 0
        return b"".join(frames)
