"""Bindings come and go with their ends, and only what is durable is written."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_services.broker.exchanges import Binding, Destination
from embedded_services.broker.store import Store
from embedded_services.broker.vhost import VirtualHost
from tests.unit.broker.builders import message

ASKER = object()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "broker.db")
    yield store
    store.close()


@pytest.fixture
def vhost(store: Store) -> VirtualHost:
    return VirtualHost(store, lambda: 1_000.0, lambda: None, lambda: None)


def declare(vhost: VirtualHost, name: str, *, durable: bool = False, auto_delete: bool = False) -> None:
    vhost.topology.declare(
        name, "topic", durable=durable, auto_delete=auto_delete, internal=False, arguments={}
    )


def queue(vhost: VirtualHost, name: str, *, durable: bool = False) -> None:
    vhost.declare_queue(name, ASKER, durable=durable, exclusive=False, auto_delete=False, arguments={})


def to_queue(exchange: str, name: str, key: str = "#") -> Binding:
    return Binding(exchange, Destination("queue", name), key, {})


def to_exchange(source: str, name: str) -> Binding:
    return Binding(source, Destination("exchange", name), "#", {})


def reached(vhost: VirtualHost, exchange: str) -> set[str]:
    topology = vhost.topology
    return {queue.name for queue in topology.route(topology.exchange(exchange), message(key="a.b"))}


def test_an_auto_delete_exchange_goes_with_its_last_binding_and_takes_others_along(
    vhost: VirtualHost,
) -> None:
    declare(vhost, "first", auto_delete=True)
    declare(vhost, "second", auto_delete=True)
    queue(vhost, "q")
    vhost.topology.bind(to_exchange("first", "second"))
    vhost.topology.bind(to_queue("second", "q"))
    assert reached(vhost, "first") == {"q"}
    vhost.delete_queue(vhost.queues["q"])
    assert not {"first", "second"} & set(vhost.topology.exchanges)


def test_an_auto_delete_exchange_stays_until_something_was_bound(vhost: VirtualHost) -> None:
    declare(vhost, "waiting", auto_delete=True)
    vhost.topology.unbind(to_queue("waiting", "nobody"))
    assert "waiting" in vhost.topology.exchanges


def test_exchanges_that_are_bound_in_a_circle_can_be_removed(vhost: VirtualHost) -> None:
    for name in ("a", "b"):
        declare(vhost, name, auto_delete=True)
    vhost.topology.bind(to_exchange("a", "b"))
    vhost.topology.bind(to_exchange("b", "a"))
    vhost.topology.bind(to_exchange("a", "a"))
    assert reached(vhost, "a") == set()
    vhost.topology.delete("a", if_unused=False)
    assert not {"a", "b"} & set(vhost.topology.exchanges)


def test_what_does_not_survive_is_never_written(vhost: VirtualHost, store: Store) -> None:
    declare(vhost, "events", durable=True)
    store.commit()
    queue(vhost, "tap")
    vhost.topology.bind(to_queue("events", "tap"))
    vhost.topology.unbind(to_queue("events", "tap"))
    vhost.topology.bind(to_queue("events", "tap", "order.*"))
    vhost.publish(message(b"x", exchange="events", key="order.created", delivery_mode=2))
    vhost.delete_queue(vhost.queues["tap"])
    assert not store.has_news


def test_what_is_durable_is_there_again_and_gone_again(vhost: VirtualHost, store: Store) -> None:
    declare(vhost, "events", durable=True)
    queue(vhost, "q", durable=True)
    vhost.topology.bind(to_queue("events", "q"))
    store.commit()
    again = VirtualHost(store, lambda: 1_000.0, lambda: None, lambda: None)
    assert reached(again, "events") == {"q"}
    again.delete_queue(again.queues["q"])
    store.commit()
    assert list(store.bindings()) == []


def test_what_comes_back_to_a_queue_that_is_gone_is_gone(vhost: VirtualHost, store: Store) -> None:
    queue(vhost, "q", durable=True)
    vhost.publish(message(b"old", key="q", delivery_mode=2))
    gone = vhost.queues["q"]
    entry = vhost.get(gone, no_ack=False)
    assert entry is not None
    vhost.delete_queue(gone)
    queue(vhost, "q", durable=True)
    store.commit()
    gone.requeue(entry)
    vhost.pump()
    assert (vhost.queues["q"].ready, vhost.bytes_in_memory(), store.has_news) == (0, 0, False)
