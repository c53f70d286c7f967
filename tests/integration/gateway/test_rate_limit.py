"""The limit as clients meet it, over real sockets."""

import asyncio
import json
import re

import pytest

from embedded_services.contracts.limits import Algorithm, LimitSettings
from tests.helpers.raw_client import request
from tests.helpers.raw_upstream import RawUpstream
from tests.integration.gateway.conftest import Running, Start, bearer, settings


async def statuses(gateway: Running, count: int, connections: int = 50, /, **headers: str) -> list[int]:
    """`count` requests at the same time, over some connections: all are sent before an answer is read."""
    seen: list[int] = []

    async def ask(share: int) -> None:
        client = await gateway.connect()
        await client.send(request("GET", "/api/users", **headers) * share)
        seen.extend([(await client.read()).status for _ in range(share)])

    await asyncio.gather(*(ask(count // connections) for _ in range(connections)))
    return seen


@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_of_a_thousand_at_once_exactly_the_limit_passes(start: Start, algorithm: Algorithm) -> None:
    limits = LimitSettings(algorithm=algorithm, limit=137, window_s=3600)
    gateway = await start(user=[RawUpstream()], settings=settings(limits=limits))
    seen = await statuses(gateway, 1000, **bearer())
    assert (seen.count(200), seen.count(429)) == (137, 863)


async def test_who_is_over_the_limit_is_told_when_to_come_back(start: Start) -> None:
    gateway = await start(user=[RawUpstream()], settings=settings(limits=LimitSettings(limit=2, window_s=60)))
    for left in (1, 0):
        response = await gateway.get("/api/users")
        assert response.status == 200
        assert response.headers["ratelimit-policy"] == '"default";q=2;w=60'
        assert re.fullmatch(rf'"default";r={left};t=(60|59)', response.headers["ratelimit"])
    refused = await gateway.get("/api/users")
    assert refused.status == 429
    error = refused.json["error"]
    assert (error["code"], error["message"]) == ("RATE_LIMIT_EXCEEDED", "Too many requests")
    assert error["retryAfter"] == int(refused.headers["retry-after"])
    assert 1 <= error["retryAfter"] <= 60
    assert refused.headers["ratelimit"].startswith('"default";r=0;t=')
    assert refused.headers["access-control-allow-origin"] == "*"


async def test_limiting_comes_before_authentication_and_spares_what_must_always_answer(start: Start) -> None:
    gateway = await start(user=[RawUpstream()], settings=settings(limits=LimitSettings(limit=1)))
    assert (await gateway.ask("GET", "/api/users")).status == 401
    assert (await gateway.ask("GET", "/api/users")).status == 429
    for path in ("/health", "/metrics"):
        for _ in range(3):
            response = await gateway.ask("GET", path)
            assert response.status == 200
            assert "ratelimit" not in response.headers
    assert (await gateway.ask("GET", "/ready")).status == 503
    assert (await gateway.ask("OPTIONS", "/api/users")).status == 200
    assert (await gateway.ask("GET", "/healthanything")).status == 429


async def test_a_live_edit_keeps_the_counts(start: Start) -> None:
    gateway = await start(user=[RawUpstream()], settings=settings(limits=LimitSettings(limit=5)))
    assert (await statuses(gateway, 10, 1, **bearer())).count(200) == 5
    gateway.apply(settings(limits=LimitSettings(limit=8)))
    assert (await statuses(gateway, 10, 1, **bearer())).count(200) == 3
    gateway.apply(settings(limits=LimitSettings(limit=9, algorithm=Algorithm.SLIDING_WINDOW)))
    assert (await statuses(gateway, 10, 1, **bearer())).count(200) == 1


async def test_clients_can_be_told_apart_by_user_or_by_a_header(start: Start) -> None:
    gateway = await start(user=[RawUpstream()], settings=settings(limits=LimitSettings(limit=3, key="user")))
    for user in ("u1", "u2"):
        assert (await statuses(gateway, 5, 1, **bearer(user=user))).count(200) == 3
    assert (await statuses(gateway, 5, 1, Authorization="Bearer forged")).count(403) == 3
    gateway.apply(settings(limits=LimitSettings(limit=2, key="header:X-API-Key")))
    for key in ("k1", "k2"):
        assert (await statuses(gateway, 5, 1, **bearer(), X_Api_Key=key)).count(200) == 2


async def test_a_refused_request_reaches_nobody_and_is_recorded(start: Start) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream], settings=settings(limits=LimitSettings(limit=1)))
    assert await statuses(gateway, 2, 1, **bearer()) == [200, 429]
    assert len(upstream.requests) == 1
    beat = gateway.beat()
    assert beat is not None
    assert [(record.status, record.instance) for record in beat.requests] == [(200, "user-1"), (429, None)]
    assert json.loads(json.dumps(beat.requests_seq)) == 2


async def test_the_answer_after_an_edit_tells_of_the_new_rule(start: Start) -> None:
    gateway = await start(user=[RawUpstream()], settings=settings(limits=LimitSettings(limit=100)))
    assert (await gateway.get("/api/users")).headers["ratelimit"].startswith('"default";r=99;')
    gateway.apply(settings(limits=LimitSettings(limit=10, window_s=30)))
    response = await gateway.get("/api/users")
    assert response.headers["ratelimit-policy"] == '"default";q=10;w=30'
    assert response.headers["ratelimit"].startswith('"default";r=8;')


async def test_what_counts_is_told_and_listed_and_one_client_is_let_off(start: Start) -> None:
    gateway = await start(
        user=[RawUpstream()], settings=settings(limits=LimitSettings(limit=2, key="header:X-Key"))
    )
    assert (await statuses(gateway, 5, 1, **bearer(), X_Key="a b/c")).count(429) == 3
    beat = gateway.limit_beat()
    assert beat is not None
    assert beat.limits is not None
    assert (beat.limits.allowed, beat.limits.limited, beat.limits.clients) == (2, 3, 1)
    assert beat.limit_clients is not None
    (row,) = beat.limit_clients
    assert (row.key, row.count, row.remaining, row.allowed, row.limited) == ("header a b/c", 2, 0, 2, 3)
    assert await gateway.command("reset-limits", "header a b/c") is True
    assert (await statuses(gateway, 3, 1, **bearer(), X_Key="a b/c")).count(200) == 2
    (row,) = (await gateway.command("limit-clients", {})).items
    assert (row.count, row.allowed, row.limited) == (2, 4, 4)


async def test_of_a_thousand_of_one_connection_the_limit_passes_also_after_a_reset(start: Start) -> None:
    gateway = await start(user=[RawUpstream()], settings=settings(limits=LimitSettings(limit=100)))
    for _ in range(2):
        assert (await statuses(gateway, 200, 10, **bearer())).count(200) == 100
        assert await gateway.command("reset-limits") is True
