"""Faults of the HTTP edge in the running system: armed by the API, seen by a client of the gateway, proved, removed."""

import asyncio
import time
from typing import Any

import httpx
import jwt
import pytest

from embedded_services.client.errors import ControlError
from embedded_services.client.stream_client import StreamClient
from embedded_services.contracts.faults import Fault, FaultScope, FaultState, FaultTarget, NewFault
from tests.helpers.eventually import until
from tests.helpers.system import RunningSystem
from tests.integration.faults.conftest import Arm, at_once, gets, proved

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIMES = 6


@pytest.mark.parametrize("scope", list(FaultScope))
@pytest.mark.parametrize(
    ("kind", "params", "statuses"),
    [
        ("abort", {"status": 418}, {418}),
        ("drop-connection", {}, {502, 503}),
        ("truncate-body", {}, {502, 503}),
        ("malformed-body", {"what": "http"}, {502, 503}),
    ],
)
async def test_a_client_sees_it_and_it_is_proved_and_removed(
    system: RunningSystem,
    user: dict[str, str],
    arm: Arm,
    kind: str,
    params: dict[str, Any],
    statuses: set[int],
    scope: FaultScope,
) -> None:
    assert set(await at_once(system, user, 20)) == {200}
    fault = await arm(kind, service="order", route="/api/products", scope=scope, **params)
    assert fault.state is FaultState.ACTIVE
    assert set(await gets(system, user, TIMES)) <= statuses
    told = await proved(system, fault, lambda told: told.proof.client_requests == TIMES)
    proof = told.proof
    assert proof.client_failures == TIMES
    assert proof.injected == proof.eligible > 0
    assert proof.last
    assert all(len(one.trace_id) == 32 and one.request_id for one in proof.last)
    removed = await system.control.remove_fault(fault.id)
    assert removed.state is FaultState.REMOVED
    await until_well(system, user)


async def until_well(system: RunningSystem, user: dict[str, str]) -> None:
    """Breakers that the fault has opened close again by themselves."""

    async def look() -> bool | None:
        return set(await gets(system, user, 3)) == {200} or None

    await until(look)


async def test_malformed_json_arrives_with_a_status_that_does_not_say_so(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("malformed-body", service="order")
    answer = await system.gateway.get("/api/products", headers=user)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    await proved(system, fault, lambda told: told.proof.client_failures == 1)


async def test_latency_is_as_long_as_it_was_asked_to_be(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("latency", service="order", ms=120)
    began = time.monotonic()
    assert await gets(system, user, 4) == [200] * 4
    assert time.monotonic() - began >= 0.48
    told = await proved(system, fault, lambda told: told.proof.client_requests == 4)
    assert told.proof.injected >= 4
    assert told.proof.client_failures == 0
    assert told.proof.added_ms is not None
    assert told.proof.added_ms.p50 is not None
    assert told.proof.added_ms.p50 >= 120


async def test_bandwidth_makes_a_body_slow(system: RunningSystem, user: dict[str, str], arm: Arm) -> None:
    size = len((await system.gateway.get("/api/products", headers=user)).content)
    await arm("bandwidth", service="order", kbPerS=size / 200)
    began = time.monotonic()
    assert await gets(system, user, 1) == [200]
    assert time.monotonic() - began >= 0.19


async def test_retries_hide_what_strikes_one_instance(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("abort", instance="order-1")
    assert await gets(system, user, 12) == [200] * 12
    told = await proved(system, fault, lambda told: told.proof.injected > 0)
    assert told.proof.client_failures == 0
    assert told.target == FaultTarget(instance="order-1")


async def test_only_the_method_the_header_or_the_user_that_is_meant_is_hit(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    await arm("abort", service="order", header="X-Canary: yes", status=418)
    canary = await system.gateway.get("/api/products", headers={**user, "X-Canary": "yes"})
    plain = await system.gateway.get("/api/products", headers=user)
    assert (canary.status_code, plain.status_code) == (418, 200)
    await system.control.restore_all()
    await arm("abort", service="order", method="DELETE", status=418)
    assert await gets(system, user, 1) == [200]
    assert (await system.gateway.delete("/api/cart", headers=user)).status_code == 418
    await system.control.restore_all()
    claims = jwt.decode(user["Authorization"].split()[1], options={"verify_signature": False})
    me = claims["sub"]
    await arm("abort", service="order", user=me, status=418)
    assert await gets(system, user, 1) == [418]
    admin = await system.login("admin@faultdeck.local")
    assert await gets(system, admin, 1) == [200]


async def test_a_probability_of_zero_never_strikes(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("abort", service="order", probability=0, status=418)
    assert set(await at_once(system, user, 200)) == {200}
    told = await proved(system, fault, lambda told: told.proof.eligible == 200)
    assert told.proof.injected == 0


async def test_the_same_seed_strikes_the_same_requests(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    runs = []
    for _ in range(2):
        fault = await arm("abort", service="order", probability=0.4, seed=99, status=418)
        runs.append(await gets(system, user, 20))
        await system.control.remove_fault(fault.id)
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 418}


async def test_calls_of_the_orchestrator_are_hit_alike(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("latency", service="payment", process="orchestrator", ms=50)
    product = (await system.gateway.get("/api/products", headers=user)).json()["items"][0]["id"]
    order = await system.gateway.post(
        "/api/orders", headers=user, json={"items": [{"productId": product, "quantity": 1}]}
    )
    assert order.status_code == 202
    told = await proved(system, fault, lambda told: told.proof.injected > 0)
    assert {one.where for one in told.proof.last} == {"orchestrator"}
    assert await gets(system, user, 1, "/api/payments") == [200]
    assert told.proof.eligible == (await system.control.fault(fault.id)).proof.eligible


async def test_no_client_sees_or_sends_the_header_of_faults(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("lying-health", service="order", probability=0)
    forged = {**user, "X-Faultdeck-Faults": f"{fault.id}=5000.0!"}
    for _ in range(3):
        answer = await system.gateway.get("/api/products", headers=forged)
        assert "x-faultdeck-faults" not in answer.headers
    slow = await arm("latency", service="notification", ms=1)
    assert await gets(system, user, 1, "/api/notifications") == [200]
    await proved(system, slow, lambda told: told.proof.client_requests == 1)
    assert (await system.control.fault(fault.id)).proof.client_requests == 0


async def test_it_ends_when_its_time_is_over_and_can_be_given_more(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    short = await arm("abort", service="order", status=418, ttl=1)
    longer = await system.control.extend_fault(short.id, 2)
    assert longer.expires_at > short.expires_at
    told = await proved(system, short, lambda told: told.state is FaultState.EXPIRED)
    assert told.ended_at is not None
    assert told.ended_at >= longer.expires_at
    assert await gets(system, user, 1) == [200]


async def test_the_stream_tells_of_faults(system: RunningSystem, arm: Arm, user: dict[str, str]) -> None:
    async with StreamClient(system.ready.control, system.ready.token, ["faults"]) as stream:
        fault = await arm("abort", service="order", status=418)
        await gets(system, user, 2)
        row: dict[str, Any] | None = None
        async for _ in stream:
            row = stream.state.rows("faults").get(fault.id)
            if row is not None and row["proof"]["injected"] == 2:
                break
        assert row is not None
        assert row["state"] == "active"


async def test_restore_all_lets_a_thousand_connections_go_on(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("latency", service="order", ms=60_000)
    host, port = httpx.URL(system.ready.gateway).host, httpx.URL(system.ready.gateway).port
    request = (
        f"POST /api/products HTTP/1.1\r\nHost: {host}\r\nAuthorization: {user['Authorization']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    ).encode()

    async def status() -> bytes:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(request)
            return (await reader.read())[9:12]
        finally:
            writer.close()

    clients = asyncio.gather(*(status() for _ in range(1_000)))
    await proved(system, fault, lambda told: told.proof.injected == 1_000)
    restored = await system.control.restore_all()
    assert (restored.removed, restored.pending) == ([fault.id], [])
    assert not {answer for answer in await clients if answer[:1] not in (b"4", b"5")}
    assert (await system.control.fault(fault.id)).state is FaultState.REMOVED


def wish(kind: str = "latency", **given: Any) -> NewFault:
    return NewFault(kind=kind, **given)


ORDER = FaultTarget(service="order")


@pytest.mark.parametrize(
    ("asked", "field", "says"),
    [
        (wish("chaos", target=ORDER), "kind", "there are: kill"),
        (wish(), "target", "one of service, instance, route"),
        (
            wish(target=FaultTarget(service="shipping")),
            "target.service",
            "user, order, payment, notification",
        ),
        (wish(target=FaultTarget(instance="order-9")), "target.instance", "order-1"),
        (wish(target=FaultTarget(service="user", instance="order-1")), "target.instance", "user-1"),
        (wish(target=FaultTarget(service="order", queue="q")), "target.queue", "it takes: service"),
        (wish("kill", target=FaultTarget(process="postgres")), "target.process", "broker"),
        (wish("kill", target=FaultTarget(process="broker", instance="order-1")), "target", "only one of"),
        (wish("fail-step", target=FaultTarget(step="ship")), "target.step", "reserve-inventory"),
        (wish(target=ORDER, params={"ms": -1}), "params.ms", "at least 0"),
        (wish(target=ORDER, params={"ms": 60_001}), "params.ms", "at most 60000"),
        (wish(target=ORDER, params={"shape": "x"}), "params.shape", "distribution"),
        (wish("abort", target=ORDER, params={"status": 200}), "params.status", "at least 400"),
        (wish("kill", target=FaultTarget(instance="order-1"), probability=0.5), "probability", "nothing"),
        (wish("lying-health", target=ORDER, scope=FaultScope.CONNECTION), "scope", "request"),
        (wish("alg-none-token"), "kind", "console"),
        (wish(target=FaultTarget(route="/api/shipping")), "target.route", "/api/products"),
        (wish(target=FaultTarget(route="/api/products", service="user")), "target.route", "leads to order"),
        (
            wish("delay", target=FaultTarget(queue="notification.events.dead")),
            "target.queue",
            "notification.events",
        ),
        (wish(target=ORDER, ttl=0.5), "ttl", "at least 1"),
        (wish(target=ORDER, ttl=3601), "ttl", "at most 3600"),
        (wish(target=ORDER, probability=1.01), "probability", "at most 1"),
        (wish("locked-database", target=ORDER, probability=0.5), "probability", "nothing"),
        (wish(target=ORDER, params={"everyS": 5, "forS": 5}), "params.everyS", "needs a forS"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_the_field_and_what_there_is(
    system: RunningSystem, asked: NewFault, field: str, says: str
) -> None:
    before = {fault.id for fault in (await system.control.faults()).items}
    with pytest.raises(ControlError) as refused:
        await system.control.arm_fault(asked)
    (detail,) = refused.value.details
    assert (refused.value.code, detail.field) == ("VALIDATION_FAILED", field)
    assert says in detail.message
    assert {fault.id for fault in (await system.control.faults()).items} == before


async def test_a_contradiction_is_refused_and_says_why(system: RunningSystem, arm: Arm) -> None:
    lie: Fault = await arm("lying-health", service="order", probability=0)
    with pytest.raises(ControlError, match=f"contradicts lying-health \\({lie.id}\\)") as refused:
        await arm("false-alarm", instance="order-1", probability=0)
    assert refused.value.status == 409


async def test_the_catalogue_is_told(system: RunningSystem) -> None:
    told = await system.control.fault_catalogue()
    assert len(told.items) == 28
    latency = next(kind for kind in told.items if kind.kind == "latency")
    assert {param.name: param.unit for param in latency.params}["ms"] == "ms"
