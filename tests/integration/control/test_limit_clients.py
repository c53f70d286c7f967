"""The clients of the rate limit through the control API, on a real system with a real gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx
import pytest
import pytest_asyncio

from embedded_services.client.errors import ControlError
from embedded_services.client.stream_client import StreamClient
from embedded_services.contracts.stream import Delta, Events, Snapshot
from tests.helpers.system import RunningSystem, running_away_from_others

pytestmark = pytest.mark.asyncio(loop_scope="module")
ODD = "header a/b c?d%e#é;x=1&…"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSystem]:
    async with running_away_from_others(tmp_path_factory.mktemp("limits") / "ws") as system:
        yield system


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def rule(system: RunningSystem) -> None:
    """Each test begins with three a minute for each value of a header, and nobody counted."""
    await system.control.patch_settings({"limits": {"limit": 3, "windowS": 60, "key": "ip"}})
    state = await system.control.patch_settings({"limits": {"key": "header:X-Key"}})
    assert state.settings.limits.limit == 3
    async with asyncio.timeout(5.0):
        while '"default";q=3;w=60' not in str((await ask(system, "probe")).headers):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
    await system.control.reset_limit_clients()


async def ask(system: RunningSystem, key: str) -> httpx.Response:
    sent = key.removeprefix("header ").encode("latin-1", "ignore")
    return await system.gateway.get("/api/products?limit=1", headers=[(b"X-Key", sent)])


async def statuses(system: RunningSystem, key: str, count: int) -> list[int]:
    answers = await asyncio.gather(*(ask(system, key) for _ in range(count)))
    return sorted(answer.status_code for answer in answers)


async def refused(call: Any, code: str) -> ControlError:
    with pytest.raises(ControlError) as error:
        await call
    assert error.value.code == code
    return error.value


async def test_clients_are_listed_newest_first_a_page_at_a_time(system: RunningSystem) -> None:
    for key in ("a", "b", "c"):
        await ask(system, key)
    assert (await statuses(system, "b", 5)).count(429) == 3
    first = await system.control.limit_clients(limit=2)
    assert [row.key for row in first.items] == ["header b", "header c"]
    row = first.items[0]
    assert (row.count, row.limit, row.remaining, row.allowed, row.limited) == (3, 3, 0, 3, 3)
    assert row.reset_at is not None
    assert row.last429_at is not None
    assert row.last_at - 1 < row.last429_at <= row.last_at < row.reset_at <= row.last_at + 60
    assert first.next_cursor is not None
    rest = await system.control.limit_clients(cursor=first.next_cursor)
    assert rest.items[0].key == "header a"
    assert rest.next_cursor is None
    at_limit = await system.control.limit_clients(limited=True)
    assert [row.key for row in at_limit.items] == ["header b"]
    assert [row.key for row in (await system.control.limit_clients(q="ER C")).items] == ["header c"]


async def test_one_client_is_let_off_whatever_its_key_looks_like(system: RunningSystem) -> None:
    key = ODD.encode("latin-1", "ignore").decode("latin-1")
    assert await statuses(system, key, 4) == [401, 401, 401, 429]
    assert (await statuses(system, "other", 4)).count(429) == 1
    await system.control.reset_limit_client(key)
    assert await statuses(system, key, 4) == [401, 401, 401, 429]
    assert await statuses(system, "other", 1) == [429]
    row = (await system.control.limit_clients(q=key)).items[0]
    assert (row.key, row.allowed, row.limited) == (key, 6, 2)


async def test_all_are_let_off_at_once(system: RunningSystem) -> None:
    for key in ("a", "b"):
        await statuses(system, key, 4)
    await system.control.reset_limit_clients()
    assert {row.count for row in (await system.control.limit_clients()).items} == {0}
    assert await statuses(system, "a", 1) == [401]


async def test_what_cannot_be_is_refused(system: RunningSystem) -> None:
    await refused(system.control.reset_limit_client("header never-seen"), "NOT_FOUND")
    for cursor in ("x", "1" * 300, "٣", "-1"):
        await refused(system.control.limit_clients(cursor=cursor), "VALIDATION_FAILED")
    await refused(system.control.limit_clients(limit=1001), "VALIDATION_FAILED")


async def test_the_stream_tells_of_totals_and_clients_until_the_counts_run_out(system: RunningSystem) -> None:
    await system.control.patch_settings({"limits": {"windowS": 1}})
    rows: dict[str, dict[str, Any]] = {"limit-totals": {}, "limit-clients": {}}

    def at_the_limit() -> bool:
        row = rows["limit-clients"].get("header streamed")
        return row is not None and (row["count"], row["limited"]) == (3, 2)

    def run_out() -> bool:
        row = rows["limit-clients"]["header streamed"]
        return (row["count"], row["resetAt"], row["limited"]) == (0, None, 2)

    async with StreamClient(system.ready.control, system.ready.token, list(rows)) as stream:
        await statuses(system, "streamed", 5)
        await _until(stream, rows, at_the_limit)
        assert rows["limit-totals"]["limit-totals"]["limited"] >= 2
        await _until(stream, rows, run_out)


async def _until(stream: StreamClient, rows: dict[str, dict[str, Any]], reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(5.0):
        async for news in stream:
            match news:
                case Snapshot():
                    rows.update({topic: dict(state) for topic, state in news.state.items()})
                case Delta():
                    _merge(rows, news.set)
                case Events():
                    pass  # none was asked for
            if reached():
                return


def _merge(rows: dict[str, dict[str, Any]], changed: Mapping[str, Mapping[str, Any]]) -> None:
    for topic, state in changed.items():
        rows[topic].update(state)


async def test_a_gateway_that_is_frozen_or_gone_is_said_to_be(system: RunningSystem) -> None:
    await system.control.act_on_process("gateway", "freeze")
    error = await refused(system.control.limit_clients(), "SERVICE_UNAVAILABLE")
    assert error.status == 503
    assert "did not answer" in error.message
    await system.control.act_on_process("gateway", "thaw")
    async with asyncio.timeout(5.0):
        while True:
            try:
                await system.control.limit_clients()
                break
            except ControlError:
                await asyncio.sleep(0.02)
