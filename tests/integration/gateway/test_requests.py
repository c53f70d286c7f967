"""What a client sees of the gateway, over real sockets: routing, identity, ids, CORS, its own endpoints, errors."""

import asyncio
import json
import re
from collections.abc import Callable

import pytest

from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.settings import CallPolicy, GatewaySettings, Route
from tests.helpers.raw_upstream import Client, RawUpstream, Script, eventually
from tests.integration.gateway.conftest import QUICK, Start, bearer, settings, token

EXPOSED = (
    "X-Request-ID",
    "X-Response-Time",
    "X-Service-Instance",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
)


async def test_a_request_reaches_its_service_without_the_prefix_and_the_answer_comes_back(
    start: Start,
) -> None:
    async def script(client: Client) -> None:
        await client.read()
        await client.answer(
            b'{"id":"u1"}',
            200,
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: application/json\r\nX-Thing: 1\r\nX-Request-ID: theirs\r\n",
        )

    upstream = RawUpstream(script)
    gateway = await start(user=[upstream])
    response = await gateway.get("/api/users/u1?b=%2F&a=a+b&a=&&x", Accept="text/plain", Host2="x")
    assert (response.status, response.json) == (200, {"id": "u1"})
    (request,) = upstream.requests
    assert request.line == "GET /users/u1?b=%2F&a=a+b&a=&&x HTTP/1.1"
    assert request.headers["accept"] == "text/plain"
    assert request.headers["host"] == f"127.0.0.1:{upstream.port}"
    assert request.headers["x-forwarded-host"] == "gateway.test"
    assert request.headers["x-forwarded-for"] == "127.0.0.1"
    assert request.headers["x-user-id"] == "u1"
    assert request.headers["x-user-role"] == "customer"
    assert re.fullmatch(r"\d{13}", request.headers["x-gateway-time"])
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", request.headers["traceparent"])
    assert request.headers["x-request-id"] == response.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{16}", response.headers["x-request-id"])
    assert re.fullmatch(r"\d+\.\dms", response.headers["x-response-time"])
    assert response.headers["x-service-instance"] == "user-1"
    assert response.headers["x-thing"] == "1"
    assert response.headers["date"] == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert response.headers["content-type"] == "application/json"
    assert "ratelimit" in response.headers
    assert "connection" not in response.headers


async def test_a_client_cannot_name_itself(start: Start) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    forged = {"X_User_ID": "admin", "x_user_role": "admin", "X-USER-ROLE": "admin", "X_User_Email": "a@b"}
    await gateway.get("/api/users", **forged)
    client = await gateway.connect()
    await client.send(
        b"GET /api/users HTTP/1.1\r\nHost: x\r\nX_User_ID: admin\r\nx-user_role: admin\r\n"
        b"Authorization: Bearer " + token().encode() + b"\r\nConnection: X-User-ID\r\n\r\n"
    )
    assert (await client.read()).status == 200
    for request in upstream.requests:
        told = {name: value for name, value in request.headers.items() if "user" in name}
        assert told == {"x-user-id": "u1", "x-user-role": "customer"}


async def test_a_public_route_needs_no_token_and_says_nothing_of_who_asks(start: Start) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    response = await gateway.ask(
        "POST", "/api/auth/login", b"{}", X_User_ID="admin", Content_Type="application/json"
    )
    assert response.status == 200
    assert upstream.requests[0].body == b"{}"
    assert "x-user-id" not in upstream.requests[0].headers


@pytest.mark.parametrize(
    "path", ["/api/auth/login/", "/api/auth/login/x", "/api/auth/loginx", "/healthanything", "/health/x", "/"]
)
async def test_only_the_exact_public_paths_are_public(start: Start, path: str) -> None:
    gateway = await start(user=[RawUpstream()])
    response = await gateway.ask("POST", path)
    assert (response.status, response.error) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "path",
    [
        "/api/auth/login/../users",
        "/api/auth/login/%2e%2e/%2e%2e/users",
        "/api/auth/login%2f..%2f..%2fusers",
        "/api//users",
        "//api/users",
        "/api/users/..%5c..%5cadmin",
        "/api/users/%00",
        "/./health",
        "/api/%2e%2e/health",
        "/api/users#x",
    ],
)
async def test_a_path_that_could_be_read_in_two_ways_is_refused(start: Start, path: str) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    for headers in ({}, bearer()):
        response = await gateway.ask("GET", path, **headers)
        assert (response.status, response.error) == (400, "VALIDATION_FAILED")
    assert upstream.requests == []


async def test_without_a_token_one_is_asked_for_and_a_bad_one_is_invalid(start: Start) -> None:
    gateway = await start(user=[RawUpstream()])
    missing = await gateway.ask("GET", "/api/users")
    assert missing.status == 401
    assert missing.json["error"]["message"] == "Access token required"
    assert missing.json["error"]["requestId"] == missing.headers["x-request-id"]
    assert missing.headers["www-authenticate"] == "Bearer"
    expired = await gateway.ask("GET", "/api/users", **bearer(exp=1))
    assert expired.status == 403
    assert expired.error == "INVALID_TOKEN"
    assert (await gateway.ask("GET", "/api/users", Authorization="Bearer x.y.z")).error == "INVALID_TOKEN"
    assert (await gateway.ask("GET", "/api/users", Authorization="Basic YTpi")).error == "UNAUTHORIZED"


async def test_an_unknown_path_is_not_found_for_whoever_may_ask(start: Start) -> None:
    gateway = await start()
    assert (await gateway.ask("GET", "/api/nothing")).status == 401
    response = await gateway.get("/api/nothing?x=1")
    assert response.status == 404
    assert response.json["error"] == {
        "code": "NOT_FOUND",
        "message": "API endpoint not found",
        "requestId": response.headers["x-request-id"],
        "path": "/api/nothing",
    }


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/api/auth/login", "POST"), ("POST", "/health", "GET, HEAD"), ("POST", "/api/dashboard", "GET, HEAD"), ("TRACE", "/api/users", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")],
)  # fmt: skip
async def test_a_method_that_is_not_allowed_is_told_which_are(
    start: Start, method: str, path: str, allowed: str
) -> None:
    gateway = await start(user=[RawUpstream()])
    response = await gateway.ask(method, path, **bearer())
    assert (response.status, response.error) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == allowed


async def test_the_clients_own_request_id_and_trace_go_along(start: Start) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    parent = f"00-{'1' * 32}-{'2' * 16}-01"
    response = await gateway.get("/api/users", X_Request_ID="my-request-1", traceparent=parent)
    assert response.headers["x-request-id"] == "my-request-1"
    assert upstream.requests[0].headers["x-request-id"] == "my-request-1"
    assert upstream.requests[0].headers["traceparent"].startswith(f"00-{'1' * 32}-")
    assert upstream.requests[0].headers["traceparent"] != parent
    assert (await gateway.get("/api/users", X_Request_ID="x")).headers["x-request-id"] != "x"


async def test_a_preflight_is_answered_for_any_path(start: Start) -> None:
    gateway = await start()
    for path in ("/api/users", "/api/nothing", "/"):
        response = await gateway.ask(
            "OPTIONS", path, Origin="http://page.test", Access_Control_Request_Method="PATCH"
        )
        assert response.status == 200
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["access-control-allow-methods"] == "GET,PUT,POST,PATCH,DELETE,OPTIONS"
        for name in ("Content-Type", "Authorization", "Idempotency-Key"):
            assert name in response.headers["access-control-allow-headers"]


async def test_every_answer_may_be_read_by_any_page(start: Start) -> None:
    gateway = await start(user=[RawUpstream()])
    for response in (
        await gateway.get("/api/users"),
        await gateway.ask("GET", "/api/users"),
        await gateway.get("/x"),
    ):
        assert response.headers["access-control-allow-origin"] == "*"
        for name in EXPOSED:
            assert name in response.headers["access-control-expose-headers"]


async def test_health_and_readiness(start: Start) -> None:
    upstreams = {
        name: [RawUpstream(name=f"{name}-1")] for name in ("user", "order", "payment", "notification")
    }
    gateway = await start(**upstreams)
    health = await gateway.ask("GET", "/health")
    assert health.status == 200
    assert health.json["status"] == "healthy"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", health.json["timestamp"])
    assert (await gateway.ask("HEAD", "/health")).status == 200
    assert health.headers["date"].endswith("GMT")
    ready = await gateway.ask("GET", "/ready")
    assert (ready.status, ready.json["status"]) == (200, "ready")
    gateway.rotate(
        {name: one for name, one in upstreams.items() if name != "payment"}, reason="both are frozen"
    )
    not_ready = await gateway.ask("GET", "/ready")
    assert not_ready.status == 503
    assert not_ready.json["services"]["payment"] == {"instances": 0, "reason": "both are frozen"}
    assert not_ready.json["services"]["user"] == {"instances": 1, "reason": ""}


async def test_metrics_tell_what_happened(start: Start) -> None:
    gateway = await start(user=[RawUpstream()])
    await gateway.get("/api/users")
    await gateway.get("/api/nothing")
    text = (await gateway.ask("GET", "/metrics")).body.decode()
    assert 'faultdeck_gateway_requests_total{route="/api/users",service="user",code="200"} 1' in text
    assert 'faultdeck_gateway_requests_total{route="none",service="",code="404"} 1' in text
    assert 'faultdeck_gateway_upstream_tries_total{instance="user-1"} 1' in text


async def test_what_is_refused_counts_for_the_route_that_was_asked(start: Start) -> None:
    limits = LimitSettings(limit=2)
    gateway = await start(user=[RawUpstream()], settings=settings(limits=limits))
    for status in (401, 403, 429):
        headers = {"Authorization": "Bearer forged"} if status == 403 else {}
        assert (await gateway.ask("GET", "/api/users/7", **headers)).status == status
    text = (await gateway.ask("GET", "/metrics")).body.decode()
    for status in (401, 403, 429):
        assert (
            f'faultdeck_gateway_requests_total{{route="/api/users",service="user",code="{status}"}} 1' in text
        )
    beat = gateway.beat()
    assert beat is not None
    assert [(record.status, record.route) for record in beat.requests[:3]] == [
        (status, "/api/users") for status in (401, 403, 429)
    ]


async def test_without_an_instance_the_registrys_reason_is_told(start: Start) -> None:
    gateway = await start()
    gateway.rotate({}, reason="user-1 is starting, user-2 is crash-looping")
    response = await gateway.get("/api/users")
    assert (response.status, response.error) == (503, "SERVICE_UNAVAILABLE")
    assert "user-2 is crash-looping" in response.json["error"]["message"]


async def test_an_instance_that_fails_is_named_and_the_kind_of_failure_is_the_status(start: Start) -> None:
    async def closes(client: Client) -> None:
        await client.read()

    async def stalls(client: Client) -> None:
        await client.read()
        await client.reader.read()

    upstream = RawUpstream(closes)
    gateway = await start(user=[upstream], settings=settings(policy=QUICK))
    broken = await gateway.get("/api/users")
    assert (broken.status, broken.error) == (502, "BAD_GATEWAY")
    assert "user-1 closed the connection" in broken.json["error"]["message"]
    upstream.script = stalls
    assert (await gateway.get("/api/users")).status == 504
    await upstream.kill()
    refused = await gateway.get("/api/users")
    assert (refused.status, refused.error) == (503, "SERVICE_UNAVAILABLE")
    beat = gateway.beat()
    assert beat is not None
    assert [(record.status, record.instance, record.tries) for record in beat.requests] == [
        (502, "user-1", 1),
        (504, "user-1", 1),
        (503, "user-1", 1),
    ]
    assert all("user-1" in record.note for record in beat.requests)


@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "k1"}])
async def test_a_small_body_is_sent_again_to_another_instance_when_that_is_safe(
    start: Start, headers: dict[str, str]
) -> None:
    async def resets(client: Client) -> None:
        await client.read()
        client.reset()

    broken, sound = RawUpstream(resets, "user-1"), RawUpstream(name="user-2")
    gateway = await start(user=[broken, sound])
    method = "POST" if headers else "PUT"
    for _ in range(2):
        response = await gateway.ask(method, "/api/users/u1", b"x" * 60_000, **bearer(), **headers)
        assert (response.status, response.headers["x-service-instance"]) == (200, "user-2")
    assert [len(request.body) for request in sound.requests] == [60_000, 60_000]
    assert len(broken.requests) == 1


async def test_a_post_is_never_sent_twice(start: Start) -> None:
    async def resets(client: Client) -> None:
        await client.read()
        client.reset()

    upstreams = [RawUpstream(resets, "user-1"), RawUpstream(resets, "user-2")]
    gateway = await start(user=upstreams)
    assert (await gateway.ask("POST", "/api/users", b"{}", **bearer())).status == 502
    assert sum(len(upstream.requests) for upstream in upstreams) == 1


async def test_no_get_fails_while_instances_are_killed_one_after_another(start: Start) -> None:
    upstreams = [RawUpstream(name="user-1"), RawUpstream(name="user-2")]
    gateway = await start(user=upstreams)
    done, statuses = False, list[int]()

    async def keep_asking() -> None:
        client = await gateway.connect()
        while not done:
            statuses.append((await client.ask("GET", "/api/users/u1", **headers)).status)

    async def keep_killing() -> None:
        nonlocal done
        for victim in upstreams * 3:
            await asyncio.sleep(0.05)
            await victim.kill()
            await asyncio.sleep(0.05)  # the gateway still believes in it
            victim.incarnation += 1
            await victim.start()
            gateway.rotate({"user": upstreams})
        done = True

    headers = bearer()
    await asyncio.gather(keep_killing(), *(keep_asking() for _ in range(10)))
    assert len(statuses) > 300
    assert set(statuses) == {200}


async def test_the_dashboard_is_put_together_from_its_parts(start: Start) -> None:
    upstreams = {
        "user": [RawUpstream(says(b'{"id":"u1","name":"Ann"}'), "user-1")],
        "order": [RawUpstream(says(b'{"items":[{"id":"o1","total":29.99}],"nextCursor":null}'), "order-1")],
        "notification": [RawUpstream(says(b'{"items":[],"unread":3}'), "notification-1")],
    }
    gateway = await start(**upstreams)
    whole = await gateway.get("/api/dashboard")
    assert whole.status == 200
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", whole.json.pop("timestamp"))
    assert {name: value for name, value in whole.json.items() if name != "timestamp"} == {
        "user": {"id": "u1", "name": "Ann"},
        "recentOrders": [{"id": "o1", "total": 29.99}],
        "unreadNotifications": 3,
        "partial": False,
        "unavailable": [],
    }
    (request,) = upstreams["order"][0].requests
    assert request.line == "GET /orders?userId=u1&limit=5 HTTP/1.1"
    assert request.headers["x-user-id"] == "u1"
    assert request.headers["x-request-id"] == whole.headers["x-request-id"]

    gateway.rotate({"user": upstreams["user"], "notification": upstreams["notification"]}, reason="killed")
    partial = await gateway.get("/api/dashboard")
    assert partial.status == 200
    assert partial.json["recentOrders"] is None
    assert partial.json["unreadNotifications"] == 3
    assert (partial.json["partial"], partial.json["unavailable"]) == (True, ["order"])
    assert (await gateway.ask("GET", "/api/dashboard")).status == 401


def says(body: bytes, status: int = 200) -> Script:
    async def script(client: Client) -> None:
        while True:
            await client.read()
            await client.answer(body, status)

    return script


@pytest.mark.parametrize(
    ("body", "status"), [(b"not json", 200), (b"[]", 200), (b"{}", 500), (b"{}", 404), (b'{"other":1}', 200)]
)
async def test_a_part_that_cannot_be_shown_is_missing_and_without_any_there_is_no_dashboard(
    start: Start, body: bytes, status: int, expect_log: Callable[[str], None]
) -> None:
    gateway = await start(
        user=[RawUpstream(says(b'{"id":"u1"}'), "user-1")],
        order=[RawUpstream(says(body, status), "order-1")],
        notification=[RawUpstream(says(body, status), "notification-1")],
    )
    partial = await gateway.get("/api/dashboard")
    assert partial.json["unavailable"] == ["order", "notification"]
    expect_log("no part of the dashboard")
    gateway.rotate({})
    none = await gateway.get("/api/dashboard")
    assert (none.status, none.error) == (500, "AGGREGATION_FAILED")


async def test_a_bug_is_an_error_in_the_envelope_and_in_the_log(
    start: Start, expect_log: Callable[[str], None]
) -> None:
    expect_log(r"request [0-9a-f]{16} failed")
    gateway = await start(user=[RawUpstream()])
    gateway.apply(settings(dashboard=None))
    response = await gateway.get("/api/dashboard")
    assert (response.status, response.error) == (500, "GATEWAY_ERROR")
    assert response.json["error"]["message"] == "Internal gateway error"


async def test_new_routes_and_policies_hold_for_the_next_request(start: Start) -> None:
    async def is_slow(client: Client) -> None:
        await client.read()
        await asyncio.sleep(0.2)
        await client.answer()

    gateway = await start(user=[RawUpstream(is_slow)])
    assert (await gateway.get("/api/people")).status == 404
    gateway.apply(settings(routes=[Route(prefix="/api/people", service="user")]))
    assert (await gateway.get("/api/people")).status == 200
    assert (await gateway.get("/api/users")).status == 404
    routes = [Route(prefix="/api/people", service="user")]
    gateway.apply(settings(routes=routes, policy=CallPolicy(timeout_s=0.05, try_timeout_s=0.05)))
    assert (await gateway.get("/api/people")).status == 504


async def test_requests_are_told_in_beats_and_in_the_log_file(start: Start) -> None:
    gateway = await start(user=[RawUpstream()])
    response = await gateway.get("/api/users?token=s3cret", User_Agent="test")
    beat = gateway.beat()
    assert beat is not None
    (record,) = beat.requests
    assert (record.id, record.status, record.tries) == (response.headers["x-request-id"], 200, 1)
    assert (record.route, record.service, record.instance) == ("/api/users", "user", "user-1")
    assert (record.user, record.client, record.path) == ("u1", "127.0.0.1", "/api/users?token=…")
    assert (beat.calls["user-1"].requests, beat.calls["user-1"].in_flight) == (1, 0)
    path = gateway.workspace / "logs" / "requests.log"
    await eventually(path.exists)
    assert json.loads(path.read_text())["id"] == record.id
    assert token()[:20] not in path.read_text()
    await gateway.ask("GET", "/health")
    assert gateway.beat() is None


async def test_the_client_behind_a_trusted_proxy_is_known_and_told(start: Start) -> None:
    upstream = RawUpstream()
    proxies = GatewaySettings(trusted_proxies=["127.0.0.1", "10.0.0.0/8"])
    gateway = await start(user=[upstream], settings=settings(gateway=proxies))
    await gateway.get("/api/users", X_Forwarded_For="6.6.6.6, 203.0.113.9, 10.1.1.1", Forwarded="for=6.6.6.6")
    (request,) = upstream.requests
    assert request.headers["x-forwarded-for"] == "203.0.113.9, 10.1.1.1, 127.0.0.1"
    assert "forwarded" not in request.headers
    beat = gateway.beat()
    assert beat is not None
    assert [record.client for record in beat.requests] == ["203.0.113.9"]


async def test_clients_behind_one_proxy_are_limited_one_by_one_and_nobody_else_is_believed(
    start: Start,
) -> None:
    strict, proxies = LimitSettings(limit=1), GatewaySettings(trusted_proxies=["127.0.0.1"])
    gateway = await start(user=[RawUpstream()], settings=settings(limits=strict, gateway=proxies))
    asked = ["203.0.113.1", "203.0.113.2", "203.0.113.1", "6.6.6.6, 203.0.113.2"]
    statuses = [(await gateway.get("/api/users", X_Forwarded_For=chain)).status for chain in asked]
    assert statuses == [200, 200, 429, 429]
    gateway.apply(settings(limits=strict))
    statuses = [(await gateway.get("/api/users", X_Forwarded_For=chain)).status for chain in asked]
    assert statuses == [200, 429, 429, 429]
