"""Asking a process that answers as a test tells it to, or does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from embedded_services.common.ring import Ring
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.sagas import NewSaga, SagaStarted
from embedded_services.contracts.settings import HealthPolicy
from embedded_services.control.sagas.asking import Asking, NoAnswerError
from embedded_services.control.sagas.orchestration import Orchestration
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.lifecycle import Entry
from tests.helpers.ports import free_port


def entry(port: int, *, in_rotation: bool = True) -> Entry:
    return Entry(
        id="orchestrator", service="orchestrator", host="127.0.0.1", port=port, since=1.0, registered_at=1.0,
        in_rotation=in_rotation, reason="it waits for its first check",
    )  # fmt: skip


@asynccontextmanager
async def answering(status: int, body: bytes) -> AsyncIterator[tuple[Entry, list[bytes]]]:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield entry(server.sockets[0].getsockname()[1]), heard
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    asking = Asking()
    async with asking.open():
        yield asking


async def ask(asking: Asking, whom: Entry, timeout_s: float = 2.0) -> SagaStarted:
    return await asking.ask(whom, "GET", "/x", SagaStarted, timeout_s)


async def test_the_answer_comes_as_its_type_and_we_say_who_asks(asking: Asking) -> None:
    async with answering(200, b'{"id":"s","state":"running"}') as (whom, heard):
        assert (await ask(asking, whom)).id == "s"
    assert b"X-User-ID: control\r\n" in heard[0]


async def test_a_refusal_is_passed_on_as_it_was_said(asking: Asking) -> None:
    body = ApiError("CONFLICT", "not now").encode("r1")
    async with answering(409, body) as (whom, _):
        with pytest.raises(ApiError, match="not now") as error:
            await ask(asking, whom)
    assert error.value.code == "CONFLICT"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"{"),
        (200, b'{"id":3}'),
        (500, b"<html>"),
        (500, ApiError("INTERNAL_ERROR", "a fault").encode("r1")),
        (418, b'{"error":{"code":"UNHEARD_OF","message":"x"}}'),
    ],
)
async def test_what_nobody_can_use_is_no_answer(asking: Asking, status: int, body: bytes) -> None:
    async with answering(status, body) as (whom, _):
        with pytest.raises(NoAnswerError, match="orchestrator"):
            await ask(asking, whom)


async def test_nobody_there_is_told_from_somebody_who_is_silent(asking: Asking) -> None:
    with pytest.raises(NoAnswerError, match="refused") as error:
        await ask(asking, entry(free_port()))
    assert error.value.unheard
    async with silent() as whom:
        with pytest.raises(NoAnswerError, match=r"did not answer within 0\.1 s") as late:
            await ask(asking, whom, 0.1)
    assert not late.value.unheard


@asynccontextmanager
async def silent() -> AsyncIterator[Entry]:
    gone = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield entry(server.sockets[0].getsockname()[1])
    finally:
        gone.set()
        server.close()
        await server.wait_closed()


def orchestration(asking: Asking, *entries: Entry) -> Orchestration:
    processes = Catalog(Ring(10), HealthPolicy, noun="process")
    for each in entries:
        processes.add(each, cause="test")
    return Orchestration(processes, asking)


async def test_an_orchestrator_that_is_not_ready_is_not_asked(asking: Asking) -> None:
    for known, said in (((), "not running"), ((entry(1, in_rotation=False),), "first check")):
        with pytest.raises(ApiError, match=said) as error:
            await orchestration(asking, *known).definitions()
        assert error.value.code == "SERVICE_UNAVAILABLE"


async def test_a_change_that_was_not_answered_is_said_to_be_in_doubt(asking: Asking) -> None:
    async with answering(200, b"{") as (whom, _):
        with pytest.raises(ApiError, match="not known") as doubtful:
            await orchestration(asking, whom).start(NewSaga(name="a-saga", data={}))
    assert doubtful.value.code == "SERVICE_UNAVAILABLE"
    with pytest.raises(ApiError) as unheard:
        await orchestration(asking, entry(free_port())).start(NewSaga(name="a-saga", data={}))
    assert "not known" not in unheard.value.message


async def test_nothing_is_asked_of_anybody_once_it_is_closed() -> None:
    with pytest.raises(NoAnswerError, match="stopping"):
        await ask(Asking(), entry(1))
