"""The virtual host `/`: its queues, and the way of a message from its exchange through them to those who take it.

Everything that can be refused raises `Refusal` and has changed nothing then. What is to survive goes to the store as it
happens; the caller commits once a turn, and lets nobody hear of anything before.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from embedded_services.broker import dead_letters, refusals
from embedded_services.broker.consumer import Consumer
from embedded_services.broker.exchanges import Destination, Exchange
from embedded_services.broker.message import Entry, Message
from embedded_services.broker.queue import Queue
from embedded_services.broker.queue_arguments import understand
from embedded_services.broker.redeclaring import same_queue
from embedded_services.broker.refusals import Refusal
from embedded_services.broker.store import Store
from embedded_services.broker.store_file import StoreError
from embedded_services.broker.topology import Topology


class VirtualHost:
    """`now` is seconds since the epoch, as it is kept in the store."""

    def __init__(
        self,
        store: Store,
        now: Callable[[], float],
        changed: Callable[[], None],
        large_one_comes: Callable[[], None],
    ) -> None:
        """`changed` is told that there is something to deliver or to commit, `large_one_comes` that `bytes_in_memory` grew
        by much at once."""
        self._store = store
        self._now = now
        self._changed = changed
        self._large_one_comes = large_one_comes
        self.queues: dict[str, Queue] = {}
        self._bytes_arriving = 0
        self.published = 0
        """How many messages have come from clients."""
        self.topology = Topology(store, self.queues, changed)
        self._active: dict[Queue, None] = {}
        self._later: dict[Queue, None] = {}
        self._wakes: dict[str, float] = {}
        self._last_number = 0
        self._recover()

    def _recover(self) -> None:
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
            self._active[queue] = None
        self.topology.recover()

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
            same_queue(known, durable, exclusive, auto_delete, arguments)
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
        self.topology.unbind_all(Destination("queue", queue.name))
        del self.queues[queue.name]
        queue.is_gone = True
        self._active.pop(queue, None)
        self._later.pop(queue, None)
        self._wakes.pop(queue.name, None)
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

    def arriving(self, size: int) -> None:
        """A large body of so many bytes is on its way; below 0 when it has come, or will not come."""
        self._bytes_arriving += size
        if size > 0:
            self._large_one_comes()

    def publish(self, message: Message) -> tuple[bool, bool]:
        """Whether any queue was found for it, and whether all that were took it. Raises Refusal."""
        self.published += 1
        exchange = self.topology.exchange(message.exchange)
        if exchange.internal:
            raise refusals.internal_exchange(exchange.name)
        return self._spread(exchange, message)

    def _spread(self, exchange: Exchange, message: Message, *, dead: bool = False) -> tuple[bool, bool]:
        queues = self.topology.route(exchange, message)
        if not queues:
            return False, True
        now, taken = self._now(), True
        for queue in queues:
            if dead and dead_letters.goes_in_circles(message, queue.name):
                continue
            taken = queue.publish(message, now) and taken
        self._changed()
        return True, taken

    def dead_letter(self, queue: Queue, message: Message, reason: str) -> None:
        """Give a message that `queue` gave up to its dead letter exchange; it is lost when there is none, as told."""
        name = queue.limits.dead_letter_exchange
        exchange = self.topology.exchanges.get(name) if name is not None else None
        if exchange is None:
            return
        key = queue.limits.dead_letter_routing_key
        dead = dead_letters.dead_letter(message, queue.name, reason, self._now(), exchange.name, key)
        self._spread(exchange, dead, dead=True)

    def pump(self) -> None:
        """Push to consumers all that they can take. Raises StoreError; what was not pushed can be pumped again."""
        now = self._now()
        self._active |= self._later
        self._later.clear()
        while self._active:
            queues, self._active = self._active, {}
            try:
                for queue in queues:
                    if not queue.is_gone:
                        queue.pump(now)
                        self._note_wake(queue)
            except StoreError:
                self._active |= queues
                raise

    @property
    def has_more(self) -> bool:
        """Whether there is something to pump again."""
        return bool(self._active or self._later)

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
        """Of all messages, the ones that are out and large ones that are on their way included."""
        held = sum(queue.backlog.bytes_in_memory + queue.bytes_out for queue in self.queues.values())
        return held + self._bytes_arriving

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

    def drop(self, queue: Queue, after: int, last: int) -> None:
        self._store.drop(queue.number, after, last)
        self._changed()

    def active(self, queue: Queue) -> None:
        self._active[queue] = None
        self._changed()

    def more_later(self, queue: Queue) -> None:
        self._later[queue] = None
        self._changed()
