"""The HTTP server of a service: what it refuses, how it says so, and how it stops."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import aiohttp
import pytest
from msgspec import Meta

from embedded_services.common.platform import listening_socket
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.wire import Request
from embedded_services.services.kit.endpoints import Answer, Ask, Endpoint, Endpoints, Nothing
from embedded_services.services.kit.http import BODY_LIMIT, HEADER_LIMIT, STOP_S, listen
from embedded_services.services.kit.pages import Paging
from embedded_services.services.kit.roles import Permission
from tests.integration.services.api import ADMIN, NOBODY, Api


class Note(Request, frozen=True):
    text: Annotated[str, Meta(max_length=10)]
    tags: Annotated[list[Annotated[str, Meta(min_length=2)]], Meta(max_length=2)] = []


async def echo(ask: Ask[Note]) -> dict[str, Any]:
    return {"text": ask.input.text, "id": ask.caller.id, "key": ask.idempotency_key}


async def look(ask: Ask[Paging]) -> dict[str, Any]:
    return {"limit": ask.input.limit, "cursor": ask.input.cursor}


async def nothing(_ask: Ask[Nothing]) -> Answer:
    return Answer(204)


async def broken(_ask: Ask[Nothing]) -> None:
    raise KeyError("a bug")


ENDPOINTS: Endpoints = [
    Endpoint("POST", "/notes", echo, Note),
    Endpoint("GET", "/notes", look, Paging),
    Endpoint("GET", "/notes/secret", nothing, Nothing, needs=Permission.USERS_READ),
    Endpoint("DELETE", "/notes/{id}", nothing, Nothing),
    Endpoint("GET", "/broken", broken, Nothing, public=True),
]


@asynccontextmanager
async def listening(endpoints: Endpoints) -> AsyncIterator[Api]:
    async with (
        listen("127.0.0.1", 0, endpoints) as port,
        aiohttp.ClientSession(skip_auto_headers=["Content-Type"]) as session,
    ):
        yield Api(session, port)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with listening(ENDPOINTS) as api:
        yield api


async def raw(port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_request_that_fits_reaches_its_handler(api: Api) -> None:
    reply = await api("POST", "/notes", {"text": "hi"}, key="k1")
    assert (reply.status, reply.body) == (200, {"text": "hi", "id": "usr_demo", "key": "k1"})
    assert reply.headers["Content-Type"] == "application/json"


async def test_a_query_is_read_and_its_empty_fields_count_as_absent(api: Api) -> None:
    assert (await api("GET", "/notes?limit=5&cursor=")).body == {"limit": 5, "cursor": ""}


async def test_head_answers_like_get_without_a_body(api: Api) -> None:
    reply = await api("HEAD", "/notes")
    assert (reply.status, reply.raw) == (200, b"")
    assert int(reply.headers["Content-Length"]) == len((await api("GET", "/notes")).raw)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("nope=1", "nope"),
    ],
)
async def test_a_query_that_does_not_fit_names_its_field(api: Api, query: str, field: str) -> None:
    reply = await api("GET", f"/notes?{query}")
    assert (reply.status, reply.error["code"], reply.field) == (400, "VALIDATION_FAILED", field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": "x" * 11}, "text"),
        ({"text": "x", "tags": ["ab", "c"]}, "tags[1]"),
        ({"text": "x", "txt": "y"}, "txt"),
        ([], "body"),
    ],
)
async def test_a_body_that_does_not_fit_names_its_field(api: Api, body: object, field: str) -> None:
    reply = await api("POST", "/notes", body)
    assert (reply.status, reply.error["code"], reply.field) == (400, "VALIDATION_FAILED", field)


async def test_an_absent_body_counts_as_an_empty_object(api: Api) -> None:
    assert (await api("POST", "/notes")).field == "text"


@pytest.mark.parametrize("text", [b"{", b"nul", b'{"text":"\xff"}', b"\x00", b'{"text":' + b"[" * 30_000])
async def test_what_is_not_json_is_refused(api: Api, text: bytes) -> None:
    reply = await api("POST", "/notes", raw=text, headers={"Content-Type": "application/json"})
    assert (reply.status, reply.error["code"]) == (400, "VALIDATION_FAILED")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_only_plain_json_is_taken(api: Api, headers: dict[str, str]) -> None:
    reply = await api("POST", "/notes", raw=b'{"text":"hi"}', headers=headers)
    assert (reply.status, reply.error["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_json_may_name_its_charset(api: Api) -> None:
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    assert (await api("POST", "/notes", raw=b'{"text":"hi"}', headers=headers)).status == 200


async def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_its_length(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    reply = await api("POST", "/notes", raw=b" " * (BODY_LIMIT + 1), headers=headers)
    assert (reply.status, reply.error["code"]) == (413, "PAYLOAD_TOO_LARGE")

    chunk = b"%x\r\n" % 1000 + b" " * 1000 + b"\r\n"
    head = b"POST /notes HTTP/1.1\r\nHost: localhost\r\nX-User-ID: u\r\nX-User-Role: customer\r\nConnection: close\r\n"
    head += b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await raw(api.port, head + chunk * (BODY_LIMIT // 1000 + 2) + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")


async def test_an_unknown_path_is_404_with_the_path(api: Api) -> None:
    reply = await api("GET", "/nope?x=1")
    assert (reply.status, reply.error["code"], reply.error["path"]) == (404, "NOT_FOUND", "/nope")


async def test_a_method_that_a_path_does_not_take_is_405_with_those_it_does(api: Api) -> None:
    reply = await api("PUT", "/notes")
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD, POST")


async def test_identity_and_permission_are_needed(api: Api) -> None:
    assert (await api("GET", "/notes", who=NOBODY)).error["code"] == "UNAUTHORIZED"
    assert (await api("GET", "/notes", who=("usr_1", "emperor"))).error["code"] == "FORBIDDEN"
    assert (await api("GET", "/notes", who=("two words", "customer"))).error["code"] == "UNAUTHORIZED"
    assert (await api("GET", "/notes/secret")).error["code"] == "FORBIDDEN"
    assert (await api("GET", "/notes/secret", who=ADMIN)).status == 204


async def test_who_may_not_come_in_is_told_so_before_their_body_is_read(api: Api) -> None:
    assert (await api("POST", "/notes", {"bad": 1}, who=NOBODY)).status == 401


@pytest.mark.parametrize("path", ["/notes", "/broken", "/nope"])
async def test_a_host_that_is_not_loopback_is_forbidden(api: Api, path: str) -> None:
    reply = await api("GET", path, who=ADMIN, headers={"Host": f"rebound.example:{api.port}"})
    assert (reply.status, reply.error["code"]) == (403, "FORBIDDEN")
    assert (await api("GET", "/notes", headers={"Host": f"localhost:{api.port}"})).status == 200


async def test_a_request_without_a_host_is_forbidden(api: Api) -> None:
    answer = await raw(api.port, b"GET /notes HTTP/1.0\r\n\r\n")
    assert b" 403 " in answer.splitlines()[0]
    assert b'"code":"FORBIDDEN"' in answer


async def test_errors_carry_the_request_id(api: Api) -> None:
    assert (await api("GET", "/nope", headers={"X-Request-ID": "abc-1"})).error["requestId"] == "abc-1"
    assert len((await api("GET", "/nope", headers={"X-Request-ID": "x" * 500})).error["requestId"]) == 16


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_an_idempotency_key_is_bounded(api: Api, key: str) -> None:
    assert (await api("POST", "/notes", {"text": "hi"}, key=key)).field == "Idempotency-Key"


async def test_a_bug_is_500_without_a_traceback_and_goes_to_the_log(
    api: Api, expect_log: Callable[[str], None]
) -> None:
    expect_log("request req-7 GET /broken failed")
    reply = await api("GET", "/broken", headers={"X-Request-ID": "req-7"})
    assert reply.error == {"code": "INTERNAL_ERROR", "message": "The service failed", "requestId": "req-7"}


async def test_a_request_for_which_no_time_is_left_is_not_done(api: Api) -> None:
    late = await api("POST", "/notes", {"text": "late"}, headers={"X-Request-Deadline-Ms": "0"})
    assert late.error["code"] == "UPSTREAM_TIMEOUT"
    in_time = await api("POST", "/notes", {"text": "in time"}, headers={"X-Request-Deadline-Ms": "1"})
    assert in_time.status < 300


async def test_what_is_not_http_is_answered_in_the_envelope(api: Api) -> None:
    answer = await raw(api.port, b"this is not http\r\n\r\n")
    assert b" 400 " in answer.splitlines()[0]
    assert b'"code":"VALIDATION_FAILED"' in answer


async def test_a_header_over_the_limit_is_431(api: Api) -> None:
    long = b"x" * (HEADER_LIMIT + 100)
    answer = await raw(api.port, b"GET /notes HTTP/1.1\r\nHost: localhost\r\nX-Long: " + long + b"\r\n\r\n")
    assert b" 431 " in answer.splitlines()[0]
    assert b'"code":"HEADERS_TOO_LARGE"' in answer


async def test_a_connection_that_never_sends_a_whole_head_is_closed_and_one_that_did_is_kept(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedded_services.services.kit.http.HEAD_S", 0.05)
    head = b"GET /notes HTTP/1.1\r\nHost: localhost\r\n"
    asker, asking = await asyncio.open_connection("127.0.0.1", api.port)
    for _ in range(2):
        asking.write(head + b"X-User-ID: u\r\nX-User-Role: customer\r\n\r\n")
        answer = await asker.readuntil(b"\r\n\r\n")
        assert b" 200 " in answer.splitlines()[0]
        await asker.readuntil(b"}")
        async with asyncio.timeout(5):
            assert await raw(api.port, head) == b""
    asking.close()
    await asking.wait_closed()


async def test_a_taken_port_is_an_os_error() -> None:
    with listening_socket("127.0.0.1", 0) as taken:
        taken.listen(1)
        with pytest.raises(OSError, match="in use"):
            async with listen("127.0.0.1", taken.getsockname()[1], ENDPOINTS):
                pass


async def test_stopping_finishes_what_is_under_way_and_closes_idle_connections_at_once() -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def slow(_ask: Ask[Nothing]) -> dict[str, bool]:
        inside.set()
        await leave.wait()
        return {"done": True}

    endpoints: Endpoints = [*ENDPOINTS, Endpoint("GET", "/slow", slow, Nothing)]
    async with Tasks("test") as tasks, aiohttp.ClientSession() as session:
        async with listen("127.0.0.1", 0, endpoints) as port:
            api = Api(session, port)
            idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", port)
            asking = tasks.start(api("GET", "/slow"), "slow")
            await inside.wait()

            async def let_go() -> None:
                assert await idle_reader.read() == b""  # closed, while the other is still under way
                leave.set()

            closing = tasks.start(let_go(), "let go")
        assert (await asking).body == {"done": True}
        await closing
        idle_writer.close()


async def test_stopping_does_not_wait_for_ever() -> None:
    inside = asyncio.Event()

    async def stuck(_ask: Ask[Nothing]) -> None:
        inside.set()
        await asyncio.Event().wait()

    loop = asyncio.get_running_loop()
    async with Tasks("test") as tasks, aiohttp.ClientSession() as session:
        async with listen("127.0.0.1", 0, [Endpoint("GET", "/stuck", stuck, Nothing)]) as port:
            asking = tasks.start(Api(session, port)("GET", "/stuck"), "stuck")
            await inside.wait()
            started = loop.time()
        assert loop.time() - started < STOP_S + 0.5
        with pytest.raises(aiohttp.ClientError):
            await asking
