"""One channel of a connection: what it publishes, whom it serves, and what they acknowledge.

A method is a method of this class, named for it; those that declare things are `Declarations`'. Replies are written to the
connection, which sends them after the turn's commit. Raises `Refusal` for what is refused.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from pamqp import base, commands

from embedded_services.broker import frames, refusals, replies
from embedded_services.broker.confirms import Confirms
from embedded_services.broker.consumer import Consumer
from embedded_services.broker.content_header import Properties, with_headers
from embedded_services.broker.declarations import Declarations
from embedded_services.broker.frames import ContentHead
from embedded_services.broker.incoming import Incoming, Whole
from embedded_services.broker.message import Entry, Message
from embedded_services.broker.queue import DELIVERY_COUNT, Queue
from embedded_services.broker.queue_arguments import wrong_time
from embedded_services.broker.refusals import ConnectionRefusal, Refusal
from embedded_services.broker.unacked import Out, Unacked
from embedded_services.broker.vhost import VirtualHost

Basic, Confirm, Tx = commands.Basic, commands.Confirm, commands.Tx

LARGE: Final = 256 * 1024
"""Bytes of a body that count as held in memory before they have come."""


class Peer(Protocol):
    """The connection, as its channels see it."""

    @property
    def can_take(self) -> bool: ...

    @property
    def wants_cancel_notices(self) -> bool: ...

    @property
    def user(self) -> str: ...

    @property
    def peer(self) -> str:
        """Where it comes from."""
        ...

    def send(self, channel: int, method: base.Frame | bytes) -> None: ...

    def send_content(self, channel: int, method: bytes, payload: bytes, body: bytes) -> None: ...

    def will_confirm(self, channel: "Channel") -> None:
        """Call `channel.mark` when what it published is committed, and `channel.confirm` when that is on disk."""
        ...


class Channel:
    def __init__(self, number: int, peer: Peer, vhost: VirtualHost) -> None:
        self.number = number
        self._peer = peer
        self._vhost = vhost
        self._declarations = Declarations(vhost, peer, self._send)
        self._incoming = Incoming()
        self._arriving = 0
        self._unacked = Unacked()
        self._consumers: dict[str, Consumer] = {}
        self._made_tags = 0
        self._prefetch = 0
        self._shared_prefetch = 0
        self._confirms: Confirms | None = None
        self.closing = False
        """The broker closed it, and waits for the client to say that it knows."""

    # --- frames ---

    def take(self, frame: frames.Frame) -> None:
        """Raises Refusal."""
        if isinstance(frame, base.Frame):
            if self._incoming.is_open:
                raise ConnectionRefusal(505, f"expected content header, got method {frame.name} instead")
            handler = _HANDLERS.get(type(frame))
            if handler is not None:
                handler(self, frame)
            elif not self._declarations.take(frame):
                raise ConnectionRefusal(503, "unimplemented method")
        elif isinstance(frame, ContentHead):
            whole = self._incoming.take_head(frame)
            if frame.size > LARGE:
                self._arriving = frame.size
                self._vhost.arriving(frame.size)
            self._publish(whole)
        elif isinstance(frame, bytes):
            self._publish(self._incoming.take_piece(frame))

    # --- publishing ---

    def publish(self, method: commands.Basic.Publish) -> None:
        if method.immediate:
            raise refusals.not_implemented("immediate=true")
        self._incoming.begin(method)

    def _publish(self, whole: Whole | None) -> None:
        if whole is None:
            return
        self._arrived()
        method, head, body = whole.method, whole.head, whole.body
        _check_properties(head.properties, self._peer.user)
        message = Message(method.exchange, method.routing_key, head.properties, head.payload, body)
        routed, taken = self._vhost.publish(message)
        if method.mandatory and not routed:
            returned = replies.no_route(method.exchange, method.routing_key)
            self._peer.send_content(self.number, returned, head.payload, body)
        if self._confirms is not None:
            self._confirms.add(taken=taken)
            self._peer.will_confirm(self)

    def _arrived(self) -> None:
        """Nothing large is on its way any more."""
        if self._arriving:
            self._vhost.arriving(-self._arriving)
            self._arriving = 0

    def confirm_select(self, method: commands.Confirm.Select) -> None:
        self._confirms = self._confirms or Confirms()
        if not method.nowait:
            self._send(Confirm.SelectOk())

    def mark(self) -> None:
        """What was published up to now is committed; `confirm` will tell of this, and of nothing later."""
        if self._confirms is not None:
            self._confirms.mark()

    def confirm(self) -> None:
        """All that was published before the mark is as safe as it can be: say so."""
        if self._confirms is not None:
            for answer in self._confirms.due():
                self._send(answer)

    # --- consuming ---

    def qos(self, method: commands.Basic.Qos) -> None:
        if method.prefetch_size:
            raise refusals.not_implemented(f"prefetch_size!=0 ({method.prefetch_size})")
        if method.global_:
            self._shared_prefetch = method.prefetch_count
        else:
            self._prefetch = method.prefetch_count
        self._send(Basic.QosOk())
        self.more_room()

    def consume(self, method: commands.Basic.Consume) -> None:
        queue = self._declarations.queue(method.queue)
        tag = method.consumer_tag
        if tag in self._consumers:
            raise ConnectionRefusal(530, f"attempt to reuse consumer tag '{tag}'")
        if not tag:
            self._made_tags += 1
            tag = f"amq.ctag-{id(self):x}-{self._made_tags}"
        if queue.has_exclusive_consumer or (method.exclusive and len(queue.consumers)):
            raise refusals.in_exclusive_use(queue.name)
        arguments = dict(method.arguments or {})
        priority = arguments.get("x-priority", 0)
        if not isinstance(priority, int) or isinstance(priority, bool):
            raise refusals.no_integer("x-priority", queue.name, priority)
        consumer = Consumer(tag, queue.name, self, method.no_ack, method.exclusive, self._prefetch, priority)
        self._consumers[tag] = consumer
        if not method.nowait:
            self._send(replies.consume_ok(tag))
        queue.add(consumer)

    def cancel(self, method: commands.Basic.Cancel) -> None:
        consumer = self._consumers.pop(method.consumer_tag or "", None)
        if consumer is not None:
            self._leave(consumer)
        if not method.nowait:
            self._send(replies.cancel_ok(method.consumer_tag or ""))

    def _leave(self, consumer: Consumer) -> None:
        queue = self._vhost.queues.get(consumer.queue)
        if queue is not None and consumer in queue.consumers:
            self._vhost.consumer_left(queue, consumer)

    def can_take(self) -> bool:
        if self._shared_prefetch and len(self._unacked) >= self._shared_prefetch:
            return False
        return self._peer.can_take

    def deliver(self, consumer: Consumer, entry: Entry) -> None:
        queue = self._vhost.queues[consumer.queue]
        tag = self._tag(queue, entry, consumer, no_ack=consumer.no_ack)
        message = entry.message
        method = replies.deliver(consumer.tag, tag, entry.redelivered, message.exchange, message.routing_key)
        self._peer.send_content(self.number, method, _payload(queue, entry), message.body)

    def cancelled(self, consumer: Consumer) -> None:
        self._consumers.pop(consumer.tag, None)
        if self._peer.wants_cancel_notices:
            self._send(replies.cancel(consumer.tag))

    def get(self, method: commands.Basic.Get) -> None:
        queue = self._declarations.queue(method.queue)
        entry = self._vhost.get(queue, no_ack=method.no_ack)
        if entry is None:
            self._send(Basic.GetEmpty())
            return
        tag = self._tag(queue, entry, None, no_ack=method.no_ack)
        message = entry.message
        answer = replies.get_ok(tag, entry.redelivered, message.exchange, message.routing_key, queue.ready)
        self._peer.send_content(self.number, answer, _payload(queue, entry), message.body)

    def _tag(self, queue: Queue, entry: Entry, consumer: Consumer | None, *, no_ack: bool) -> int:
        return self._unacked.tag() if no_ack else self._unacked.add(Out(queue, entry, consumer))

    # --- acknowledging ---

    def ack(self, method: commands.Basic.Ack) -> None:
        for out in self._settle(method.delivery_tag or 0, multiple=method.multiple):
            out.queue.ack(out.entry)

    def nack(self, method: commands.Basic.Nack) -> None:
        self._refuse(self._settle(method.delivery_tag or 0, multiple=method.multiple), requeue=method.requeue)

    def reject(self, method: commands.Basic.Reject) -> None:
        self._refuse(self._settle(method.delivery_tag or 0, multiple=False), requeue=method.requeue)

    def _settle(self, tag: int, *, multiple: bool) -> list[Out]:
        outs = self._unacked.settle(tag, multiple=multiple)
        self.more_room()
        return outs

    def _refuse(self, outs: list[Out], *, requeue: bool) -> None:
        if requeue:
            _give_back(outs)
            return
        for out in outs:
            out.queue.reject(out.entry)

    def recover(self, method: commands.Basic.Recover) -> None:
        self.recover_async(method)
        self._send(Basic.RecoverOk())

    def recover_async(self, method: commands.Basic.Recover | commands.Basic.RecoverAsync) -> None:
        if not method.requeue:
            raise refusals.not_implemented("requeue=false")
        _give_back(self._unacked.clear())

    def more_room(self) -> None:
        """Its consumers may be able to take more than before."""
        for consumer in self._consumers.values():
            queue = self._vhost.queues.get(consumer.queue)
            if queue is not None and queue.ready:
                self._vhost.active(queue)

    # --- what is not there, and the end ---

    def flow(self, method: commands.Channel.Flow) -> None:
        if not method.active:
            raise refusals.not_implemented("active=false")
        self._send(commands.Channel.FlowOk(True))

    def tx(self, _: base.Frame) -> None:
        raise refusals.not_implemented("transactions: use publisher confirms")

    def close(self) -> None:
        """Its consumers leave, and what they did not acknowledge goes back."""
        self._incoming.drop()
        self._arrived()
        consumers = list(self._consumers.values())
        self._consumers.clear()
        for consumer in consumers:
            self._leave(consumer)
        _give_back(self._unacked.clear())

    def _send(self, method: base.Frame | bytes) -> None:
        self._peer.send(self.number, method)


def _give_back(outs: Iterable[Out]) -> None:
    for out in reversed(list(outs)):
        out.queue.requeue(out.entry)


def _payload(queue: Queue, entry: Entry) -> bytes:
    """The content header's values; a quorum queue says how often the message came back."""
    message = entry.message
    if not queue.limits.quorum:
        return message.payload
    return with_headers(message.payload, {DELIVERY_COUNT: entry.deliveries}, keep_expiration=True)


def _check_properties(properties: Properties, user: str) -> None:
    expiration = properties.expiration
    if expiration is not None and (why := wrong_time(expiration)):
        raise Refusal(406, f"invalid expiration '{expiration}': {why}")
    if properties.user_id and properties.user_id != user:
        raise Refusal(
            406, f"user_id property set to '{properties.user_id}' but authenticated user was '{user}'"
        )


_HANDLERS: Final[dict[type[base.Frame], Callable[[Channel, Any], None]]] = {
    Basic.Publish: Channel.publish,
    Basic.Ack: Channel.ack,
    Basic.Nack: Channel.nack,
    Basic.Reject: Channel.reject,
    Basic.Recover: Channel.recover,
    Basic.RecoverAsync: Channel.recover_async,
    Basic.Qos: Channel.qos,
    Basic.Consume: Channel.consume,
    Basic.Cancel: Channel.cancel,
    Basic.Get: Channel.get,
    Confirm.Select: Channel.confirm_select,
    commands.Channel.Flow: Channel.flow,
    Tx.Select: Channel.tx,
    Tx.Commit: Channel.tx,
    Tx.Rollback: Channel.tx,
}
