"""What the stream tells of sagas: bounded, the latest of each, and asked for where it was not told."""

import pytest

from embedded_services.contracts.agent import Beat
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.sagas import Hold, HoldReason, Saga, SagaPage, SagaQuery, SagaState
from embedded_services.control.sagas.saga_book import SHOWN, SagaBook


def saga(seq: int, state: SagaState = SagaState.RUNNING, at: float = 1.0, hold: Hold | None = None) -> Saga:
    return Saga(
        id=f"s{seq}", name="a", state=state, trace_id="t", data={}, steps=[], started_at=1.0, updated_at=at,
        seq=seq, hold=hold,
    )  # fmt: skip


class World:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.book = SagaBook(lambda *topics: self.told.extend(topics))
        self.known: list[Saga] = []
        self.asked: list[SagaQuery] = []
        self.meanwhile: Beat | None = None
        self.is_away = False

    async def page(self, query: SagaQuery) -> SagaPage:
        self.asked.append(query)
        if self.is_away:
            raise ApiError("SERVICE_UNAVAILABLE", "away")
        if self.meanwhile is not None:
            self.book.report(self.meanwhile)
        found = [row for row in self.known if query.state in (None, row.state)]
        return SagaPage(items=sorted(found, key=lambda row: -row.seq)[: query.limit])

    def is_stale(self) -> bool:
        return self.book.is_stale

    def ids(self) -> list[str]:
        return list(self.book.rows())


def test_the_latest_of_each_is_shown_the_newest_first() -> None:
    world = World()
    world.book.report(Beat(sagas=[saga(1), saga(2)]))
    world.book.report(Beat(sagas=[saga(1, SagaState.COMPLETED, at=2.0)]))
    assert world.ids() == ["s2", "s1"]
    assert world.book.rows()["s1"].state is SagaState.COMPLETED
    assert set(world.told) == {"sagas"}


def test_no_more_than_can_be_shown_and_what_waits_for_somebody_stays() -> None:
    world = World()
    waits = saga(1, SagaState.COMPENSATION_FAILED, hold=Hold(reason=HoldReason.PERSON, since=1.0))
    ended = [saga(seq, SagaState.COMPLETED) for seq in range(3, 3 + SHOWN)]
    world.book.report(Beat(sagas=[waits, saga(2), *ended]))
    assert len(world.ids()) == SHOWN
    assert {"s1", "s2"} <= set(world.ids())
    assert "s3" not in world.ids()


def test_counts_are_told_when_they_change_and_say_what_was_missed() -> None:
    world = World()
    assert world.book.counts() == {}
    world.book.report(Beat(saga_counts={"running": 2, "completed": 3}))
    world.book.report(Beat(saga_counts={"running": 2, "completed": 3}))
    assert world.told == ["saga-counts"]
    world.book.report(Beat(sagas_missed=7))
    row = world.book.counts()["sagas"]
    assert (row.total, row.missed) == (5, 7)


async def test_what_was_lost_or_missed_is_asked_for() -> None:
    world = World()
    world.book.report(Beat(sagas_anew=True))
    assert world.is_stale()
    world.known = [saga(1, SagaState.COMPLETED, at=3.0), saga(2)]
    await world.book.refresh(world.page)
    assert (world.ids(), world.is_stale()) == (["s2", "s1"], False)
    assert world.asked[0].state is None
    world.book.report(Beat())
    assert not world.is_stale()
    world.book.report(Beat(sagas_missed=1))
    assert world.is_stale()


async def test_what_moved_while_we_asked_is_shown_as_it_is() -> None:
    world = World()
    world.book.report(Beat(sagas=[saga(1), saga(5)]))
    world.known = [saga(1)]
    world.meanwhile = Beat(sagas=[saga(1, SagaState.COMPLETED, at=9.0), saga(7)])
    await world.book.refresh(world.page)
    assert world.book.rows()["s1"].state is SagaState.COMPLETED
    assert world.ids() == ["s7", "s1"]


async def test_what_could_not_be_asked_for_is_asked_for_again() -> None:
    world = World()
    world.book.report(Beat(sagas=[saga(1)]))
    world.is_away = True
    with pytest.raises(ApiError):
        await world.book.refresh(world.page)
    assert world.is_stale()
    assert world.ids() == ["s1"]
