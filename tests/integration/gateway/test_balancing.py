"""How the gateway's balancing shows at its edges: keys of requests, live changes, and what is told upwards."""

import asyncio

import msgspec

from embedded_services.contracts.gateway import DecisionKind, Pick, Upstream
from embedded_services.contracts.settings import (
    BreakerPolicy,
    CallPolicy,
    OutlierPolicy,
    RetryPolicy,
    Settings,
    Strategy,
)
from tests.helpers.raw_upstream import Client, RawUpstream
from tests.integration.gateway.conftest import BOTH_PATHS, Running, Start, settings

pytestmark = BOTH_PATHS

CALM = CallPolicy(retries=RetryPolicy(backoff_s=0), breaker=BreakerPolicy(minimum_calls=3))


def balanced(strategy: Strategy, **changes: object) -> Settings:
    demo = settings(policy=CALM)
    user = msgspec.structs.replace(demo.services["user"], strategy=strategy, **changes)
    return msgspec.structs.replace(demo, services={**demo.services, "user": user})


def three() -> list[RawUpstream]:
    return [RawUpstream(name=f"user-{number}") for number in (1, 2, 3)]


async def served_by(gateway: Running, **headers: str) -> str:
    response = await gateway.get("/api/users", **headers)
    assert response.status == 200
    return str(response.headers["x-service-instance"])


def told(gateway: Running) -> tuple[Upstream, list[Pick]]:
    beat = gateway.beat()
    assert beat is not None
    return next(row for row in beat.upstreams if row.service == "user"), beat.picks


async def test_a_header_can_decide_where_a_request_goes(start: Start) -> None:
    hashed = balanced(Strategy.CONSISTENT_HASH, hash_key="header:X-Tenant")
    gateway = await start(hashed, user=three())
    homes = {tenant: await served_by(gateway, **{"X-Tenant": tenant}) for tenant in "abcdefghijkl"}
    assert len(set(homes.values())) == 3
    for tenant, home in homes.items():
        assert await served_by(gateway, **{"X-Tenant": tenant}) == home
    _, picks = told(gateway)
    assert {pick.chosen.why for pick in picks} == {"hash of header X-Tenant lands here"}
    gateway.apply(balanced(Strategy.CONSISTENT_HASH, hash_key="ip"))
    assert len({await served_by(gateway, **{"X-Tenant": tenant}) for tenant in homes}) == 1


async def test_another_strategy_moves_the_shares_at_once(start: Start) -> None:
    gateway = await start(balanced(Strategy.ROUND_ROBIN), user=three())
    for _ in range(9):
        await served_by(gateway)
    row, _ = told(gateway)
    assert [target.share for target in row.targets] == [0.3333] * 3
    assert row.fairness == 1.0
    gateway.apply(balanced(Strategy.WEIGHTED_ROUND_ROBIN, weights={"user-1": 4}))
    for _ in range(12):
        await served_by(gateway)
    row, picks = told(gateway)
    assert row.strategy is Strategy.WEIGHTED_ROUND_ROBIN
    assert [(target.share, target.expected) for target in row.targets] == [
        (0.6667, 0.6667),
        (0.1667, 0.1667),
        (0.1667, 0.1667),
    ]
    assert {pick.chosen.why for pick in picks} == {"weight 4 of 6", "weight 1 of 6"}


async def test_a_breaker_opens_and_is_told_and_a_client_cannot_set_its_own_deadline(start: Start) -> None:
    async def fails(client: Client) -> None:
        while True:
            await client.read()
            await client.answer(b"", status=500)

    broken = balanced(Strategy.ROUND_ROBIN)
    user = msgspec.structs.replace(
        broken.services["user"],
        policy=msgspec.structs.replace(CALM, outliers=OutlierPolicy(enabled=False)),
    )
    bad, sound = RawUpstream(fails, "user-1"), RawUpstream(name="user-2")
    gateway = await start(
        msgspec.structs.replace(broken, services={**broken.services, "user": user}), user=[bad, sound]
    )
    headers = {"X-Request-Deadline-Ms": "1"}
    statuses = [(await gateway.get("/api/users", **headers)).status for _ in range(10)]
    assert statuses.count(500) == len(bad.requests) == 3
    assert all(4500 < int(request.headers["x-request-deadline-ms"]) <= 5000 for request in sound.requests)
    await asyncio.sleep(0)
    beat = gateway.beat()
    assert beat is not None
    assert [(one.kind, one.instance) for one in beat.decisions] == [(DecisionKind.BREAKER_OPENED, "user-1")]
