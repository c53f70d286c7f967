"""A message that comes in frames: its method, its header, its body in pieces. Pure."""

from dataclasses import dataclass
from typing import Final

from pamqp import commands

from embedded_services.broker.frames import ContentHead
from embedded_services.broker.refusals import ConnectionRefusal, Refusal

MAX_MESSAGE: Final = 128 * 1024 * 1024


@dataclass(slots=True)
class Whole:
    method: commands.Basic.Publish
    head: ContentHead
    body: bytes


class Incoming:
    """Of one channel, on which nothing else may come in between. Raises Refusal for what is not due."""

    def __init__(self) -> None:
        self._method: commands.Basic.Publish | None = None
        self._head: ContentHead | None = None
        self._pieces: list[bytes] = []
        self._size = 0

    @property
    def is_open(self) -> bool:
        """Whether something is still to come."""
        return self._method is not None

    def begin(self, method: commands.Basic.Publish) -> None:
        self._method = method

    def take_head(self, head: ContentHead) -> Whole | None:
        if self._method is None or self._head is not None:
            raise ConnectionRefusal(505, "expected method frame, got content header instead")
        if head.size > MAX_MESSAGE:
            self.drop()
            raise Refusal(406, f"message size {head.size} is larger than configured max size {MAX_MESSAGE}")
        self._head = head
        return None if head.size else self._whole(self._method, head, b"")

    def take_piece(self, piece: bytes) -> Whole | None:
        method, head = self._method, self._head
        if method is None or head is None:
            raise ConnectionRefusal(505, "expected method frame, got content body instead")
        self._size += len(piece)
        if self._size > head.size:
            raise ConnectionRefusal(501, "a body that is longer than its header said")
        if self._size == head.size and not self._pieces:
            return self._whole(method, head, piece)
        self._pieces.append(piece)
        return self._whole(method, head, b"".join(self._pieces)) if self._size == head.size else None

    def _whole(self, method: commands.Basic.Publish, head: ContentHead, body: bytes) -> Whole:
        self.drop()
        return Whole(method, head, body)

    def drop(self) -> None:
        """Nothing more will come of it."""
        self._method = self._head = None
        self._size = 0
        if self._pieces:
            self._pieces = []
