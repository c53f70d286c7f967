"""The virtual host `/`: exchanges, queues and bindings, and the way of a message through them.

Everything that can be refused raises `Refusal` and has changed nothing then. What is to survive goes to the store as it
happens; the caller commits once a turn, and lets nobody hear of anything before.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from embedded_services.broker import dead_letters, refusals
from embedded_services.broker.consumer import Consumer
from embedded_services.broker.exchanges import KINDS, Binding, Destination, Exchange
from embedded_services.broker.message import ENTRY_BYTES, Entry, Message
from embedded_services.broker.queue import Queue
from embedded_services.broker.queue_arguments import differing, understand
from embedded_services.broker.refusals import ConnectionRefusal, Refusal
from embedded_services.broker.store import Store

DEFAULT: Final = ""
PREDECLARED: Final = {
    "amq.direct": "direct",
    "amq.fanout": "fanout",
    "amq.topic": "topic",
    "amq.headers": "headers",
    "amq.match": "headers",
}


class VirtualHost:
    """`now` is seconds since the epoch, as it is kept in the store."""

    def __init__(self, store: Store, now: Callable[[], float], changed: Callable[[], None]) -> None:
        """`changed` is told that there is something to deliver or to commit."""
        self._store = store
        self._now = now
        self._changed = changed
        self.exchanges: dict[str, Exchange] = {DEFAULT: Exchange(DEFAULT, "direct", True)}
        for name, kind in PREDECLARED.items():
            self.exchanges[name] = Exchange(name, kind, True)
        self.queues: dict[str, Queue] = {}
        self._bound: dict[Destination, set[tuple[str, Destination, str, str]]] = {}
        self._active: dict[str, Queue] = {}
        self._wakes: dict[str, float] = {}
        self._last_number = 0
        self._recover()

    def _recover(self) -> None:
        for exchange in self._store.exchanges():
            self.exchanges[exchange.name] = exchange
        for stored in self._store.queues():
            queue = Queue(
                self,
                stored.number,
                stored.name,
                durable=True,
                auto_delete=stored.auto_delete,
                owner=None,
                arguments=stored.arguments,
                limits=understand(stored.name, stored.arguments),
            )
            self.queues[stored.name] = queue
            self._last_number = max(self._last_number, stored.number)
            queue.recover(stored.messages, stored.size, stored.last_seq, stored.delivered_to)
            queue.used(self._now())
            self._active[queue.name] = queue
        for binding in self._store.bindings():
            self._join(binding)

    # --- exchanges ---

    def exchange(self, name: str) -> Exchange:
        known = self.exchanges.get(name)
        if known is None:
            raise refusals.not_found("exchange", name)
        return known

    def declare_exchange(
        self,
        name: str,
        kind: str,
        *,
        durable: bool,
        auto_delete: bool,
        internal: bool,
        arguments: Mapping[str, Any],
    ) -> None:
        if name == DEFAULT:
            raise refusals.default_exchange()
        if kind not in KINDS:
            raise ConnectionRefusal(503, f"unknown exchange type '{kind}'")
        known = self.exchanges.get(name)
        if known is not None:
            _same_exchange(known, kind, durable, auto_delete, internal, arguments)
            return
        if name.startswith("amq."):
            raise refusals.reserved("exchange", name)
        alternate = arguments.get("alternate-exchange")
        if alternate is not None and not isinstance(alternate, str):
            raise refusals.invalid_type("alternate-exchange", "exchange", name, alternate)
        exchange = Exchange(name, kind, durable, auto_delete, internal, dict(arguments))
        self.exchanges[name] = exchange
        if durable:
            self._store.add_exchange(exchange)
            self._changed()

    def delete_exchange(self, name: str, *, if_unused: bool) -> None:
        """One that is not there is deleted already."""
        if name == DEFAULT:
            raise refusals.default_exchange()
        if name in PREDECLARED:
            raise refusals.system_exchange(name)
        exchange = self.exchanges.get(name)
        if exchange is None:
            return
        if if_unused and exchange.bindings:
            raise refusals.in_use("exchange", name)
        self._drop_exchange(exchange)

    def _drop_exchange(self, exchange: Exchange) -> None:
        del self.exchanges[exchange.name]
        for binding in list(exchange.bindings.values()):
            self._part(binding)
        self._unbind_all(Destination("exchange", exchange.name))
        if exchange.durable:
            self._store.drop_exchange(exchange.name)
            self._changed()

    # --- bindings ---

    def bind(self, binding: Binding) -> None:
        self._check_ends(binding)
        if self.exchange(binding.source).kind == "headers":
            how = binding.arguments.get("x-match", "all")
            if how not in ("all", "any", "all-with-x", "any-with-x"):
                raise Refusal(406, f"Invalid x-match field value '{how}'; expected all or any")
        if self._join(binding) and self._is_durable(binding):
            self._store.add_binding(binding)
            self._changed()

    def unbind(self, binding: Binding) -> None:
        """One that is not there is taken away already, also when an end of it is not there."""
        if DEFAULT in (binding.source, binding.destination.name):
            raise refusals.default_exchange()
        if binding.source in self.exchanges:
            self._part(binding)

    def _check_ends(self, binding: Binding) -> None:
        kind, name = binding.destination
        if kind == "queue":
            if name not in self.queues:
                raise refusals.not_found("queue", name)
        elif name == DEFAULT:
            raise refusals.default_exchange()
        else:
            self.exchange(name)
        if binding.source == DEFAULT:
            raise refusals.default_exchange()
        self.exchange(binding.source)

    def _join(self, binding: Binding) -> bool:
        if not self.exchanges[binding.source].bind(binding):
            return False
        self._bound.setdefault(binding.destination, set()).add(binding.key)
        return True

    def _part(self, binding: Binding) -> None:
        source = self.exchanges.get(binding.source)
        if source is not None:
            known = source.unbind(binding)
            if known is None:
                return
            binding = known
        keys = self._bound.get(binding.destination)
        if keys is not None:
            keys.discard(binding.key)
            if not keys:
                del self._bound[binding.destination]
        self._store.drop_binding(binding)
        self._changed()
        if source is not None and source.auto_delete and not source.bindings:
            self._drop_exchange(source)

    def _unbind_all(self, destination: Destination) -> None:
        for key in list(self._bound.get(destination, ())):
            source = self.exchanges.get(key[0])
            if source is not None and (binding := source.bindings.get(key)) is not None:
                self._part(binding)
        self._bound.pop(destination, None)

    def _is_durable(self, binding: Binding) -> bool:
        kind, name = binding.destination
        to = self.queues[name].durable if kind == "queue" else self.exchanges[name].durable
        return to and self.exchanges[binding.source].durable

    # --- queues ---

    def queue(self, name: str, asker: object) -> Queue:
        """Raises Refusal when there is none, or when it is another connection's own."""
        known = self.queues.get(name)
        if known is None:
            raise refusals.not_found("queue", name)
        if known.owner is not None and known.owner is not asker:
            raise refusals.locked(name)
        return known

    def declare_queue(
        self,
        name: str,
        asker: object,
        *,
        durable: bool,
        exclusive: bool,
        auto_delete: bool,
        arguments: Mapping[str, Any],
    ) -> Queue:
        known = self.queues.get(name) if name else None
        if known is not None:
            self.queue(name, asker)
            _same_queue(known, durable, exclusive, auto_delete, arguments)
            known.used(self._now())
            self.active(known)
            return known
        if name.startswith("amq."):
            raise refusals.reserved("queue", name)
        name = name or f"amq.gen-{secrets.token_urlsafe(16)}"
        limits = understand(name, arguments)
        if limits.quorum and (not durable or exclusive or auto_delete):
            prop = "non-durable" if not durable else "exclusive-owner" if exclusive else "auto-delete"
            raise Refusal(406, f"invalid property '{prop}' for queue '{name}' in vhost '/'")
        self._last_number += 1
        queue = Queue(
            self,
            self._last_number,
            name,
            durable=durable and not exclusive,
            auto_delete=auto_delete,
            owner=asker if exclusive else None,
            arguments=dict(arguments),
            limits=limits,
        )
        queue.declared_durable = durable
        self.queues[name] = queue
        queue.used(self._now())
        self.active(queue)
        if queue.durable:
            self._store.add_queue(queue.number, name, auto_delete, arguments)
        return queue

    def delete_queue(self, queue: Queue) -> int:
        """With all that is in it and all that leads to it. Returns how many messages were ready."""
        if self.queues.get(queue.name) is not queue:
            return 0
        count = queue.ready
        del self.queues[queue.name]
        self._active.pop(queue.name, None)
        self._wakes.pop(queue.name, None)
        self._unbind_all(Destination("queue", queue.name))
        self._store.drop_queue(queue.number)
        for consumer in queue.consumers:
            queue.consumers.remove(consumer)
            consumer.outlet.cancelled(consumer)
        self._changed()
        return count

    def consumer_left(self, queue: Queue, consumer: Consumer) -> None:
        """An auto-delete queue goes with its last one."""
        queue.remove(consumer)
        queue.used(self._now())
        if queue.auto_delete and not len(queue.consumers):
            self.delete_queue(queue)

    def get(self, queue: Queue, *, no_ack: bool) -> Entry | None:
        now = self._now()
        queue.used(now)
        self.active(queue)
        return queue.get(now, no_ack=no_ack)

    def connection_left(self, asker: object) -> None:
        """Its exclusive queues go with it."""
        for queue in [queue for queue in self.queues.values() if queue.owner is asker]:
            self.delete_queue(queue)

    # --- the way of a message ---

    def publish(self, message: Message) -> tuple[bool, bool]:
        """Whether any queue was found for it, and whether all that were took it. Raises Refusal."""
        exchange = self.exchange(message.exchange)
        if exchange.internal:
            raise refusals.internal_exchange(exchange.name)
        return self._spread(exchange, message)

    def _spread(self, exchange: Exchange, message: Message, *, dead: bool = False) -> tuple[bool, bool]:
        queues = self._route(exchange, message)
        if not queues:
            return False, True
        now, taken = self._now(), True
        for queue in queues:
            if dead and dead_letters.goes_in_circles(message, queue.name):
                continue
            taken = queue.publish(message, now) and taken
        self._changed()
        return True, taken

    def _route(self, exchange: Exchange, message: Message) -> list[Queue]:
        if exchange.name == DEFAULT:
            queue = self.queues.get(message.routing_key)
            return [queue] if queue is not None else []
        found: dict[str, Queue] = {}
        seen = {exchange.name}
        todo = [exchange]
        while todo:
            here = todo.pop()
            matched = False
            for kind, name in here.match(message.routing_key, message.headers):
                matched = True
                if kind == "queue":
                    found[name] = self.queues[name]
                elif name not in seen:
                    seen.add(name)
                    todo.append(self.exchanges[name])
            alternate = here.alternate
            if not matched and alternate is not None and alternate not in seen:
                seen.add(alternate)
                if (following := self.exchanges.get(alternate)) is not None:
                    if following.name == DEFAULT and (queue := self.queues.get(message.routing_key)):
                        found[queue.name] = queue
                    todo.append(following)
        return list(found.values())

    def dead_letter(self, queue: Queue, message: Message, reason: str) -> None:
        """Give a message that `queue` gave up to its dead letter exchange; it is lost when there is none, as told."""
        name = queue.limits.dead_letter_exchange
        exchange = self.exchanges.get(name) if name is not None else None
        if exchange is None:
            return
        key = queue.limits.dead_letter_routing_key
        dead = dead_letters.dead_letter(message, queue.name, reason, self._now(), exchange.name, key)
        self._spread(exchange, dead, dead=True)

    def pump(self) -> None:
        """Push to consumers all that they can take."""
        while self._active:
            queues, self._active = self._active, {}
            now = self._now()
            for queue in queues.values():
                if self.queues.get(queue.name) is queue:
                    queue.pump(now)
                    self._note_wake(queue)

    @property
    def has_more(self) -> bool:
        """Whether there is something to pump again."""
        return bool(self._active)

    def _note_wake(self, queue: Queue) -> None:
        at = queue.next_wake()
        if at is None:
            self._wakes.pop(queue.name, None)
        else:
            self._wakes[queue.name] = at

    def next_wake(self) -> float | None:
        """When `wake` is to be called, seconds since the epoch; None when time alone changes nothing."""
        return min(self._wakes.values(), default=None)

    def wake(self) -> None:
        """Time has passed: give up what is too old."""
        now = self._now()
        for name in [name for name, at in self._wakes.items() if at <= now]:
            queue = self.queues.get(name)
            if queue is None:
                del self._wakes[name]
            elif queue.is_expired(now):
                self.delete_queue(queue)
            else:
                self.active(queue)

    def bytes_in_memory(self) -> int:
        """Of all messages, the ones that are out included."""
        return sum(
            queue.backlog.bytes_in_memory + queue.unacked_bytes + queue.unacked * ENTRY_BYTES
            for queue in self.queues.values()
        )

    # --- QueueHost: what queues need of us ---

    def insert(self, queue: Queue, entry: Entry, *, kept: bool) -> None:
        self._store.insert(queue.number, entry, kept=kept)

    def delete(self, queue: Queue, entry: Entry) -> None:
        self._store.delete(queue.number, entry)
        self._changed()

    def returned(self, queue: Queue, entry: Entry) -> None:
        self._store.returned(queue.number, entry)

    def delivered(self, queue: Queue, seq: int) -> None:
        self._store.delivered(queue.number, seq)

    def load(self, queue: Queue, after: int, limit: int, most_bytes: int) -> list[Entry]:
        return self._store.load(queue.number, after, limit, most_bytes)

    def active(self, queue: Queue) -> None:
        self._active[queue.name] = queue
        self._changed()


def _same_exchange(
    known: Exchange, kind: str, durable: bool, auto_delete: bool, internal: bool, arguments: Mapping[str, Any]
) -> None:
    for arg, received, current in (
        ("type", kind, known.kind),
        ("durable", durable, known.durable),
        ("auto_delete", auto_delete, known.auto_delete),
        ("internal", internal, known.internal),
    ):
        if received != current:
            raise refusals.inequivalent("exchange", known.name, arg, _quoted(received), _quoted(current))
    wanted, declared = arguments.get("alternate-exchange"), known.alternate
    if wanted != declared:
        raise refusals.inequivalent(
            "exchange",
            known.name,
            "alternate-exchange",
            refusals.told(wanted, declared),
            refusals.told(declared, wanted),
        )


def _same_queue(
    known: Queue, durable: bool, exclusive: bool, auto_delete: bool, arguments: Mapping[str, Any]
) -> None:
    for arg, received, current in (
        ("durable", durable, known.declared_durable),
        ("exclusive", exclusive, known.owner is not None),
        ("auto_delete", auto_delete, known.auto_delete),
    ):
        if received != current:
            if arg == "exclusive":
                raise refusals.locked(known.name)
            raise refusals.inequivalent("queue", known.name, arg, _quoted(received), _quoted(current))
    if (name := differing(known.arguments, arguments)) is not None:
        raise refusals.inequivalent(
            "queue",
            known.name,
            name,
            refusals.told(arguments.get(name), known.arguments.get(name)),
            refusals.told(known.arguments.get(name), arguments.get(name)),
        )


def _quoted(value: object) -> str:
    return f"'{str(value).lower() if isinstance(value, bool) else value}'"
