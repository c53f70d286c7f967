"""What the bus calls things, and how long a failed message waits."""

from embedded_services.bus import names


def test_a_service_s_queues_are_named_for_it() -> None:
    queue = names.queue_of("order")
    assert queue == "order.events"
    assert names.retry_queue(queue, 500) == "order.events.retry.500"
    assert names.dead_queue(queue) == "order.events.dead"
    assert names.deliveries_of("order") == "order.deliveries"


def test_waits_grow_and_the_fifth_attempt_is_the_last() -> None:
    waits = [names.wait_after(failed) for failed in range(1, 6)]
    assert waits == [500, 2_000, 8_000, 30_000, None]
    assert names.wait_after(1, ()) is None
