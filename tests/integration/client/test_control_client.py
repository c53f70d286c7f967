"""ControlClient against a real server that answers as a test tells it to."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web

from embedded_services.client.control_client import ControlClient
from embedded_services.client.errors import ControlError
from embedded_services.contracts.events import EventQuery, NewEvent
from embedded_services.contracts.instances import Instance, Latency, Status
from embedded_services.contracts.limits import LimitPatch
from embedded_services.contracts.queues import DeadLetterQuery, ReplayOptions, ReplayRequest
from embedded_services.contracts.sagas import NewSaga, SagaQuery, SagaState
from embedded_services.contracts.settings import ServicePatch, Strategy
from embedded_services.contracts.system import Registration
from embedded_services.contracts.wire import Page
from tests.helpers.child import demo_settings

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
INSTANCE = Instance(
    id="a-1", incarnation=1, service="a", host="127.0.0.1", port=3001, pid=7, external=False, weight=1,
    status=Status.HEALTHY, in_rotation=True, since=1.0, reason="", in_flight=0, requests=0, failures=0,
    latency_ms=Latency(), last_check=None, registered_at=1.0,
)  # fmt: skip
LIMITS = {"algorithm": "fixed-window", "limit": 5, "windowS": 60, "key": "ip"}
ACTION = {"id": "a-1", "action": "kill", "pid": 7, "detail": "killed"}
LOG = {"at": 1.5, "level": "INFO", "process": "user-1", "logger": "a", "message": "up"}
PUBLISHED = {"messageId": "m", "routed": None}
REPLAY = {"id": "r", "at": 1.5, "total": 1, "done": 0, "failed": 0, "state": "running"}
SAGA = {
    "id": "s", "name": "a", "state": "running", "traceId": "t", "data": {}, "steps": [], "startedAt": 1.5, "updatedAt": 1.5,
}  # fmt: skip
REGISTERED = {"id": "a-9", "expiresAt": 12.5}


class Asked:
    """What the server was asked last, and what it is to answer."""

    def __init__(self) -> None:
        self.line = ""
        self.headers: dict[str, str] = {}
        self.body: Any = None
        self.answer: Answer | None = None
        self.status = 200
        self.reply: Any = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.line = f"{request.method} {request.raw_path}"
        self.headers = dict(request.headers)
        raw = await request.read()
        self.body = msgspec.json.decode(raw) if raw else None
        if self.answer is not None:
            return await self.answer(request)
        if self.reply is None:
            return web.Response(status=self.status)
        return web.Response(
            status=self.status, body=msgspec.json.encode(self.reply), content_type="application/json"
        )


@asynccontextmanager
async def control_plane(asked: Asked) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", asked.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
async def control(asked: Asked) -> AsyncIterator[ControlClient]:
    async with (
        control_plane(asked) as url,
        ControlClient(url, "secret", timeout_s=1.0, max_bytes=16_384) as client,
    ):
        yield client


CALLS: list[tuple[str, Callable[[ControlClient], Awaitable[Any]], Any, Any]] = [
    ("POST /v1/instances/a-1/kill", lambda c: c.act_on_instance("a-1", "kill"), ACTION, None),
    (
        "POST /v1/instances/a-1/freeze",
        lambda c: c.act_on_instance("a-1", "freeze", hold_lock=True),
        ACTION,
        {"holdLock": True},
    ),
    ("POST /v1/processes/gateway/restart", lambda c: c.act_on_process("gateway", "restart"), ACTION, None),
    (
        "PUT /v1/registry/a/a-9",
        lambda c: c.register("a", "a-9", Registration(host="127.0.0.1", port=9000, ttl=30)),
        REGISTERED,
        {"host": "127.0.0.1", "port": 9000, "ttl": 30, "healthPath": None, "weight": 1},
    ),
    ("POST /v1/registry/a/a-9/heartbeat", lambda c: c.heartbeat("a", "a-9"), REGISTERED, None),
    ("DELETE /v1/registry/a/a-9", lambda c: c.deregister("a", "a-9"), None, None),
    ("GET /v1/registry/journal?limit=100", lambda c: c.journal(), {"items": []}, None),
    (
        "GET /v1/requests?limit=5&cursor=4%2F2",
        lambda c: c.requests(cursor="4/2", limit=5),
        {"items": []},
        None,
    ),
    (
        "GET /v1/requests?limit=100&route=%2Fapi%2Forders&status=5xx&instance=order-1&trace=abc&q=a%20b",
        lambda c: c.requests(route="/api/orders", status="5xx", instance="order-1", trace="abc", q="a b"),
        {"items": []},
        None,
    ),
    ("GET /v1/logs?limit=100", lambda c: c.logs(), {"items": [LOG]}, None),
    (
        "GET /v1/logs?limit=5&cursor=42&level=ERROR&process=user-1&q=caf%C3%A9%20%26",
        lambda c: c.logs(cursor="42", limit=5, level="ERROR", process="user-1", q="café &"),
        {"items": []},
        None,
    ),
    ("GET /v1/services?limit=100", lambda c: c.services(), {"items": [], "nextCursor": None}, None),
    ("GET /v1/processes?limit=100", lambda c: c.processes(), {"items": []}, None),
    ("GET /v1/limits", lambda c: c.limits(), LIMITS, None),
    ("PATCH /v1/limits", lambda c: c.patch_limits(LimitPatch(limit=5)), LIMITS, {"limit": 5}),
    ("GET /v1/limits/clients?limit=100", lambda c: c.limit_clients(), {"items": []}, None),
    (
        "GET /v1/limits/clients?limit=5&cursor=42&q=user%20a&limited=true",
        lambda c: c.limit_clients(cursor="42", limit=5, q="user a", limited=True),
        {"items": []},
        None,
    ),
    (
        "DELETE /v1/limits/clients/header%20a%2Fb%20%25%3F",
        lambda c: c.reset_limit_client("header a/b %?"),
        None,
        None,
    ),
    ("DELETE /v1/limits/clients", lambda c: c.reset_limit_clients(), None, None),
    (
        "GET /v1/events?before=9&limit=5&type=order.%23&q=caf%C3%A9%20%26",
        lambda c: c.events(EventQuery(before=9, limit=5, type="order.#", q="café &")),
        {"items": [], "total": 0, "firstSeq": 1, "lastSeq": 0, "dropped": 0},
        None,
    ),
    (
        "POST /v1/events",
        lambda c: c.publish_event(NewEvent(type="a.b", data={"n": 1})),
        PUBLISHED,
        {"type": "a.b", "data": {"n": 1}, "source": "person"},
    ),
    ("GET /v1/queues?limit=1000", lambda c: c.queues(), {"items": []}, None),
    ("GET /v1/outbox?limit=1000", lambda c: c.outbox(), {"items": []}, None),
    (
        "GET /v1/dead-letters?limit=100&queue=a.dead&q=x",
        lambda c: c.dead_letters(DeadLetterQuery(queue="a.dead", q="x")),
        {"items": [], "total": 0, "held": 0, "inQueues": 0},
        None,
    ),
    ("POST /v1/dead-letters/a-2/replay", lambda c: c.replay_dead_letter("a-2"), PUBLISHED, None),
    (
        "POST /v1/dead-letters/a-2/replay",
        lambda c: c.replay_dead_letter("a-2", ReplayOptions(keep_id=False)),
        PUBLISHED,
        {"keepId": False, "to": "queue", "type": None, "body": None},
    ),
    ("DELETE /v1/dead-letters/a-2", lambda c: c.discard_dead_letter("a-2"), None, None),
    (
        "POST /v1/dead-letters/replay",
        lambda c: c.replay_dead_letters(ReplayRequest(ids=["a"])),
        REPLAY,
        {"ids": ["a"], "group": None, "keepId": True, "to": "queue"},
    ),
    ("GET /v1/dead-letters/replays/r", lambda c: c.replay("r"), REPLAY, None),
    ("DELETE /v1/dead-letters/replays/r", lambda c: c.stop_replay("r"), REPLAY, None),
    (
        "POST /v1/broker/test",
        lambda c: c.test_broker("amqp://h/"),
        {"ok": True, "message": "", "tookMs": 1.0},
        {"url": "amqp://h/"},
    ),
    (
        "POST /v1/sagas",
        lambda c: c.start_saga(NewSaga(name="a-saga", data={"n": 1}, step_mode=True)),
        {"id": "s", "state": "running"},
        {"name": "a-saga", "data": {"n": 1}, "stepMode": True, "faults": {}},
    ),
    (
        "GET /v1/sagas?state=running&q=a%20b&limit=50&cursor=c",
        lambda c: c.sagas(SagaQuery(state=SagaState.RUNNING, q="a b", cursor="c")),
        {"items": []},
        None,
    ),
    ("GET /v1/sagas/s%2F1", lambda c: c.saga("s/1"), SAGA, None),
    (
        "POST /v1/sagas/s/skip",
        lambda c: c.act_on_saga("s", "skip", "it is known"),
        SAGA,
        {"reason": "it is known"},
    ),
    ("GET /v1/sagas/definitions", lambda c: c.saga_definitions(), {"items": []}, None),
    ("GET /v1/ledger", lambda c: c.ledger(), {"at": 1.5, "lines": []}, None),
]


@pytest.mark.parametrize(("line", "call", "reply", "body"), CALLS, ids=[line for line, *_ in CALLS])
async def test_call_asks_as_the_control_api_says(
    asked: Asked,
    control: ControlClient,
    line: str,
    call: Callable[[ControlClient], Awaitable[Any]],
    reply: Any,
    body: Any,
) -> None:
    asked.reply = reply
    await call(control)
    assert asked.line == line
    assert asked.body == body
    assert asked.headers["Authorization"] == "Bearer secret"


async def test_answers_come_as_the_contracts_types(asked: Asked, control: ControlClient) -> None:
    asked.reply = Page(items=[INSTANCE], next_cursor="a-1")
    assert await control.instances() == Page(items=[INSTANCE], next_cursor="a-1")


async def test_only_the_wished_fields_of_a_service_are_sent(asked: Asked, control: ControlClient) -> None:
    asked.reply = {
        "name": "a", "kind": "a", "replicas": 2, "strategy": "random", "instances": [], "inRotation": 0, "reason": "",
    }  # fmt: skip
    service = await control.patch_service("a", ServicePatch(strategy=Strategy.RANDOM))
    assert asked.body == {"strategy": "random"}
    assert service.strategy is Strategy.RANDOM


async def test_settings_change_only_what_was_seen(asked: Asked, control: ControlClient) -> None:
    asked.reply = {"revision": 8, "settings": demo_settings()}
    state = await control.patch_settings({"health": {"fall": 3}}, if_revision=7)
    assert state.revision == 8
    assert asked.headers["If-Match"] == '"7"'
    await control.patch_settings({})
    assert "If-Match" not in asked.headers
    await control.settings()
    assert asked.line == "GET /v1/settings"


async def test_names_cannot_leave_their_place_in_the_path(asked: Asked, control: ControlClient) -> None:
    asked.reply = ACTION
    await control.act_on_instance("../system?x=1#y", "kill")
    assert asked.line == "POST /v1/instances/..%2Fsystem%3Fx%3D1%23y/kill"


async def test_refusal_carries_code_status_and_details(asked: Asked, control: ControlClient) -> None:
    detail = {"field": "replicas", "message": "must be at most 64", "bound": 64}
    asked.status = 400
    asked.reply = {
        "error": {"code": "VALIDATION_FAILED", "message": "replicas is wrong", "details": [detail]}
    }
    with pytest.raises(ControlError, match=r"replicas is wrong \(VALIDATION_FAILED\)") as caught:
        await control.system()
    assert (caught.value.code, caught.value.status) == ("VALIDATION_FAILED", 400)
    assert caught.value.details[0].bound == 64


@pytest.mark.parametrize(
    ("status", "raw"),
    [
        (200, b"{"),
        (200, b'{"items": 3}'),
        (200, b""),
        (502, b"<html>"),
        (500, b'{"error": "text"}'),
        (302, b""),
    ],
)
async def test_answer_that_the_control_plane_does_not_give_is_a_bad_response(
    asked: Asked, control: ControlClient, status: int, raw: bytes
) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=raw)

    asked.answer = answer
    with pytest.raises(ControlError) as caught:
        await control.instances()
    assert caught.value.code == "BAD_RESPONSE"


async def test_answer_without_end_is_cut_off(asked: Asked, control: ControlClient) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 1024)

    asked.answer = answer
    with pytest.raises(ControlError, match="more than 16384 bytes"):
        await control.instances()


async def test_slow_answer_is_a_timeout_even_when_bytes_keep_coming(asked: Asked) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    asked.answer = answer
    async with control_plane(asked) as url, ControlClient(url, "secret", timeout_s=0.15) as control:
        with pytest.raises(ControlError) as caught:
            await control.system()
    assert (caught.value.code, caught.value.status) == ("TIMEOUT", None)


async def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
    async with ControlClient(url, "secret") as control:
        with pytest.raises(ControlError) as caught:
            await control.system()
    assert caught.value.code == "UNREACHABLE"


async def test_proxy_of_the_environment_is_not_used(
    asked: Asked, control: ControlClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    asked.reply = LIMITS
    async with ControlClient(str(control._http.base_url), "secret") as direct:
        assert (await direct.limits()).limit == 5
