"""What a channel's client was given and has not acknowledged, by delivery tag. Pure."""

from dataclasses import dataclass
from itertools import takewhile

from embedded_services.broker import refusals
from embedded_services.broker.consumer import Consumer
from embedded_services.broker.message import Entry
from embedded_services.broker.queue import Queue


@dataclass(slots=True)
class Out:
    """`consumer` is None when it was asked for by `basic.get`."""

    queue: Queue
    entry: Entry
    consumer: Consumer | None


class Unacked:
    """Tags only grow, so what is here lies in their order."""

    def __init__(self) -> None:
        self._out: dict[int, Out] = {}
        self._last_tag = 0

    def __len__(self) -> int:
        return len(self._out)

    def tag(self) -> int:
        """For a message that needs no acknowledgement."""
        self._last_tag += 1
        return self._last_tag

    def add(self, out: Out) -> int:
        tag = self.tag()
        self._out[tag] = out
        return tag

    def settle(self, tag: int, *, multiple: bool) -> list[Out]:
        """Take what is acknowledged, one way or the other: up to `tag` with `multiple`, where 0 is all there is. Raises Refusal."""
        if not multiple:
            out = self._out.pop(tag, None)
            if out is None:
                raise refusals.unknown_delivery_tag(tag)
            return _settled([out])
        tags = list(takewhile(lambda known: known <= tag, self._out) if tag else self._out)
        if tag and (not tags or tag > self._last_tag):
            raise refusals.unknown_delivery_tag(tag)
        return _settled([self._out.pop(known) for known in tags])

    def clear(self) -> list[Out]:
        outs = list(self._out.values())
        self._out.clear()
        return _settled(outs)


def _settled(outs: list[Out]) -> list[Out]:
    for out in outs:
        if out.consumer is not None:
            out.consumer.unacked -= 1
    return outs
