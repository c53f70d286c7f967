"""Traffic on the whole, real system: started, changed, stopped and killed through the control API."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import msgspec
import pytest
import pytest_asyncio

from embedded_services.client.errors import ControlError
from embedded_services.client.stream_client import StreamClient
from embedded_services.common.platform import LINUX, can_freeze
from embedded_services.contracts.limits import LimitPatch
from embedded_services.contracts.sagas import SagaQuery
from embedded_services.contracts.stream import Events
from embedded_services.contracts.traffic import (
    CustomRequest,
    Mix,
    Phase,
    Traffic,
    TrafficSample,
    TrafficWish,
)
from tests.helpers.eventually import until
from tests.helpers.ports import free_port
from tests.helpers.system import RunningSystem, away_from_others, running_system

pytestmark = pytest.mark.asyncio(loop_scope="module")
HEALTH = CustomRequest(method="GET", path="/health", anonymous=True)
"""Neither limited nor sent on: it says what the generator does, whatever the rest of the machine is doing."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSystem]:
    workspace = away_from_others(tmp_path_factory.mktemp("traffic") / "ws")
    async with running_system(workspace, "--gateway-port", str(free_port())) as system:
        yield system


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def nothing_left(system: RunningSystem) -> AsyncIterator[None]:
    yield
    await system.control.stop_traffic()


async def told(system: RunningSystem, holds: Callable[[Traffic], bool]) -> Traffic:
    async def look() -> Traffic | None:
        traffic = await system.control.traffic()
        return traffic if holds(traffic) else None

    return await until(look)


async def ended(system: RunningSystem) -> Traffic:
    return await told(system, lambda traffic: traffic.phase is Phase.STOPPED)


async def test_rate_is_what_was_asked(system: RunningSystem) -> None:
    """Within 1 %, counted in arrivals of a time that was fixed, not by a clock of ours."""
    await system.control.start_traffic(TrafficWish(rate=500.0, duration_s=2.0, requests=[HEALTH], clients=50))
    totals = (await ended(system)).totals
    assert totals.due == 1000
    assert abs(totals.sent - 1000) <= 10
    assert totals.statuses == {"200": totals.sent}


async def test_mix_goes_through_the_real_shop(system: RunningSystem) -> None:
    wish = TrafficWish(rate=20.0, duration_s=2.0, mix=Mix(browse=50, checkout=30, login=20), clients=4)
    started = await system.control.start_traffic(wish)
    assert started.phase in (Phase.SIGNING_IN, Phase.RUNNING)
    totals = (await ended(system)).totals
    assert totals.due == totals.done == 40
    assert {kind.name for kind in totals.kinds} == {"browse", "checkout", "login"}
    by_name = {kind.name: kind for kind in totals.kinds}
    assert totals.statuses.get("201", 0) == by_name["checkout"].sent, "each order went through its saga"
    assert totals.statuses.get("200", 0) == by_name["browse"].sent + by_name["login"].sent
    sagas = await system.control.sagas(SagaQuery())
    assert sagas.counts.get("completed", 0) >= by_name["checkout"].sent


@pytest.mark.skipif(not LINUX, reason="elsewhere there is one loopback address")
async def test_each_client_is_one_of_its_own_to_the_limits(system: RunningSystem) -> None:
    request = CustomRequest(method="GET", path="/api/nowhere", anonymous=True)
    await system.control.start_traffic(
        TrafficWish(rate=100.0, duration_s=0.5, requests=[request], clients=25)
    )
    traffic = await ended(system)
    assert traffic.addresses == 25
    clients = [row.key for row in (await system.control.limit_clients(limit=500)).items]
    assert len({key for key in clients if key.startswith("127.1.")}) >= 25


async def test_limits_in_force_decide_how_many_clients_there_are(system: RunningSystem) -> None:
    limits = await system.control.patch_limits(LimitPatch(limit=60, window_s=60))
    try:
        traffic = await system.control.start_traffic(TrafficWish(rate=10.0, requests=[HEALTH]))
        assert (traffic.plan.clients, traffic.plan.auto_clients) == (15, True)
        changed = await system.control.start_traffic(TrafficWish(clients=5))
        assert any("5 clients send 5 requests a second" in note for note in changed.notes)
    finally:
        await system.control.patch_limits(LimitPatch(limit=limits.limit if limits.limit != 60 else 100))


async def test_rate_changes_while_it_runs_and_stop_ends_everything(system: RunningSystem) -> None:
    first = await system.control.start_traffic(TrafficWish(rate=20.0, requests=[HEALTH], clients=2))
    await told(system, lambda traffic: traffic.totals.done >= 5)
    changed = await system.control.start_traffic(TrafficWish(rate=200.0))
    assert (changed.run, changed.plan.rate, changed.plan.requests) == (first.run, 200.0, [HEALTH])
    await told(system, lambda traffic: traffic.totals.done >= 100)
    stopped = await system.control.stop_traffic()
    assert (stopped.phase, stopped.reason, stopped.in_flight) == (Phase.STOPPED, "stopped by you", 0)
    assert (await system.control.traffic()).totals.due == stopped.totals.due


@pytest.mark.skipif(not can_freeze(), reason="this platform cannot freeze a process")
async def test_frozen_system_shows_in_the_longest_and_in_the_percentiles(system: RunningSystem) -> None:
    """The gateway stands still until 200 more have come due: each of them waited from its own time on."""
    await system.control.start_traffic(TrafficWish(rate=100.0, requests=[HEALTH], clients=10))
    await told(system, lambda traffic: traffic.totals.done >= 50)
    await system.control.act_on_process("gateway", "freeze")
    try:
        frozen = await told(system, lambda traffic: traffic.in_flight >= 200)
    finally:
        await system.control.act_on_process("gateway", "thaw")
    assert frozen.totals.errors == {}, "a stall does not stop the generator"
    after = await told(system, lambda traffic: traffic.totals.done >= frozen.totals.sent)
    assert after.totals.max_ms is not None
    assert after.totals.max_ms >= 1900, "200 arrivals at 100/s are two seconds"
    assert after.totals.p99_ms is not None
    assert after.totals.p99_ms >= 1500


async def test_stream_tells_each_quarter_of_a_second(system: RunningSystem) -> None:
    samples: list[TrafficSample] = []
    async with StreamClient(
        system.ready.control, system.ready.token, ["traffic", "traffic-samples"]
    ) as stream:
        await system.control.start_traffic(
            TrafficWish(rate=100.0, duration_s=1.0, requests=[HEALTH], clients=5)
        )
        run = (await system.control.traffic()).run
        async with asyncio.timeout(20):
            async for news in stream:
                if isinstance(news, Events) and news.topic == "traffic-samples":
                    samples += [
                        sample
                        for sample in msgspec.convert(news.items, list[TrafficSample])
                        if sample.run == run
                    ]
                row = stream.state.rows("traffic").get("traffic")
                if (
                    row
                    and row["run"] == run
                    and row["phase"] == "stopped"
                    and sum(s.sent for s in samples) == 100
                ):
                    break
    assert sum(sum(sample.statuses.values()) for sample in samples) == 100


async def test_process_that_is_killed_ends_the_traffic_and_the_state_says_so(system: RunningSystem) -> None:
    await system.control.start_traffic(TrafficWish(rate=50.0, requests=[HEALTH], clients=5))
    await told(system, lambda traffic: traffic.totals.done >= 10)
    await system.control.act_on_process("traffic", "kill")
    traffic = await ended(system)
    assert "its process ended" in traffic.reason
    assert traffic.totals.done >= 10, "what it did stays to be seen"
    again = await system.control.start_traffic(TrafficWish(rate=50.0, requests=[HEALTH], clients=5))
    assert again.run == traffic.run + 1
    await told(system, lambda traffic: traffic.totals.done >= 10)


async def test_traffic_is_no_part_of_the_systems_health(system: RunningSystem) -> None:
    await system.control.start_traffic(TrafficWish(rate=5.0, requests=[HEALTH], clients=1))
    assert (await system.control.system()).status == "healthy"
    names = {process.name for process in (await system.control.processes()).items}
    assert "traffic" in names
    await system.control.act_on_process("traffic", "kill")
    await ended(system)
    assert (await system.control.system()).status == "healthy"


async def test_what_makes_no_sense_is_refused_with_the_field(system: RunningSystem) -> None:
    headers = {"Authorization": f"Bearer {system.ready.token}"}
    async with httpx.AsyncClient(base_url=system.ready.control, headers=headers, trust_env=False) as raw:
        refused = await raw.post("/v1/traffic", json={"rate": 5001})
    assert refused.status_code == 400
    assert refused.json()["error"]["details"] == [
        {"field": "rate", "message": "must be at most 5000", "bound": 5000, "unit": "1/s"}
    ]
    with pytest.raises(ControlError, match="requests"):
        await system.control.start_traffic(TrafficWish(mix=Mix(), requests=[HEALTH]))
    assert (await system.control.traffic()).phase is Phase.STOPPED
