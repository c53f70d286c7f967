"""The whole control plane through its API: every operation, what it refuses, and what the stream tells of it.

One system serves all of these tests; each leaves it as it found it.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import psutil
import pytest
import pytest_asyncio

from embedded_services.client.errors import ControlError
from embedded_services.client.stream_client import StreamClient
from embedded_services.contracts.instances import Change, Instance, Status
from embedded_services.contracts.limits import LimitPatch
from embedded_services.contracts.runtime import Runtime
from embedded_services.contracts.settings import ServicePatch, Strategy
from embedded_services.contracts.stream import Delta
from embedded_services.contracts.system import Registration, SystemStatus
from tests.helpers.ports import free_port
from tests.helpers.raw_upstream import Client, RawUpstream, running
from tests.helpers.system import (
    RunningSystem,
    away_from_others,
    running_system,
    settings_away_from_others,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
SERVICES = ["user", "order", "payment", "notification"]
OWN = [f"{service}-{number}" for service in SERVICES for number in (1, 2)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSystem]:
    folder = away_from_others(tmp_path_factory.mktemp("control") / "ws")
    async with running_system(folder, "--gateway-port", str(free_port())) as system:
        yield system


@pytest_asyncio.fixture(loop_scope="module")
async def raw(system: RunningSystem) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {system.ready.token}"}
    async with httpx.AsyncClient(base_url=system.ready.control, headers=headers, trust_env=False) as raw:
        yield raw


@pytest_asyncio.fixture(loop_scope="module")
async def guest(system: RunningSystem) -> AsyncIterator[str]:
    """A service that this system does not start, for as long as a test takes."""
    await system.control.patch_settings({"services": {"guest": {"kind": "external", "replicas": 0}}})
    yield "guest"
    await system.control.patch_settings({"services": {"guest": None}})


async def refused(call: Any, code: str) -> ControlError:
    with pytest.raises(ControlError) as error:
        await call
    assert error.value.code == code
    return error.value


async def healthy_by_now(system: RunningSystem, instance: str) -> Instance:
    """By the API, where the stream may still tell of the time before."""
    async with asyncio.timeout(5.0):
        while (row := await system.instance(instance)).status is not Status.HEALTHY:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.02)
    return row


async def journal_since(system: RunningSystem, seq: int, instance: str) -> list[Change]:
    """Oldest first."""
    items = (await system.control.journal(limit=1000)).items
    return [change for change in reversed(items) if change.seq > seq and change.instance == instance]


async def last_seq(system: RunningSystem) -> int:
    return (await system.control.journal(limit=1)).items[0].seq


# --- reading --------------------------------------------------------------------------------------------------------


async def test_system_is_told_as_a_whole(system: RunningSystem) -> None:
    told = await system.control.system()
    assert (told.name, told.status, told.healthy, told.total) == ("demo-shop", SystemStatus.HEALTHY, 8, 8)
    assert (told.gateway, told.control) == (system.ready.gateway, system.ready.control)
    assert [row.name for row in told.processes] == ["control", "broker", "orchestrator", "gateway", *OWN]
    assert told.uptime > 0


async def test_a_health_check_is_no_news_of_the_system(system: RunningSystem) -> None:
    """Followers know since when it runs; a figure that ticks would make every frame tell of the whole system."""
    checks = of_system = 0
    async with StreamClient(system.ready.control, system.ready.token, ["system", "instances"]) as stream:
        async for news in stream:
            if isinstance(news, Delta):
                checks += "instances" in news.set
                of_system += "system" in news.set
            if checks == 6:
                break
    assert of_system <= 1


async def test_processes_are_real(system: RunningSystem) -> None:
    rows = (await system.control.processes()).items
    assert [row.name for row in rows] == ["control", "broker", "orchestrator", "gateway", *OWN]
    for row in rows:
        assert row.pid is not None
        assert psutil.pid_exists(row.pid)
        assert (row.status, row.restarts) == (Status.HEALTHY, 0)
        assert row.pss is None or row.pss > 1_000_000
    assert rows[0].pid == system.launch.process.pid


async def test_services_are_told_with_their_instances(system: RunningSystem) -> None:
    rows = (await system.control.services()).items
    assert [row.name for row in rows] == SERVICES
    for row in rows:
        assert row.instances == [f"{row.name}-1", f"{row.name}-2"]
        assert (row.replicas, row.in_rotation, row.reason) == (2, 2, "all 2 in rotation")
        assert row.strategy is Strategy.ROUND_ROBIN


async def test_pages_of_instances_are_all_instances(system: RunningSystem) -> None:
    first = await system.control.instances(limit=5)
    assert first.next_cursor is not None
    second = await system.control.instances(limit=5, cursor=first.next_cursor)
    assert second.next_cursor is None
    assert [row.id for row in [*first.items, *second.items]] == OWN
    await refused(system.control.instances(cursor="nobody-1"), "VALIDATION_FAILED")
    await refused(system.control.instances(limit=0), "VALIDATION_FAILED")


async def test_journal_is_numbered_without_a_gap_and_tells_each_start(system: RunningSystem) -> None:
    items = (await system.control.journal(limit=1000)).items
    assert [change.seq for change in items] == list(range(len(items), 0, -1))
    for instance in ("broker", "orchestrator", "gateway", *OWN):
        told = [change.after for change in reversed(items) if change.instance == instance]
        assert told[:2] == [Status.STARTING, Status.HEALTHY]


async def test_requests_and_logs_are_there_for_scripts(system: RunningSystem, raw: httpx.AsyncClient) -> None:
    answer = await system.gateway.get("/api/nowhere", headers={"X-Request-ID": "find-me-again"})
    async with asyncio.timeout(5.0):
        seen: list[str] = []
        while answer.headers["x-request-id"] not in seen:
            await asyncio.sleep(0.02)  # beats come four times a second
            seen = [record.id for record in (await system.control.requests()).items]
    found = (await system.control.requests(status="4xx", q="GET /API/nowhere")).items
    assert "find-me-again" in [record.id for record in found]
    assert (await system.control.requests(route="/api/users", q="find-me-again")).items == []
    assert (await raw.get("/v1/requests", params={"status": "9xx"})).status_code == 400
    logs = (await raw.get("/v1/logs", params={"process": "user-1", "q": "SERVING ON", "limit": 1})).json()
    assert [entry["process"] for entry in logs["items"]] == ["user-1"]
    errors = (await raw.get("/v1/logs", params={"level": "ERROR"})).json()
    assert errors["items"] == []
    assert (await raw.get("/v1/logs", params={"level": "INFO\n"})).status_code == 400


async def test_runtime_file_says_where_everything_is_and_names_every_process(system: RunningSystem) -> None:
    path = os.path.join(system.ready.workspace, "runtime.json")
    with open(path, "rb") as file:  # noqa: ASYNC230 - a small file
        runtime = msgspec.json.decode(file.read(), type=Runtime)
    assert (runtime.ready, runtime.token, runtime.control) == (True, system.ready.token, system.ready.control)
    assert [own.name for own in runtime.processes] == ["control", "broker", "orchestrator", "gateway", *OWN]
    for own in runtime.processes:
        assert abs(psutil.Process(own.pid).create_time() - own.started_at) < 0.02


# --- settings and limits --------------------------------------------------------------------------------------------


async def test_settings_change_only_from_what_was_seen(system: RunningSystem) -> None:
    before = await system.control.settings()
    after = await system.control.patch_settings({"name": "renamed"}, if_revision=before.revision)
    assert (after.revision, after.settings.name) == (before.revision + 1, "renamed")
    await refused(
        system.control.patch_settings({"name": "x"}, if_revision=before.revision), "PRECONDITION_FAILED"
    )
    assert await system.control.settings() == after
    await system.control.patch_settings({"name": before.settings.name})


@pytest.mark.parametrize(
    "patch",
    [
        {"services": {"user": None}},
        {"services": {"user": {"strategy": "hope"}}},
        {"services": {"user": {"replicas": -1}}},
        {"services": {"user": {"port": 65535}}},
        {"routes": "none"},
        {"health": {"fall": 0}},
        {"surprise": 1},
    ],
)
async def test_settings_that_cannot_be_change_nothing(system: RunningSystem, patch: dict[str, Any]) -> None:
    before = await system.control.settings()
    error = await refused(system.control.patch_settings(patch), "VALIDATION_FAILED")
    assert error.details
    assert await system.control.settings() == before
    assert len((await system.control.instances()).items) == 8


@pytest.mark.parametrize("depth", [500, 900, 930, 960, 980, 1100, 100_000])
async def test_settings_nested_without_end_are_refused(raw: httpx.AsyncClient, depth: int) -> None:
    body = b'{"a":' * depth + b"1" + b"}" * depth
    answer = await raw.patch("/v1/settings", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_FAILED")


async def test_limits_are_part_of_the_settings(system: RunningSystem) -> None:
    before = await system.control.limits()
    assert (before.limit, before.window_s) == (100, 60)
    changed = await system.control.patch_limits(LimitPatch(limit=100_000))
    assert (changed.limit, changed.window_s) == (100_000, 60)
    assert (await system.control.settings()).settings.limits == changed
    await system.control.patch_limits(LimitPatch(limit=100))


async def test_wish_for_a_service_names_what_is_wrong(system: RunningSystem, raw: httpx.AsyncClient) -> None:
    await refused(system.control.patch_service("nobody", ServicePatch(replicas=1)), "NOT_FOUND")
    for body in ({"replicas": 65}, {"replicas": "2"}, {"strategy": "hope"}, {"kind": "user"}):
        answer = await raw.patch("/v1/services/user", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_FAILED")
    before = await system.control.settings()
    assert (await raw.patch("/v1/services/user", json={"replicas": None})).status_code == 200
    assert await system.control.settings() == before


# --- actions --------------------------------------------------------------------------------------------------------


async def test_unknown_instance_process_and_action_are_named(
    system: RunningSystem, raw: httpx.AsyncClient
) -> None:
    error = await refused(system.control.act_on_instance("user-9", "kill"), "NOT_FOUND")
    assert "user-1" in error.message
    await refused(system.control.act_on_process("nothing", "kill"), "NOT_FOUND")
    await refused(system.control.act_on_instance("gateway", "kill"), "NOT_FOUND")
    answer = await raw.post("/v1/instances/user-1/explode")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
    wrong: list[Any] = [{"holdLock": "yes"}, {"hold": True}, []]
    for body in wrong:
        assert (await raw.post("/v1/instances/user-1/freeze", json=body)).status_code == 400
    assert (await system.instance("user-1")).incarnation == 1


async def test_actions_that_make_no_sense_now_say_why(system: RunningSystem) -> None:
    await refused(system.control.act_on_instance("user-1", "thaw"), "CONFLICT")
    await refused(system.control.act_on_process("gateway", "drain"), "CONFLICT")
    await refused(system.control.act_on_process("control", "kill"), "NOT_FOUND")
    await system.control.act_on_instance("user-1", "freeze")
    for action in ("freeze", "terminate", "drain"):
        error = await refused(system.control.act_on_instance("user-1", action), "CONFLICT")
        assert "frozen" in error.message
    await system.control.act_on_instance("user-1", "thaw")
    await system.until_healthy("user-1")


async def test_terminate_and_restart_finish_what_is_under_way_and_start_anew(system: RunningSystem) -> None:
    before = await system.instance("payment-1")
    seq = await last_seq(system)
    done = await system.control.act_on_instance("payment-1", "terminate")
    assert done.pid == before.pid
    after = await system.until_healthy("payment-1", before.incarnation + 1)
    assert after.port == before.port
    told = [change.after for change in await journal_since(system, seq, "payment-1")]
    assert told == [Status.DRAINING, Status.STOPPED, Status.STARTING, Status.HEALTHY]
    await system.control.act_on_instance("payment-1", "restart")
    await system.until_healthy("payment-1", after.incarnation + 1)
    row = next(r for r in (await system.control.processes()).items if r.name == "payment-1")
    assert row.restarts == 2


async def test_drained_instance_stays_away_until_it_is_restarted(system: RunningSystem) -> None:
    before = await system.instance("payment-2")
    await system.control.act_on_instance("payment-2", "drain")
    assert (await system.instance("payment-2")).status is Status.DRAINING
    error = await refused(system.control.act_on_instance("payment-2", "freeze"), "CONFLICT")
    assert "about to end" in error.message
    await system.until(lambda rows: rows["payment-2"].status is Status.STOPPED)
    stopped = await system.instance("payment-2")
    assert (stopped.pid, stopped.reason) == (None, "drained by you; restart brings it back")
    error = await refused(system.control.act_on_instance("payment-2", "kill"), "CONFLICT")
    assert "drained by you" in error.message
    told = await system.control.system()
    assert (told.status, told.reason) == (SystemStatus.DEGRADED, "payment")
    await system.control.act_on_instance("payment-2", "restart")
    await system.until_healthy("payment-2", before.incarnation + 1)


async def test_gateway_is_restarted_on_its_port(system: RunningSystem) -> None:
    before = next(row for row in (await system.control.processes()).items if row.name == "gateway")
    await system.control.act_on_process("gateway", "kill")
    async with asyncio.timeout(10.0):
        while True:
            after = next(row for row in (await system.control.processes()).items if row.name == "gateway")
            if after.status == Status.HEALTHY and after.incarnation == before.incarnation + 1:
                break
            await asyncio.sleep(0.02)
    assert after.port == before.port
    assert (await system.gateway.get("/health")).status_code == 200


async def test_process_that_dies_by_itself_is_started_again_and_says_by_what(system: RunningSystem) -> None:
    before = await system.instance("notification-1")
    assert before.pid is not None
    seq = await last_seq(system)
    psutil.Process(before.pid).kill()
    await system.until_healthy("notification-1", before.incarnation + 1)
    exit_, start, _ = await journal_since(system, seq, "notification-1")
    assert (exit_.cause, exit_.after, exit_.in_rotation) == ("exit", Status.STOPPED, False)
    assert exit_.reason == "killed by signal 9; restarting in 0.05 s"
    assert (start.cause, start.incarnation) == ("start", before.incarnation + 1)


# --- the registry ---------------------------------------------------------------------------------------------------


async def healthy(client: Client) -> None:
    await client.read()
    await client.answer(b"{}")


async def test_instance_of_others_is_registered_checked_renewed_and_taken_back(
    system: RunningSystem, raw: httpx.AsyncClient, guest: str
) -> None:
    upstream = RawUpstream(healthy)
    async with running(upstream):
        asked = Registration(host="127.0.0.1", port=upstream.port, ttl=30.0, health_path="/up", weight=2)
        answer = await raw.put("/v1/registry/guest/guest-a", json=msgspec.to_builtins(asked))
        assert answer.status_code == 201
        assert answer.json().keys() == {"id", "expiresAt"}
        row = await system.until_healthy("guest-a")
        assert (row.external, row.pid, row.service, row.weight, row.port) == (
            True,
            None,
            "guest",
            2,
            upstream.port,
        )
        assert row.expires_at == pytest.approx(answer.json()["expiresAt"])
        assert upstream.requests[0].line == "GET /up HTTP/1.1"
        renewed = await system.control.heartbeat("guest", "guest-a")
        assert renewed.expires_at > answer.json()["expiresAt"]
        assert (await system.control.system()).total == 9
        for action in ("kill", "restart"):
            error = await refused(system.control.act_on_instance("guest-a", action), "CONFLICT")
            assert "not started by this system" in error.message
    await system.until(lambda rows: rows["guest-a"].status is Status.UNHEALTHY)
    assert (await system.instance("guest-a")).reason == "2 checks in a row failed: connection refused"
    await system.control.deregister("guest", "guest-a")
    await refused(system.control.heartbeat("guest", "guest-a"), "NOT_FOUND")
    state = await system.control.system()
    assert (state.status, state.reason) == (SystemStatus.DEGRADED, "guest")  # nobody serves it now


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/registry/user/user-1", {"host": "127.0.0.1", "port": 9, "ttl": 5}, "CONFLICT"),
        ("/v1/registry/guest/g-1", {"host": "127.0.0.1", "port": 9}, "VALIDATION_FAILED"),
        ("/v1/registry/guest/g-1", {"host": "127.0.0.1", "port": 0, "ttl": 5}, "VALIDATION_FAILED"),
        ("/v1/registry/guest/g-1", {"host": "127.0.0.1", "port": 9, "ttl": 0.5}, "VALIDATION_FAILED"),
        ("/v1/registry/guest/g-1", {"host": "127.0.0.1", "port": 9, "ttl": 3601}, "VALIDATION_FAILED"),
        ("/v1/registry/guest/g-1", {"host": "", "port": 9, "ttl": 5}, "VALIDATION_FAILED"),
        ("/v1/registry/guest/g-1", {"host": "a\r\nX: y", "port": 9, "ttl": 5}, "VALIDATION_FAILED"),
        (
            "/v1/registry/guest/g-1",
            {"host": "h", "port": 9, "ttl": 5, "healthPath": "up"},
            "VALIDATION_FAILED",
        ),
        (
            "/v1/registry/guest/g-1",
            {"host": "h", "port": 9, "ttl": 5, "healthPath": "/\n"},
            "VALIDATION_FAILED",
        ),
        ("/v1/registry/guest/g%201", {"host": "h", "port": 9, "ttl": 5}, "VALIDATION_FAILED"),
        ("/v1/registry/guest/" + "g" * 61, {"host": "h", "port": 9, "ttl": 5}, "VALIDATION_FAILED"),
        ("/v1/registry/gest/g-1", {"host": "h", "port": 9, "ttl": 5}, "NOT_FOUND"),
    ],
)
@pytest.mark.usefixtures("guest")
async def test_registration_that_cannot_be_is_refused(
    system: RunningSystem, raw: httpx.AsyncClient, path: str, body: dict[str, Any], code: str
) -> None:
    answer = await raw.put(path, json=body)
    assert answer.json()["error"]["code"] == code
    assert [row.id for row in (await system.control.instances()).items] == OWN


@pytest.mark.usefixtures("guest")
async def test_instance_named_like_a_process_gives_no_hold_on_that_process(system: RunningSystem) -> None:
    pid = next(row.pid for row in (await system.control.processes()).items if row.name == "gateway")
    await system.control.register("guest", "gateway", Registration(host="127.0.0.1", port=9, ttl=5.0))
    await refused(system.control.act_on_instance("gateway", "kill"), "CONFLICT")
    await system.control.deregister("guest", "gateway")
    assert pid == next(row.pid for row in (await system.control.processes()).items if row.name == "gateway")


async def test_scaling_up_takes_an_id_that_somebody_registered(system: RunningSystem) -> None:
    await system.control.register("payment", "payment-3", Registration(host="127.0.0.1", port=9, ttl=1.0))
    assert (await system.instance("payment-3")).in_rotation
    await system.control.patch_service("payment", ServicePatch(replicas=3))
    own = await healthy_by_now(system, "payment-3")
    assert (own.external, own.pid is not None) == (False, True)
    await refused(system.control.heartbeat("payment", "payment-3"), "NOT_FOUND")
    await system.control.patch_service("payment", ServicePatch(replicas=2))
    assert (await system.control.services()).items[2].replicas == 2
    await system.control.patch_service("payment", ServicePatch(replicas=3))
    kept = await healthy_by_now(system, "payment-3")
    assert (kept.pid, kept.incarnation) == (own.pid, own.incarnation), "wanted again before it had ended"
    await system.control.patch_service("payment", ServicePatch(replicas=2))
    await system.until(lambda rows: "payment-3" not in rows)


async def test_service_without_instances_says_so_to_callers_too(system: RunningSystem) -> None:
    """Why there is none is told anew when it changes, not only when the last one left."""
    await system.control.patch_settings({"limits": {"limit": 100_000}})
    token = await system.login()
    await system.control.patch_service("notification", ServicePatch(replicas=0))
    await system.until(lambda rows: not [row for row in rows.values() if row.service == "notification"])
    async with asyncio.timeout(5.0):
        while True:
            answer = await system.gateway.get("/api/notifications", headers=token)
            error = answer.json()["error"]
            if "no instances" in error["message"]:
                break
            await asyncio.sleep(0.02)
    assert (answer.status_code, error["code"]) == (503, "SERVICE_UNAVAILABLE")
    await system.control.patch_service("notification", ServicePatch(replicas=2))
    for instance in ("notification-1", "notification-2"):
        await system.until_healthy(instance)
    assert (await system.control.patch_settings({"limits": None})).settings == settings_away_from_others()
