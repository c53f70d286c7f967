"""The control API's HTTP layer on a real socket: who is let in, what is understood, and that every failure is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from aiohttp import web
from msgspec import Meta

from embedded_services.contracts.errors import STATUS_OF, ApiError, ErrorBody, ErrorEnvelope
from embedded_services.contracts.wire import Message, Request
from embedded_services.control.api.server import MAX_BODY, ControlServer
from embedded_services.control.api.table import Call, Operation, PageQuery

TOKEN = "a-token"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


class Wish(Request, frozen=True):
    amount: Annotated[int, Meta(ge=1, le=9, extra_json_schema={"x-unit": "pieces"})]


class Echo(Message, frozen=True):
    path: dict[str, str]
    limit: int | None = None
    amount: int | None = None
    if_match: int | None = None


async def echo(call: Call) -> Echo:
    return Echo(
        path=dict(call.path),
        limit=call.query.limit if call.query else None,
        amount=call.body.amount if isinstance(call.body, Wish) else None,
        if_match=call.if_match,
    )


async def nothing(_: Call) -> None:
    return None


async def refuse(call: Call) -> None:
    raise ApiError("CONFLICT", f"not now, {call.path['name']}")


async def fail(_: Call) -> None:
    raise RuntimeError("a secret detail")


TABLE = [
    Operation(method="GET", path="/v1/things/{name}", summary="", handler=echo, response=Echo, query=PageQuery),
    Operation(method="PUT", path="/v1/things/{name}", summary="", handler=echo, response=Echo, body=Wish, status=201),
    Operation(
        method="POST", path="/v1/things/{name}/act", summary="", handler=echo, response=Echo, body=Wish,
        body_required=False,
    ),
    Operation(method="DELETE", path="/v1/things/{name}", summary="", handler=nothing, response=None, status=204),
    Operation(
        method="PATCH", path="/v1/any", summary="", handler=echo, response=Echo, body=dict[str, Any], if_match=True
    ),
    Operation(method="POST", path="/v1/refuse/{name}", summary="", handler=refuse, response=None),
    Operation(method="POST", path="/v1/fail", summary="", handler=fail, response=None),
]  # fmt: skip


async def socket_only(_: web.Request) -> web.StreamResponse:
    raise web.HTTPBadRequest


@pytest.fixture
async def server() -> AsyncIterator[ControlServer]:
    server = ControlServer(TOKEN)
    async with server.serving(TABLE, stream=socket_only, agent=socket_only):
        yield server


@pytest.fixture
async def client(server: ControlServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, headers=AUTHORIZED, trust_env=False) as client:
        yield client


def error_of(response: httpx.Response) -> ErrorBody:
    """The error in the answer, which must be in the one format."""
    error = msgspec.json.decode(response.content, type=ErrorEnvelope).error
    assert STATUS_OF[error.code] == response.status_code
    assert error.request_id == response.headers["X-Request-ID"]
    assert response.headers["Content-Type"].startswith("application/json")
    assert "Traceback" not in response.text
    return error


async def exchange(server: ControlServer, sent: bytes) -> bytes:
    """Send these bytes, and read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(sent)
        async with asyncio.timeout(5.0):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def head(server: ControlServer, line: bytes, *fields: bytes) -> bytes:
    lines = [line, b"Host: 127.0.0.1:%d" % server.port, b"Connection: close", *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


# --- what works -----------------------------------------------------------------------------------------------------


async def test_operation_gets_what_was_sent_and_answers_with_its_status(client: httpx.AsyncClient) -> None:
    read = await client.get("/v1/things/a%20b?limit=7")
    assert (read.status_code, read.json()["path"], read.json()["limit"]) == (200, {"name": "a b"}, 7)
    written = await client.put("/v1/things/x", json={"amount": 3})
    assert (written.status_code, written.json()["amount"]) == (201, 3)
    assert written.headers["Cache-Control"] == "no-store"
    assert written.headers["X-Request-ID"]
    gone = await client.delete("/v1/things/x")
    assert (gone.status_code, gone.content) == (204, b"")


@pytest.mark.parametrize("content", [None, b""])
async def test_body_may_be_left_out_where_it_is_not_required(
    client: httpx.AsyncClient, content: bytes | None
) -> None:
    assert (await client.post("/v1/things/x/act", content=content)).json()["amount"] is None
    assert (await client.post("/v1/things/x/act", json={"amount": 2})).json()["amount"] == 2


@pytest.mark.parametrize(("sent", "read"), [("7", 7), ('"7"', 7), ('W/"7"', 7), ("*", None), (None, None)])
async def test_revision_is_read_from_if_match(
    client: httpx.AsyncClient, sent: str | None, read: int | None
) -> None:
    headers = {} if sent is None else {"If-Match": sent}
    assert (await client.patch("/v1/any", json={}, headers=headers)).json()["ifMatch"] == read


async def test_openapi_is_there_for_whoever_is_on_this_machine(server: ControlServer) -> None:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as stranger:
        document = (await stranger.get("/openapi.json")).json()
    assert document["servers"] == [{"url": server.url}]
    assert "/v1/things/{name}" in document["paths"]


# --- who is let in --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/things/x", "/v1/stream", "/v1/nowhere", "/", "/openapi.json/"])
async def test_nothing_is_told_without_the_token(server: ControlServer, path: str) -> None:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as stranger:
        assert error_of(await stranger.get(path)).code == "UNAUTHORIZED"
        wrong = await stranger.get(path, headers={"Authorization": "Bearer nearly"})
        assert error_of(wrong).code == "INVALID_TOKEN"


@pytest.mark.parametrize("path", ["/v1/things/x", "/v1/stream", "/v1/agent", "/openapi.json", "/v1/nowhere"])
@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
)
async def test_foreign_host_or_origin_is_refused_everywhere_even_with_the_token(
    client: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    assert error_of(await client.get(path, headers=headers)).code == "FORBIDDEN"


async def test_preflight_from_another_origin_gets_no_permission(client: httpx.AsyncClient) -> None:
    asks = {"Origin": "http://evil.example", "Access-Control-Request-Method": "PUT"}
    answer = await client.request("OPTIONS", "/v1/things/x", headers=asks)
    assert error_of(answer).code == "FORBIDDEN"
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("value", [b"Bearer \xff\xfe", b"Bearer \xc3\xa9", b"\xff"])
async def test_token_that_is_no_text_is_only_a_wrong_one(server: ControlServer, value: bytes) -> None:
    answer = await exchange(server, head(server, b"GET /v1/things/x HTTP/1.1", b"Authorization: " + value))
    assert answer.startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 403 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize("origin", [b"http://[::1", b"http://[evil]", b"\xff", b"http://\xe9"])
async def test_origin_that_cannot_be_read_is_only_a_foreign_one(server: ControlServer, origin: bytes) -> None:
    answer = await exchange(server, head(server, b"GET /openapi.json HTTP/1.1", b"Origin: " + origin))
    assert answer.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 "))


async def test_request_without_a_host_is_refused(server: ControlServer) -> None:
    answer = await exchange(server, b"GET /openapi.json HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert answer.split(b" ")[1] == b"400"
    assert (await exchange(server, b"GET /openapi.json HTTP/1.0\r\n\r\n")).split(b" ")[1] == b"403"


# --- what is not understood -----------------------------------------------------------------------------------------


async def test_unknown_path_and_method_are_told_apart(client: httpx.AsyncClient) -> None:
    unknown = error_of(await client.get("/v1/nowhere"))
    assert (unknown.code, unknown.path) == ("NOT_FOUND", "/v1/nowhere")
    wrong = await client.post("/v1/things/x")
    assert error_of(wrong).code == "METHOD_NOT_ALLOWED"
    assert sorted(wrong.headers["Allow"].split(",")) == ["DELETE", "GET", "PUT"]


@pytest.mark.parametrize(
    ("body", "field", "bound", "unit"),
    [
        (b'{"amount": 10}', "amount", 9, "pieces"),
        (b'{"amount": 0}', "amount", 1, "pieces"),
        (b'{"amount": "3"}', "amount", None, None),
        (b'{"amount": 3.5}', "amount", None, None),
        (b'{"amount": null}', "amount", None, None),
        (b"{}", "amount", None, None),
        (b'{"amount": 3, "more": 1}', "more", None, None),
        (b"[]", "body", None, None),
        (b"null", "body", None, None),
    ],
)
async def test_wrong_field_is_named_with_its_bound(
    client: httpx.AsyncClient, body: bytes, field: str, bound: object, unit: object
) -> None:
    answer = await client.put("/v1/things/x", content=body, headers={"Content-Type": "application/json"})
    error = error_of(answer)
    assert error.code == "VALIDATION_FAILED"
    assert error.details
    assert (error.details[0].field, error.details[0].bound, error.details[0].unit) == (field, bound, unit)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b'{"amount": "\xff"}',
        b'{"amount":' * 50_000,
        b"\x00",
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize(("method", "path"), [("PUT", "/v1/things/x"), ("PATCH", "/v1/any")])
async def test_body_that_is_no_json_is_refused(
    client: httpx.AsyncClient, method: str, path: str, body: bytes
) -> None:
    answer = await client.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert error_of(answer).code == "VALIDATION_FAILED"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
async def test_body_of_another_kind_is_refused(client: httpx.AsyncClient, kind: str) -> None:
    """A page elsewhere may send these without being asked first."""
    answer = await client.put("/v1/things/x", content=b'{"amount": 3}', headers={"Content-Type": kind})
    assert error_of(answer).code == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/v1/things/x"), ("GET", "/v1/things/x"), ("POST", "/v1/fail")]
)
async def test_body_that_is_too_large_is_refused(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path, content=b" " * (MAX_BODY + 1))
    error = error_of(answer)
    assert (error.code, error.message) == ("PAYLOAD_TOO_LARGE", f"a body may have at most {MAX_BODY} bytes")


async def test_body_that_never_ends_is_refused_when_it_is_too_large(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 65536

    assert error_of(await client.put("/v1/things/x", content=endless())).code == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "limit=", "limit=1.5", "limits=3", "cursor=" + "x" * 201, "%FF=1"],
)
async def test_wrong_query_is_refused(client: httpx.AsyncClient, query: str) -> None:
    error = error_of(await client.get(f"/v1/things/x?{query}"))
    assert error.code == "VALIDATION_FAILED"
    assert error.details


@pytest.mark.parametrize("sent", ["x", "-1", "1.5", "", '"', "1, 2", "9" * 30])
async def test_revision_that_is_no_number_is_refused(client: httpx.AsyncClient, sent: str) -> None:
    error = error_of(await client.patch("/v1/any", json={}, headers={"If-Match": sent}))
    assert error.code == "VALIDATION_FAILED"


async def test_refusal_of_an_operation_reaches_the_caller(client: httpx.AsyncClient) -> None:
    error = error_of(await client.post("/v1/refuse/you"))
    assert (error.code, error.message) == ("CONFLICT", "not now, you")


async def test_fault_of_ours_is_logged_and_told_without_its_details(
    client: httpx.AsyncClient, expect_log: Callable[[str], None]
) -> None:
    expect_log("POST /v1/fail failed, request ")
    error = error_of(await client.post("/v1/fail"))
    assert error.code == "INTERNAL_ERROR"
    assert "secret" not in error.message


@pytest.mark.parametrize(
    "path", [b"/\xff", b"/v1/refuse/\xff", b"/v1/refuse/%FF", b"/v1/%00", b"/v1/things/%0A", b"/%"]
)
@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_path_that_is_no_text_is_answered(server: ControlServer, method: bytes, path: bytes) -> None:
    fields = b"Authorization: Bearer " + TOKEN.encode()
    answer = await exchange(server, head(server, method + b" " + path + b" HTTP/1.1", fields))
    assert answer.split(b" ")[1] in (b"200", b"400", b"404", b"405", b"409")
    assert b"Traceback" not in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /openapi.json HTTP/1.1\r\nBad Header\r\n\r\n",
        b"PUT /v1/any HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"PUT /v1/any HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"PUT /v1/any HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /openapi.json HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_answered_by_400_and_no_traceback(
    server: ControlServer, sent: bytes
) -> None:
    answer = await exchange(server, sent)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert b"Traceback" not in answer


@pytest.mark.parametrize("chunks", [b"zz\r\n\r\n", b"-1\r\n\r\n", b"3\r\n{}}extra\r\n", b"2\r\n{}\r\nx\r\n"])
async def test_body_with_wrong_framing_is_refused(server: ControlServer, chunks: bytes) -> None:
    fields = (
        b"Authorization: Bearer " + TOKEN.encode(), b"Content-Type: application/json", b"Transfer-Encoding: chunked",
    )  # fmt: skip
    answer = await exchange(server, head(server, b"PATCH /v1/any HTTP/1.1", *fields) + chunks)
    assert answer.split(b" ")[1] == b"400"
    assert b"Traceback" not in answer


async def test_caller_that_leaves_in_the_middle_of_its_body_is_no_fault_of_ours(
    server: ControlServer, client: httpx.AsyncClient
) -> None:
    """The guard of the log sees to it that nothing was logged as an error."""
    fields = (
        b"Authorization: Bearer " + TOKEN.encode(),
        b"Content-Type: application/json",
        b"Content-Length: 100",
    )
    for _ in range(3):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head(server, b"PUT /v1/things/x HTTP/1.1", *fields) + b'{"amo')
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert (await client.get("/v1/things/x")).status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/things/x?q=" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused_in_the_format_of_all_errors(
    server: ControlServer, head: bytes
) -> None:
    top, _, body = (await exchange(server, head)).partition(b"\r\n\r\n")
    assert b"Content-Type: application/json" in top
    assert msgspec.json.decode(body, type=ErrorEnvelope).error.code == "VALIDATION_FAILED"
