"""One channel of a connection: its methods, what it published and what it has not acknowledged.

A method is a method of this class, named for it; replies are written to the connection, which sends them after the turn's
commit. Raises `Refusal` for what is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pamqp import base, commands

from embedded_services.broker import frames, refusals, replies
from embedded_services.broker.consumer import Consumer
from embedded_services.broker.content_header import Properties, with_headers
from embedded_services.broker.exchanges import Binding, Destination
from embedded_services.broker.frames import ContentHead
from embedded_services.broker.message import Entry, Message
from embedded_services.broker.queue import DELIVERY_COUNT, Queue
from embedded_services.broker.queue_arguments import wrong_time
from embedded_services.broker.refusals import ConnectionRefusal, Refusal
from embedded_services.broker.vhost import VirtualHost

MAX_MESSAGE: Final = 128 * 1024 * 1024

Basic, Confirm, Exchange = commands.Basic, commands.Confirm, commands.Exchange
QueueMethods, Tx = commands.Queue, commands.Tx


class Peer(Protocol):
    """The connection, as its channels see it."""

    @property
    def can_take(self) -> bool: ...

    @property
    def wants_cancel_notices(self) -> bool: ...

    @property
    def user(self) -> str: ...

    def send(self, channel: int, method: base.Frame | bytes) -> None: ...

    def send_content(self, channel: int, method: bytes, payload: bytes, body: bytes) -> None: ...

    def will_confirm(self, channel: "Channel") -> None:
        """Call `channel.confirm` when the turn is committed."""
        ...


@dataclass(slots=True)
class _Out:
    """A message that is not acknowledged; `consumer` is None when it was asked for by `basic.get`."""

    queue: Queue
    entry: Entry
    consumer: Consumer | None


class _Incoming:
    """A message whose content is still coming."""

    __slots__ = ("head", "method", "pieces", "size")

    def __init__(self, method: commands.Basic.Publish) -> None:
        self.method = method
        self.head: ContentHead | None = None
        self.pieces: list[bytes] = []
        self.size = 0


class Channel:
    def __init__(self, number: int, peer: Peer, vhost: VirtualHost) -> None:
        self.number = number
        self._peer = peer
        self._vhost = vhost
        self._incoming: _Incoming | None = None
        self._out: dict[int, _Out] = {}
        self._consumers: dict[str, Consumer] = {}
        self._last_tag = 0
        self._last_queue = ""
        self._made_tags = 0
        self._prefetch = 0
        self._shared_prefetch = 0
        self._confirming = False
        self._published = 0
        self._confirmed = 0
        self._refused: list[int] = []
        self._marked: tuple[int, list[int]] = (0, [])
        self.closing = False
        """The broker closed it, and waits for the client to say that it knows."""

    # --- frames ---

    def take(self, frame: frames.Frame) -> None:
        """Raises Refusal."""
        if isinstance(frame, base.Frame):
            if self._incoming is not None:
                raise ConnectionRefusal(505, f"expected content header, got method {frame.name} instead")
            handler = _HANDLERS.get(type(frame))
            if handler is None:
                raise ConnectionRefusal(503, "unimplemented method")
            handler(self, frame)
        elif isinstance(frame, ContentHead):
            self._head(frame)
        elif isinstance(frame, bytes):
            self._piece(frame)

    def _head(self, head: ContentHead) -> None:
        incoming = self._incoming
        if incoming is None or incoming.head is not None:
            raise ConnectionRefusal(505, "expected method frame, got content header instead")
        if head.size > MAX_MESSAGE:
            self._incoming = None
            raise Refusal(406, f"message size {head.size} is larger than configured max size {MAX_MESSAGE}")
        incoming.head = head
        if not head.size:
            self._complete(incoming, head, b"")

    def _piece(self, piece: bytes) -> None:
        incoming = self._incoming
        if incoming is None or incoming.head is None:
            raise ConnectionRefusal(505, "expected method frame, got content body instead")
        incoming.size += len(piece)
        if incoming.size > incoming.head.size:
            raise ConnectionRefusal(501, "a body that is longer than its header said")
        incoming.pieces.append(piece)
        if incoming.size == incoming.head.size:
            pieces = incoming.pieces
            self._complete(incoming, incoming.head, pieces[0] if len(pieces) == 1 else b"".join(pieces))

    # --- publishing ---

    def publish(self, method: commands.Basic.Publish) -> None:
        if method.immediate:
            raise refusals.not_implemented("immediate=true")
        self._incoming = _Incoming(method)

    def _complete(self, incoming: _Incoming, head: ContentHead, body: bytes) -> None:
        self._incoming = None
        method = incoming.method
        properties = head.properties
        _check_properties(properties, self._peer.user)
        message = Message(method.exchange, method.routing_key, properties, head.payload, body)
        routed, taken = self._vhost.publish(message)
        if method.mandatory and not routed:
            returned = replies.no_route(method.exchange, method.routing_key)
            self._peer.send_content(self.number, returned, head.payload, body)
        if self._confirming:
            self._published += 1
            if not taken:
                self._refused.append(self._published)
            self._peer.will_confirm(self)

    def confirm_select(self, method: commands.Confirm.Select) -> None:
        self._confirming = True
        if not method.nowait:
            self._send(Confirm.SelectOk())

    def mark(self) -> None:
        """What was published up to now is committed; `confirm` will tell of this, and of nothing later."""
        self._marked = (self._published, self._marked[1] + self._refused)
        self._refused = []

    def confirm(self) -> None:
        """All that was published before the mark is as safe as it can be: say so."""
        published, refused = self._marked
        for tag in refused:
            self._confirm_to(tag - 1)
            self._send(replies.nack(tag))
            self._confirmed = tag
        refused.clear()
        self._confirm_to(published)

    def confirm_all(self) -> None:
        """For the end of a channel: what goes to the client waits for the disk with this."""
        self.mark()
        self.confirm()

    def _confirm_to(self, tag: int) -> None:
        if tag > self._confirmed:
            self._send(replies.ack(tag, multiple=tag - self._confirmed > 1))
            self._confirmed = tag

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
        queue = self._queue(method.queue)
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
        consumer = Consumer(
            tag, queue.name, self, method.no_ack, method.exclusive, self._prefetch, priority, arguments
        )
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
        if self._shared_prefetch and len(self._out) >= self._shared_prefetch:
            return False
        return self._peer.can_take

    def deliver(self, consumer: Consumer, entry: Entry) -> None:
        queue = self._vhost.queues[consumer.queue]
        tag = self._tag(queue, entry, None if consumer.no_ack else consumer, no_ack=consumer.no_ack)
        message = entry.message
        method = replies.deliver(consumer.tag, tag, entry.redelivered, message.exchange, message.routing_key)
        self._peer.send_content(self.number, method, _payload(queue, entry), message.body)

    def cancelled(self, consumer: Consumer) -> None:
        self._consumers.pop(consumer.tag, None)
        if self._peer.wants_cancel_notices:
            self._send(replies.cancel(consumer.tag))

    def get(self, method: commands.Basic.Get) -> None:
        queue = self._queue(method.queue)
        entry = self._vhost.get(queue, no_ack=method.no_ack)
        if entry is None:
            self._send(Basic.GetEmpty())
            return
        tag = self._tag(queue, entry, None, no_ack=method.no_ack)
        message = entry.message
        answer = replies.get_ok(tag, entry.redelivered, message.exchange, message.routing_key, queue.ready)
        self._peer.send_content(self.number, answer, _payload(queue, entry), message.body)

    def _tag(self, queue: Queue, entry: Entry, consumer: Consumer | None, *, no_ack: bool) -> int:
        self._last_tag += 1
        if not no_ack:
            self._out[self._last_tag] = _Out(queue, entry, consumer)
        return self._last_tag

    # --- acknowledging ---

    def ack(self, method: commands.Basic.Ack) -> None:
        for out in self._settle(method.delivery_tag or 0, multiple=method.multiple):
            out.queue.ack(out.entry)

    def nack(self, method: commands.Basic.Nack) -> None:
        self._refuse(self._settle(method.delivery_tag or 0, multiple=method.multiple), requeue=method.requeue)

    def reject(self, method: commands.Basic.Reject) -> None:
        self._refuse(self._settle(method.delivery_tag or 0, multiple=False), requeue=method.requeue)

    def recover(self, method: commands.Basic.Recover) -> None:
        self._recover(method.requeue)
        self._send(Basic.RecoverOk())

    def recover_async(self, method: commands.Basic.RecoverAsync) -> None:
        self._recover(method.requeue)

    def _recover(self, requeue: bool) -> None:
        if not requeue:
            raise refusals.not_implemented("requeue=false")
        self._give_back()

    def _refuse(self, outs: list[_Out], *, requeue: bool) -> None:
        for out in reversed(outs) if requeue else outs:
            if requeue:
                out.queue.requeue(out.entry)
            else:
                out.queue.reject(out.entry)

    def _settle(self, tag: int, *, multiple: bool) -> list[_Out]:
        """Take what is acknowledged, one way or the other; 0 with `multiple` is all there is."""
        if not multiple:
            out = self._out.pop(tag, None)
            if out is None:
                raise refusals.unknown_delivery_tag(tag)
            outs = [out]
        else:
            tags = [known for known in self._out if not tag or known <= tag]
            if tag and (not tags or tag > self._last_tag):
                raise refusals.unknown_delivery_tag(tag)
            outs = [self._out.pop(known) for known in tags]
        for out in outs:
            if out.consumer is not None:
                out.consumer.unacked -= 1
        self.more_room()
        return outs

    def more_room(self) -> None:
        """Its consumers may be able to take more than before."""
        for consumer in self._consumers.values():
            queue = self._vhost.queues.get(consumer.queue)
            if queue is not None and queue.ready:
                self._vhost.active(queue)

    def _give_back(self) -> None:
        outs = list(self._out.values())
        self._out.clear()
        for out in outs:
            if out.consumer is not None:
                out.consumer.unacked -= 1
        for out in reversed(outs):
            out.queue.requeue(out.entry)

    # --- exchanges and queues ---

    def exchange_declare(self, method: commands.Exchange.Declare) -> None:
        if method.passive:
            self._vhost.exchange(method.exchange)
        else:
            self._vhost.declare_exchange(
                method.exchange,
                method.exchange_type,
                durable=method.durable,
                auto_delete=method.auto_delete,
                internal=method.internal,
                arguments=method.arguments or {},
            )
        if not method.nowait:
            self._send(Exchange.DeclareOk())

    def exchange_delete(self, method: commands.Exchange.Delete) -> None:
        self._vhost.delete_exchange(method.exchange, if_unused=method.if_unused)
        if not method.nowait:
            self._send(Exchange.DeleteOk())

    def exchange_bind(self, method: commands.Exchange.Bind) -> None:
        self._vhost.bind(_exchange_binding(method))
        if not method.nowait:
            self._send(Exchange.BindOk())

    def exchange_unbind(self, method: commands.Exchange.Unbind) -> None:
        self._vhost.unbind(_exchange_binding(method))
        if not method.nowait:
            self._send(Exchange.UnbindOk())

    def queue_declare(self, method: commands.Queue.Declare) -> None:
        if method.passive:
            queue = self._queue(method.queue)
        else:
            queue = self._vhost.declare_queue(
                method.queue,
                self._peer,
                durable=method.durable,
                exclusive=method.exclusive,
                auto_delete=method.auto_delete,
                arguments=method.arguments or {},
            )
        self._last_queue = queue.name
        if not method.nowait:
            self._send(replies.declare_ok(queue.name, queue.ready, len(queue.consumers)))

    def queue_bind(self, method: commands.Queue.Bind) -> None:
        self._vhost.bind(self._queue_binding(method))
        if not method.nowait:
            self._send(QueueMethods.BindOk())

    def queue_unbind(self, method: commands.Queue.Unbind) -> None:
        self._vhost.unbind(self._queue_binding(method))
        self._send(QueueMethods.UnbindOk())

    def queue_purge(self, method: commands.Queue.Purge) -> None:
        count = self._queue(method.queue).purge()
        if not method.nowait:
            self._send(QueueMethods.PurgeOk(count))

    def queue_delete(self, method: commands.Queue.Delete) -> None:
        count = 0
        if method.queue in self._vhost.queues or not method.queue:
            queue = self._queue(method.queue)
            if method.if_unused and len(queue.consumers):
                raise refusals.in_use("queue", queue.name)
            if method.if_empty and queue.ready:
                raise refusals.not_empty(queue.name)
            count = self._vhost.delete_queue(queue)
        if not method.nowait:
            self._send(QueueMethods.DeleteOk(count))

    def flow(self, method: commands.Channel.Flow) -> None:
        if not method.active:
            raise refusals.not_implemented("active=false")
        self._send(commands.Channel.FlowOk(True))

    def tx(self, _: base.Frame) -> None:
        raise refusals.not_implemented("transactions: use publisher confirms")

    def _queue(self, name: str) -> Queue:
        return self._vhost.queue(self._queue_name(name), self._peer)

    def _queue_name(self, name: str) -> str:
        """An empty one is that of the queue that was declared last."""
        if not name and not self._last_queue:
            raise Refusal(404, "no previously declared queue")
        return name or self._last_queue

    def _queue_binding(self, method: commands.Queue.Bind | commands.Queue.Unbind) -> Binding:
        name = self._queue_name(method.queue)
        if name in self._vhost.queues:
            self._queue(name)  # it may be another connection's own
        key = method.routing_key or ("" if method.queue else name)
        return Binding(method.exchange, Destination("queue", name), key, dict(method.arguments or {}))

    # --- the end ---

    def close(self) -> None:
        """Its consumers leave, and what they did not acknowledge goes back."""
        self._incoming = None
        consumers = list(self._consumers.values())
        self._consumers.clear()
        for consumer in consumers:
            self._leave(consumer)
        self._give_back()

    def _send(self, method: base.Frame | bytes) -> None:
        self._peer.send(self.number, method)


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


def _exchange_binding(method: commands.Exchange.Bind | commands.Exchange.Unbind) -> Binding:
    destination = Destination("exchange", method.destination)
    return Binding(method.source, destination, method.routing_key, dict(method.arguments or {}))


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
    Exchange.Declare: Channel.exchange_declare,
    Exchange.Delete: Channel.exchange_delete,
    Exchange.Bind: Channel.exchange_bind,
    Exchange.Unbind: Channel.exchange_unbind,
    QueueMethods.Declare: Channel.queue_declare,
    QueueMethods.Bind: Channel.queue_bind,
    QueueMethods.Unbind: Channel.queue_unbind,
    QueueMethods.Purge: Channel.queue_purge,
    QueueMethods.Delete: Channel.queue_delete,
    commands.Channel.Flow: Channel.flow,
    Tx.Select: Channel.tx,
    Tx.Commit: Channel.tx,
    Tx.Rollback: Channel.tx,
}
