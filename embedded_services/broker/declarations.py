"""The methods of a channel that make, bind and remove exchanges and queues. Raises `Refusal` for what is refused."""

from collections.abc import Callable
from typing import Any, Final

from pamqp import base, commands

from embedded_services.broker import refusals, replies
from embedded_services.broker.exchanges import Binding, Destination
from embedded_services.broker.queue import Queue
from embedded_services.broker.refusals import Refusal
from embedded_services.broker.vhost import VirtualHost

Exchange, QueueMethods = commands.Exchange, commands.Queue


class Declarations:
    """`asker` is who owns the exclusive queues that are declared here."""

    def __init__(self, vhost: VirtualHost, asker: object, send: Callable[[base.Frame | bytes], None]) -> None:
        self._vhost = vhost
        self._asker = asker
        self._send = send
        self._last_queue = ""

    def take(self, method: base.Frame) -> bool:
        """False for a method that is none of these."""
        handler = _HANDLERS.get(type(method))
        if handler is None:
            return False
        handler(self, method)
        return True

    def queue(self, name: str) -> Queue:
        """An empty name is that of the queue that was declared last."""
        return self._vhost.queue(self._name(name), self._asker)

    def _name(self, name: str) -> str:
        if not name and not self._last_queue:
            raise Refusal(404, "no previously declared queue")
        return name or self._last_queue

    # --- exchanges ---

    def exchange_declare(self, method: commands.Exchange.Declare) -> None:
        if method.passive:
            self._vhost.topology.exchange(method.exchange)
        else:
            self._vhost.topology.declare(
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
        self._vhost.topology.delete(method.exchange, if_unused=method.if_unused)
        if not method.nowait:
            self._send(Exchange.DeleteOk())

    def exchange_bind(self, method: commands.Exchange.Bind) -> None:
        self._vhost.topology.bind(_exchange_binding(method))
        if not method.nowait:
            self._send(Exchange.BindOk())

    def exchange_unbind(self, method: commands.Exchange.Unbind) -> None:
        self._vhost.topology.unbind(_exchange_binding(method))
        if not method.nowait:
            self._send(Exchange.UnbindOk())

    # --- queues ---

    def queue_declare(self, method: commands.Queue.Declare) -> None:
        if method.passive:
            queue = self.queue(method.queue)
        else:
            queue = self._vhost.declare_queue(
                method.queue,
                self._asker,
                durable=method.durable,
                exclusive=method.exclusive,
                auto_delete=method.auto_delete,
                arguments=method.arguments or {},
            )
        self._last_queue = queue.name
        if not method.nowait:
            self._send(replies.declare_ok(queue.name, queue.ready, len(queue.consumers)))

    def queue_bind(self, method: commands.Queue.Bind) -> None:
        self._vhost.topology.bind(self._queue_binding(method))
        if not method.nowait:
            self._send(QueueMethods.BindOk())

    def queue_unbind(self, method: commands.Queue.Unbind) -> None:
        self._vhost.topology.unbind(self._queue_binding(method))
        self._send(QueueMethods.UnbindOk())

    def queue_purge(self, method: commands.Queue.Purge) -> None:
        count = self.queue(method.queue).purge()
        if not method.nowait:
            self._send(QueueMethods.PurgeOk(count))

    def queue_delete(self, method: commands.Queue.Delete) -> None:
        count = 0
        if method.queue in self._vhost.queues or not method.queue:
            queue = self.queue(method.queue)
            if method.if_unused and len(queue.consumers):
                raise refusals.in_use("queue", queue.name)
            if method.if_empty and queue.ready:
                raise refusals.not_empty(queue.name)
            count = self._vhost.delete_queue(queue)
        if not method.nowait:
            self._send(QueueMethods.DeleteOk(count))

    def _queue_binding(self, method: commands.Queue.Bind | commands.Queue.Unbind) -> Binding:
        name = self._name(method.queue)
        if name in self._vhost.queues:
            self.queue(name)  # it may be another connection's own
        key = method.routing_key or ("" if method.queue else name)
        return Binding(method.exchange, Destination("queue", name), key, dict(method.arguments or {}))


def _exchange_binding(method: commands.Exchange.Bind | commands.Exchange.Unbind) -> Binding:
    destination = Destination("exchange", method.destination)
    return Binding(method.source, destination, method.routing_key, dict(method.arguments or {}))


_HANDLERS: Final[dict[type[base.Frame], Callable[[Declarations, Any], None]]] = {
    Exchange.Declare: Declarations.exchange_declare,
    Exchange.Delete: Declarations.exchange_delete,
    Exchange.Bind: Declarations.exchange_bind,
    Exchange.Unbind: Declarations.exchange_unbind,
    QueueMethods.Declare: Declarations.queue_declare,
    QueueMethods.Bind: Declarations.queue_bind,
    QueueMethods.Unbind: Declarations.queue_unbind,
    QueueMethods.Purge: Declarations.queue_purge,
    QueueMethods.Delete: Declarations.queue_delete,
}
