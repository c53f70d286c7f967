from typing import Any

import msgspec
import pytest

from embedded_services.contracts.agent import Beat
from embedded_services.contracts.gateway import LimitClient, LimitTotals
from embedded_services.contracts.limits import Algorithm, LimitSettings
from embedded_services.gateway.limit_report import CLIENTS_A_BEAT, LimitReport
from embedded_services.gateway.limiting import RateLimit
from tests.helpers.clock import FakeClock


class Stage:
    """A limit of 3 in 10 s that is asked by hand, and what is told of it."""

    def __init__(self, algorithm: Algorithm = Algorithm.FIXED_WINDOW) -> None:
        self.clock = FakeClock(now=1000.0, monotonic=50.0)
        self.settings = LimitSettings(algorithm=algorithm, limit=3, window_s=10)
        self.rule = RateLimit(self.settings, self.clock.monotonic())
        self.report = LimitReport(self.rule, self.clock)

    def ask(self, key: str, count: int = 1) -> None:
        for _ in range(count):
            self.rule.take(key, self.clock.monotonic())

    def beat(self) -> Beat:
        told = self.report.beat()
        assert told is not None
        return told

    def totals(self) -> LimitTotals:
        told = self.beat().limits
        assert told is not None
        return told

    def clients(self) -> list[LimitClient]:
        told = self.beat().limit_clients
        assert told is not None
        return told

    def apply(self, **changes: Any) -> None:
        self.settings = msgspec.structs.replace(self.settings, **changes)
        self.rule.apply(self.settings, self.clock.monotonic())


def test_a_row_tells_all_that_is_known_of_a_client() -> None:
    stage = Stage()
    stage.ask("a", 2)
    stage.clock.pass_time(1)
    stage.ask("a", 3)
    stage.clock.pass_time(1)
    (row,) = stage.clients()
    assert row == LimitClient(
        key="a", count=3, limit=3, remaining=0, reset_at=1010.0, last_at=1001.0, last429_at=1001.0, allowed=3,
        limited=2,
    )  # fmt: skip


def test_nothing_is_told_while_nothing_changes_and_a_count_that_runs_out_is_told() -> None:
    stage = Stage()
    stage.beat()
    stage.ask("a", 2)
    assert [row.count for row in stage.clients()] == [2]
    told = 0
    for _ in range(39):
        stage.clock.pass_time(0.25)
        beat = stage.report.beat()
        told += beat is not None and beat.limit_clients is not None
    assert told == 0
    stage.clock.pass_time(0.25)
    (row,) = stage.clients()
    assert (row.count, row.remaining, row.reset_at, row.allowed) == (0, 3, None, 2)
    for _ in range(5):
        stage.clock.pass_time(0.25)
        stage.report.beat()
    assert stage.report.beat() is None


def test_a_bucket_that_refills_is_told_as_it_does() -> None:
    stage = Stage(Algorithm.TOKEN_BUCKET)
    stage.ask("a", 3)
    counts = [stage.clients()[0].count]
    for _ in range(50):
        stage.clock.pass_time(0.25)
        beat = stage.report.beat()
        if beat is not None and beat.limit_clients:
            counts.append(beat.limit_clients[0].count)
    assert counts == [3, 2, 1, 0]


def test_edits_and_resets_are_told_without_a_request() -> None:
    stage = Stage()
    stage.ask("a", 3)
    stage.beat()
    stage.apply(limit=10)
    (row,) = stage.clients()
    assert (row.count, row.limit, row.remaining) == (3, 10, 7)
    assert stage.rule.reset("a")
    (row,) = stage.clients()
    assert (row.count, row.reset_at, row.allowed) == (0, None, 3)
    stage.ask("b", 2)
    stage.rule.reset_all()
    assert [(row.key, row.count) for row in stage.clients()] == [("b", 0), ("a", 0)]
    stage.apply(key="user")
    assert stage.clients() == []
    assert stage.rule.clients.allowed == 5


def test_the_newest_clients_are_told_in_order() -> None:
    stage = Stage()
    for number in range(CLIENTS_A_BEAT + 50):
        stage.ask(f"c{number}")
    stage.ask("c100")
    told = [row.key for row in stage.clients()]
    assert len(told) == CLIENTS_A_BEAT
    assert told[:3] == ["c100", "c249", "c248"]
    stage.clock.pass_time(10)
    assert stage.totals().clients == CLIENTS_A_BEAT + 50


def test_totals_and_rates_are_told_and_the_rates_fall_when_nobody_asks() -> None:
    stage = Stage()
    stage.clock.pass_time(5)
    stage.ask("a", 13)
    totals = stage.totals()
    assert (totals.allowed, totals.limited) == (3, 10)
    assert (totals.allowed_rate, totals.limited_rate) == (0.6, 2.0)
    for _ in range(60):
        stage.clock.pass_time(0.25)
        stage.report.beat()
    stage.report.tell_again()
    totals = stage.totals()
    assert (totals.allowed, totals.allowed_rate, totals.limited_rate) == (3, 0, 0)


def test_all_is_told_again_over_a_new_connection() -> None:
    stage = Stage()
    stage.ask("a")
    before = stage.beat()
    stage.clock.pass_time(0.01)
    stage.report.tell_again()
    assert stage.beat().limit_clients == before.limit_clients


def test_a_moved_wall_clock_moves_the_times() -> None:
    stage = Stage()
    stage.ask("a")
    stage.clock._wall += 100
    (row,) = stage.clients()
    assert (row.last_at, row.reset_at) == (1100.0, 1110.0)


async def test_pages_tell_of_every_client_once_whoever_comes_meanwhile() -> None:
    stage = Stage()
    for number in range(1000):
        stage.ask(f"c{number}")
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await stage.report.page({"limit": 300, "cursor": cursor})
        found += [row.key for row in page.items]
        cursor = page.next_cursor
        stage.ask(found[0])
        stage.ask("newcomer")
    assert found == [f"c{number}" for number in reversed(range(1000))]


async def test_clients_are_looked_for_by_text_and_by_being_at_their_limit() -> None:
    stage = Stage()
    for key in ("user Anna", "user Ben", "127.0.0.1"):
        stage.ask(key)
    stage.ask("user Ben", 4)
    assert [row.key for row in (await stage.report.page({"q": "USER"})).items] == ["user Ben", "user Anna"]
    page = await stage.report.page({"limited": True, "limit": 1})
    assert ([row.key for row in page.items], page.next_cursor) == (["user Ben"], None)
    stage.clock.pass_time(10)
    assert (await stage.report.page({"limited": True})).items == []


async def test_commands_refuse_what_they_do_not_understand() -> None:
    stage = Stage()
    for argument in ({"limit": 0}, {"surprise": 1}, 7):
        with pytest.raises(msgspec.ValidationError):
            await stage.report.page(argument)
    with pytest.raises(msgspec.ValidationError):
        await stage.report.reset(7)


async def test_a_reset_of_a_stranger_says_so() -> None:
    stage = Stage()
    stage.ask("a", 4)
    assert await stage.report.reset("a") is True
    assert await stage.report.reset("stranger") is False
    assert await stage.report.reset(None) is True
