from embedded_services.broker.queue import Queue
from embedded_services.broker.queue_arguments import QueueArguments
from embedded_services.broker.queue_views import QueueView, QueueViews
from tests.unit.broker.builders import message
from tests.unit.broker.test_queue import Host

NOW = 1_000_000.0


def queue() -> Queue:
    return Queue(
        Host(),
        1,
        "q",
        durable=True,
        auto_delete=False,
        owner=None,
        arguments={"x-message-ttl": 5000},
        limits=QueueArguments(message_ttl=5000),
    )


def seen(views: QueueViews, now: float, one: Queue) -> QueueView:
    views.look(now, [one])
    return views.of(now, [one])[0]


def test_a_queue_is_shown_as_it_is() -> None:
    views, one = QueueViews(), queue()
    for _ in range(3):
        one.publish(message(b"abc"), NOW)
    one.get(NOW, no_ack=False)
    view = seen(views, NOW, one)
    assert (view.name, view.kind, view.durable, view.exclusive) == ("q", "classic", True, False)
    assert (view.ready, view.unacked, view.consumers, view.bytes) == (2, 1, 0, 6)
    assert view.arguments == {"x-message-ttl": 5000}


def test_rates_are_over_the_last_seconds() -> None:
    views, one = QueueViews(), queue()
    view = seen(views, NOW, one)
    for second in range(1, 11):
        for _ in range(20):
            one.publish(message(), NOW)
            entry = one.get(NOW, no_ack=False)
            assert entry is not None
            if second > 5:
                one.ack(entry)
        view = seen(views, NOW + second, one)
    assert (view.published_per_s, view.delivered_per_s, view.acknowledged_per_s) == (20, 20, 20)
    assert view.idle_since is None


def test_looking_too_often_changes_nothing() -> None:
    views, one = QueueViews(), queue()
    seen(views, NOW, one)
    one.publish(message(), NOW)
    assert seen(views, NOW + 0.9, one).published_per_s == 0
    assert seen(views, NOW + 1.0, one).published_per_s == 1


def test_idle_since_the_last_that_happened() -> None:
    views, one = QueueViews(), queue()
    assert seen(views, NOW, one).idle_since == NOW
    one.publish(message(), NOW)
    assert seen(views, NOW + 1, one).idle_since is None
    assert seen(views, NOW + 2, one).idle_since == NOW + 1
    assert seen(views, NOW + 9, one).idle_since == NOW + 1


def test_a_queue_that_was_not_looked_at_yet_has_no_rates() -> None:
    view = QueueViews().of(NOW, [queue()])[0]
    assert (view.published_per_s, view.idle_since) == (0.0, NOW)
