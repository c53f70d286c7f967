"""The life of the listening process."""

import asyncio
import errno
from dataclasses import replace
from pathlib import Path

import pytest

from embedded_services.common.platform import listening_socket
from embedded_services.common.tasks import Tasks
from embedded_services.gateway import process
from tests.helpers.child import child_context
from tests.helpers.raw_client import connected, request
from tests.helpers.raw_upstream import Client, RawUpstream, eventually, rotation
from tests.integration.gateway.conftest import Link, bearer, settings


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with listening_socket("127.0.0.1", 0) as taken:
        taken.listen()
        context = child_context(tmp_path, "gateway", port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use") as raised:
            async with process.serve(context):
                pass
    assert raised.value.errno == errno.EADDRINUSE


async def test_who_comes_before_it_is_known_who_serves_waits_for_it(tmp_path: Path) -> None:
    upstream = RawUpstream()
    await upstream.start()
    context = child_context(tmp_path, "gateway", settings=settings())
    link = Link(context)
    async with process.serve(replace(context, link=link)) as port, connected(port) as early:
        await early.send(request("GET", "/api/users", **bearer()))
        for tell in link.peers:
            tell(rotation(upstream))
        assert (await early.read()).status == 200
    await upstream.kill()


async def test_without_a_control_plane_the_gateway_says_so_before_long(tmp_path: Path) -> None:
    context = child_context(tmp_path, "gateway", settings=settings())
    async with (
        process.serve(replace(context, link=Link(context))) as port,
        connected(port) as client,
    ):
        await client.send(request("GET", "/api/users", **bearer()))
        answer = await client.read()
    assert (answer.status, answer.error) == (503, "SERVICE_UNAVAILABLE")


async def test_stopping_finishes_what_is_under_way_and_closes_the_rest(tmp_path: Path, tasks: Tasks) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def waits(client: Client) -> None:
        await client.read()
        asked.set()
        await go_on.wait()
        await client.answer(b"finished")

    upstream = RawUpstream(waits)
    await upstream.start()
    context = child_context(tmp_path, "gateway", settings=settings())
    link = Link(context)
    serving = process.serve(replace(context, link=link))
    port = await serving.__aenter__()
    for tell in link.peers:
        tell(rotation(upstream))
    async with connected(port) as idle, connected(port) as busy:
        await busy.send(request("GET", "/api/users", **bearer()))
        await asked.wait()
        stopping = tasks.start(serving.__aexit__(None, None, None), "stop")
        assert await idle.is_closed()
        go_on.set()
        assert (await busy.read()).body == b"finished"
        await stopping
    with pytest.raises(ConnectionRefusedError):
        async with connected(port):
            pass
    await eventually(lambda: upstream.open == 0)
    await upstream.kill()


async def test_stopping_does_not_wait_for_ever(tmp_path: Path) -> None:
    async def never_answers(client: Client) -> None:
        await client.read()
        await client.reader.read()

    upstream = RawUpstream(never_answers)
    await upstream.start()
    context = child_context(tmp_path, "gateway", settings=settings())
    link = Link(context)
    loop = asyncio.get_running_loop()
    async with process.serve(replace(context, link=link)) as port, connected(port) as client:
        for tell in link.peers:
            tell(rotation(upstream))
        await client.send(request("GET", "/api/users", **bearer()))
        await eventually(lambda: len(upstream.requests) == 1)
        stopping = loop.time()
    assert loop.time() - stopping < 1.2
    await eventually(lambda: upstream.open == 0)
    await upstream.kill()
