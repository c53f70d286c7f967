"""The channels of one connection: opened and closed by either side, and given the frames that are theirs."""

import logging
from typing import Protocol

from pamqp import base, commands

from embedded_services.broker import frames
from embedded_services.broker.channel import Channel, Peer
from embedded_services.broker.refusals import ConnectionRefusal, Refusal
from embedded_services.broker.vhost import VirtualHost

Methods = commands.Channel

log = logging.getLogger(__name__)


class Owner(Peer, Protocol):
    """The connection, as the set of its channels sees it."""

    @property
    def channel_max(self) -> int: ...

    def confirm_early(self, channel: Channel) -> None:
        """The channel ends: before that is told, what was published on it is confirmed."""
        ...


class Channels:
    def __init__(self, owner: Owner, vhost: VirtualHost) -> None:
        self._owner = owner
        self._vhost = vhost
        self._open: dict[int, Channel] = {}

    def take(self, number: int, frame: frames.Frame) -> None:
        """What a client may not do ends its channel, or raises ConnectionRefusal."""
        channel = self._open.get(number)
        if channel is None:
            self._begin(number, frame)
        elif channel.closing:
            if isinstance(frame, Methods.Close):
                self._owner.send(number, Methods.CloseOk())
            if isinstance(frame, Methods.Close | Methods.CloseOk):
                del self._open[number]
        elif isinstance(frame, Methods.Close):
            channel.close()
            del self._open[number]
            self._owner.confirm_early(channel)
            self._owner.send(number, Methods.CloseOk())
        elif isinstance(frame, Methods.Open):
            raise ConnectionRefusal(504, "second 'channel.open' seen")
        else:
            self._give(channel, frame)

    def _begin(self, number: int, frame: frames.Frame) -> None:
        if isinstance(frame, Methods.CloseOk):
            return
        if not isinstance(frame, Methods.Open):
            raise ConnectionRefusal(504, "expected 'channel.open'")
        most = self._owner.channel_max
        if number > most:
            raise ConnectionRefusal(
                530,
                f"number of channels opened ({len(self._open)}) has reached the negotiated channel_max ({most})",
            )
        self._open[number] = Channel(number, self._owner, self._vhost)
        self._owner.send(number, Methods.OpenOk())

    def _give(self, channel: Channel, frame: frames.Frame) -> None:
        try:
            channel.take(frame)
        except ConnectionRefusal:
            raise
        except Refusal as refusal:
            log.info("%s: channel %d: %s", self._owner.peer, channel.number, refusal)
            self._owner.confirm_early(channel)
            channel.closing = True
            channel.close()
            self._owner.send(channel.number, Methods.Close(refusal.code, refusal.text, *ids_of(frame)))

    def more_room(self) -> None:
        """The client may be able to take more than before."""
        for channel in self._open.values():
            channel.more_room()

    def close_all(self) -> None:
        """Without a word to the client."""
        for channel in list(self._open.values()):
            channel.close()
        self._open.clear()


def ids_of(frame: frames.Frame | None) -> tuple[int, int]:
    """The class and the method that a refusal is about."""
    if not isinstance(frame, base.Frame):
        return (0, 0) if frame is None else (frames.BASIC_CLASS, 40)
    return frame.index >> 16, frame.index & 0xFFFF
