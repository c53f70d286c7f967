"""The exchanges of the virtual host, what is bound to them, and where a message goes.

Everything that can be refused raises `Refusal` and has changed nothing then. What is to survive goes to the store as it
happens.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from embedded_services.broker import refusals
from embedded_services.broker.exchanges import KINDS, X_MATCHES, Binding, Destination, Exchange
from embedded_services.broker.message import Message
from embedded_services.broker.queue import Queue
from embedded_services.broker.redeclaring import same_exchange
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


class Topology:
    """`queues` are the virtual host's, by name; a queue that is to be removed is unbound first."""

    def __init__(self, store: Store, queues: Mapping[str, Queue], changed: Callable[[], None]) -> None:
        """`changed` is told that there is something to commit."""
        self._store = store
        self._queues = queues
        self._changed = changed
        self.exchanges: dict[str, Exchange] = {DEFAULT: Exchange(DEFAULT, "direct", True)}
        for name, kind in PREDECLARED.items():
            self.exchanges[name] = Exchange(name, kind, True)
        self._bound: dict[Destination, set[tuple[str, Destination, str, str]]] = {}

    def recover(self) -> None:
        """When the queues are there again."""
        for exchange in self._store.exchanges():
            self.exchanges[exchange.name] = exchange
        for binding in self._store.bindings():
            self._join(binding)

    # --- exchanges ---

    def exchange(self, name: str) -> Exchange:
        known = self.exchanges.get(name)
        if known is None:
            raise refusals.not_found("exchange", name)
        return known

    def declare(
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
            same_exchange(known, kind, durable, auto_delete, internal, arguments)
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

    def delete(self, name: str, *, if_unused: bool) -> None:
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
        self._drop(exchange)

    def _drop(self, exchange: Exchange) -> None:
        for binding in list(exchange.bindings.values()):
            self._part(exchange, binding)
        self.unbind_all(Destination("exchange", exchange.name))
        del self.exchanges[exchange.name]
        if exchange.durable:
            self._store.drop_exchange(exchange.name)
            self._changed()

    # --- bindings ---

    def bind(self, binding: Binding) -> None:
        self._check_ends(binding)
        if self.exchange(binding.source).kind == "headers":
            how = binding.arguments.get("x-match", "all")
            if how not in X_MATCHES:
                raise Refusal(406, f"Invalid x-match field value '{how}'; expected all or any")
        if self._join(binding) and self._is_durable(binding):
            self._store.add_binding(binding)
            self._changed()

    def unbind(self, binding: Binding) -> None:
        """One that is not there is taken away already, also when an end of it is not there."""
        if DEFAULT in (binding.source, binding.destination.name):
            raise refusals.default_exchange()
        source = self.exchanges.get(binding.source)
        if source is not None and self._part(source, binding):
            self._drop_if_left(source)

    def unbind_all(self, destination: Destination) -> None:
        """It will be no more."""
        for key in list(self._bound.get(destination, ())):
            source = self.exchanges[key[0]]
            self._part(source, source.bindings[key])
            self._drop_if_left(source)

    def _check_ends(self, binding: Binding) -> None:
        kind, name = binding.destination
        if kind == "queue":
            if name not in self._queues:
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

    def _part(self, source: Exchange, wanted: Binding) -> bool:
        binding = source.unbind(wanted)
        if binding is None:
            return False
        keys = self._bound[binding.destination]
        keys.discard(binding.key)
        if not keys:
            del self._bound[binding.destination]
        if self._is_durable(binding):
            self._store.drop_binding(binding)
            self._changed()
        return True

    def _drop_if_left(self, exchange: Exchange) -> None:
        """An auto-delete exchange goes with the last that was bound to it."""
        if exchange.auto_delete and not exchange.bindings and self.exchanges.get(exchange.name) is exchange:
            self._drop(exchange)

    def _is_durable(self, binding: Binding) -> bool:
        kind, name = binding.destination
        to = self._queues[name].durable if kind == "queue" else self.exchanges[name].durable
        return to and self.exchanges[binding.source].durable

    # --- the way of a message ---

    def route(self, exchange: Exchange, message: Message) -> list[Queue]:
        """Each queue that gets it, once."""
        if exchange.name == DEFAULT:
            queue = self._queues.get(message.routing_key)
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
                    found[name] = self._queues[name]
                elif name not in seen:
                    seen.add(name)
                    todo.append(self.exchanges[name])
            alternate = here.alternate
            if not matched and alternate is not None and alternate not in seen:
                seen.add(alternate)
                if (following := self.exchanges.get(alternate)) is not None:
                    if following.name == DEFAULT and (queue := self._queues.get(message.routing_key)):
                        found[queue.name] = queue
                    todo.append(following)
        return list(found.values())
