from embedded_services.contracts.agent import Beat
from embedded_services.contracts.events import Handled, OutboxState
from embedded_services.control.events.reports import Reports


def handled(message_id: str) -> Handled:
    return Handled(
        at=1.0, message_id=message_id, type="a.b", queue="order.events", instance="order-1", outcome="done",
        attempt=1, took_ms=1.0,
    )  # fmt: skip


def state(waiting: int) -> OutboxState:
    return OutboxState(waiting=waiting, oldest_at=None, delayed=0, relayed=3, connected=True)


class World:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.reports = Reports(lambda *topics: self.told.extend(topics))

    def beat(self, *ids: str, seq: int = 0, incarnation: int = 1, instance: str = "order-1") -> None:
        beat = Beat(handled=[handled(id_) for id_ in ids], handled_seq=seq)
        self.reports.report(instance, "order", incarnation, beat)

    def ids(self) -> list[str]:
        return [row.message_id for row in self.reports.handled.newest_after(0, 100).items]


def test_what_was_handled_is_shown_and_what_was_not_kept_is_counted() -> None:
    world = World()
    world.beat("a", "b", seq=2)
    world.beat("e", seq=5)
    assert world.ids() == ["a", "b", "e"]
    assert world.reports.handled.last_seq == 5


def test_a_restarted_instance_counts_anew_and_each_for_itself() -> None:
    world = World()
    world.beat("a", "b", seq=2)
    world.beat("c", seq=1, incarnation=2)
    world.beat("d", seq=1, instance="order-2")
    assert world.reports.handled.last_seq == 4


def test_a_beat_about_something_else_changes_nothing() -> None:
    world = World()
    world.beat()
    assert world.told == []


def test_outboxes_are_told_by_instance_until_it_is_gone() -> None:
    world = World()
    world.reports.report("order-1", "order", 1, Beat(outbox=state(2)))
    row = world.reports.outbox["order-1"]
    assert (row.instance, row.service, row.waiting, row.relayed) == ("order-1", "order", 2, 3)
    world.reports.forget("order-2")
    assert "order-1" in world.reports.outbox
    world.reports.forget("order-1")
    assert world.reports.outbox == {}
    assert world.told == ["outbox", "outbox"]
