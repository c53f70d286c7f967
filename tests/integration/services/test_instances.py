"""Several instances of a service on one database: in one process, in real processes, and through kills and restarts."""

import asyncio
import multiprocessing
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from multiprocessing.context import SpawnProcess
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from embedded_services.agent.child import run_child
from embedded_services.agent.context import StartError
from embedded_services.agent.link import AgentLink
from embedded_services.common.clock import SystemClock
from embedded_services.common.platform import listening_socket
from embedded_services.common.tasks import Tasks
from embedded_services.contracts import agent as wire
from embedded_services.services.order import process as order_process
from tests.helpers.child import child_context
from tests.integration.services.api import ADMIN, Api, serving

AT_THE_START = "the inbox cannot be cleared"
"""A service begins with that, if its database is there by then."""

ORDER = {"items": [{"productId": "prod1", "quantity": 1}, {"productId": "prod2", "quantity": 2}]}
ROLES = ("user", "order", "payment", "notification")


async def sold(api: Api) -> tuple[int, int]:
    products = (await api("GET", "/products")).body["items"]
    return 100_000 - products[0]["stock"], 100_000 - products[1]["stock"]


def orders_in(workspace: Path) -> int:
    with sqlite3.connect(workspace / "data" / "orders.db") as connection:
        (count,) = connection.execute("SELECT count(*) FROM orders").fetchone()
    connection.close()
    return int(count)


async def test_orders_on_two_instances_at_once_take_exactly_their_stock(tmp_path: Path) -> None:
    async with serving(tmp_path, "order") as one, serving(tmp_path, "order", slot=2) as two:
        replies = await asyncio.gather(
            *[api("POST", "/orders", ORDER) for api in (one, two) for _ in range(100)]
        )
        assert {reply.status for reply in replies} == {202}
        assert len({reply.body["id"] for reply in replies}) == 200
        assert await sold(one) == await sold(two) == (200, 400)


async def test_two_instances_never_sell_what_is_not_there(tmp_path: Path) -> None:
    async with serving(tmp_path, "order") as one, serving(tmp_path, "order", slot=2) as two:
        await one("PATCH", "/products/prod1", {"stock": 30}, who=ADMIN)
        replies = await asyncio.gather(
            *[api("POST", "/orders", ORDER) for api in (one, two) for _ in range(30)]
        )
        assert Counter(reply.status for reply in replies) == {202: 30, 409: 30}
        assert (await one("GET", "/products/prod1")).body["stock"] == 0


async def test_all_instances_start_at_once_in_a_new_workspace(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        apis = await asyncio.gather(
            *[
                stack.enter_async_context(serving(tmp_path, role, slot=slot))
                for role in ROLES
                for slot in (1, 2)
            ]
        )
        health = [(await api("GET", "/health", who=None)).body for api in apis]
    assert [(h["status"], h["instance"], h["database"]) for h in health] == [
        ("healthy", f"{role}-{slot}", "ready") for role in ROLES for slot in (1, 2)
    ]
    assert {path.name for path in (tmp_path / "data").iterdir()} == {
        "users.db", "orders.db", "payments.db", "notifications.db",
    }  # fmt: skip


async def test_a_restart_keeps_the_data(tmp_path: Path) -> None:
    async with serving(tmp_path, "order") as api:
        placed = await api("POST", "/orders", ORDER, key="k1")
    async with serving(tmp_path, "order") as api:
        assert (await api("GET", f"/{placed.headers['Location']}")).status == 200
        assert (await api("POST", "/orders", ORDER, key="k1")).raw == placed.raw
        assert await sold(api) == (1, 2)


@asynccontextmanager
async def processes(
    workspace: Path, role: str, count: int, *, broker_url: str | None = None
) -> AsyncIterator[list[tuple[SpawnProcess, Api]]]:
    """Real processes of a service, healthy."""
    context = multiprocessing.get_context("spawn")
    started: list[tuple[SpawnProcess, int]] = []
    try:
        for slot in range(1, count + 1):
            with listening_socket("127.0.0.1", 0) as free:
                port = int(free.getsockname()[1])
            spec = child_context(workspace, role, slot=slot, port=port, broker_url=broker_url).spec
            process = context.Process(target=run_child, args=(spec,), name=spec.id)
            process.start()
            started.append((process, port))
        async with aiohttp.ClientSession(skip_auto_headers=["Content-Type"]) as session:
            running = [(process, Api(session, port)) for process, port in started]
            for process, api in running:
                await healthy(process, api)
            yield running
    finally:
        for process, _ in started:
            process.kill()
        for process, _ in started:
            await asyncio.to_thread(process.join, 5)
            process.close()


async def healthy(process: SpawnProcess, api: Api) -> None:
    while True:
        try:
            if (await api("GET", "/health", who=None)).status == 200:
                return
        except aiohttp.ClientConnectorError:
            assert process.is_alive()
        await SystemClock().sleep(0.02)


async def test_a_killed_process_loses_no_order_it_answered_and_blocks_nobody(tmp_path: Path) -> None:
    async with processes(tmp_path, "order", 2) as [(victim, one), (survivor, two)]:
        answered = 0
        done = asyncio.Event()

        async def order(api: Api) -> None:
            nonlocal answered
            for _ in range(25):
                try:
                    reply = await api("POST", "/orders", ORDER)
                except aiohttp.ClientError:
                    assert api is one
                    return
                assert reply.status == 202
                answered += 1
                if answered == 50:
                    done.set()

        async with Tasks("test") as tasks:
            clients = [tasks.start(order(api), "client") for api in (one, two) for _ in range(4)]
            await done.wait()
            assert victim.pid is not None
            os.kill(victim.pid, signal.SIGKILL)
            await asyncio.gather(*clients)
        kept = orders_in(tmp_path)
        assert answered <= kept <= answered + 4  # the four that were under way in the victim
        assert await sold(two) == (kept, 2 * kept)

        survivor.terminate()
        await asyncio.to_thread(survivor.join, 5)
        assert survivor.exitcode == 0


async def test_a_process_that_cannot_use_its_database_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "orders.db").write_bytes(b"no database" * 1000)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=run_child, args=(child_context(tmp_path, "order").spec,))
    process.start()
    await asyncio.to_thread(process.join, 20)
    assert process.exitcode == 1
    process.close()
    (line,) = (tmp_path / "logs" / "order-1.log").read_text().splitlines()
    entry = msgspec.json.decode(line)
    assert entry["message"].startswith("cannot start: ")
    assert "orders.db cannot be used: file is not a database; it was left as it is" in entry["message"]
    assert "trace" not in entry


async def test_the_database_of_another_service_stops_the_start_and_is_left_alone(tmp_path: Path) -> None:
    async with serving(tmp_path, "order"):
        pass
    orders, users = tmp_path / "data" / "orders.db", tmp_path / "data" / "users.db"
    users.write_bytes(orders.read_bytes())
    with pytest.raises(StartError) as caught:
        async with serving(tmp_path, "user"):
            pass
    assert str(caught.value) == f"{users} is the database of another service or program"
    assert users.read_bytes() == orders.read_bytes()


async def test_the_control_plane_can_hold_the_writes_of_a_service(tmp_path: Path) -> None:
    answers: asyncio.Queue[wire.Up] = asyncio.Queue()
    sockets: asyncio.Queue[web.WebSocketResponse] = asyncio.Queue()

    async def agent(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        sockets.put_nowait(socket)
        async for frame in socket:
            answers.put_nowait(wire.decode_up(frame.data))
        return socket

    app = web.Application()
    app.router.add_get("/v1/agent", agent)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = listening_socket("127.0.0.1", 0)
    await web.SockSite(runner, listener).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    given = child_context(tmp_path, "order")
    spec = msgspec.structs.replace(given.spec, control_url=url)
    context = type(given)(spec, AgentLink(spec, given.clock), given.clock)

    async def command(socket: web.WebSocketResponse, number: int, name: str) -> wire.Done:
        await socket.send_bytes(wire.encode(wire.Command(id=number, name=name)))
        answer = await answers.get()
        assert isinstance(answer, wire.Done)
        assert (answer.command, answer.ok) == (number, True)
        return answer

    async with (
        order_process.serve(context) as port,
        aiohttp.ClientSession() as session,
        Tasks("test") as tasks,
    ):
        api = Api(session, port)
        tasks.spawn(context.link.run(port), "link")
        socket = await sockets.get()
        assert isinstance(await answers.get(), wire.Hello)

        await command(socket, 1, "hold-writes")
        ordering = tasks.start(api("POST", "/orders", ORDER), "order")
        assert (await api("GET", "/health", who=None)).status == 200
        assert await sold(api) == (0, 0)
        assert not ordering.done()
        await command(socket, 2, "release-writes")
        assert (await ordering).status == 202
        await socket.close()
    await runner.cleanup()


@pytest.mark.parametrize("role", ROLES)
async def test_an_instance_that_stops_frees_its_port(tmp_path: Path, role: str) -> None:
    async with serving(tmp_path, role) as api:
        port = api.port
    with listening_socket("127.0.0.1", port):
        pass


async def test_an_instance_whose_database_is_damaged_is_not_healthy(
    tmp_path: Path, expect_log: Callable[[str], None], allow_log: Callable[[str], None]
) -> None:
    expect_log("GET /products failed")
    allow_log(AT_THE_START)
    async with serving(tmp_path, "order"):
        pass
    with (tmp_path / "data" / "orders.db").open("r+b") as file:
        whole = file.seek(0, os.SEEK_END)
        file.seek(4096)
        file.write(b"\xff" * (whole - 4096))
    async with serving(tmp_path, "order") as api:
        assert (await api("GET", "/products")).error["code"] == "INTERNAL_ERROR"
        health = await api("GET", "/health", who=None)
    assert health.status == 503
    assert health.body["status"] == "unhealthy"
    assert health.body["reason"] == "the database is damaged: database disk image is malformed"


ADDED = {
    "user": ("outbox", "inbox"),
    "order": ("outbox", "inbox", "order_payments"),
    "payment": ("outbox", "inbox"),
    "notification": ("outbox", "inbox", "recipients", "order_notices", "deliveries"),
}
"""What version 2 of each service's tables added."""


@pytest.mark.parametrize("role", ROLES)
async def test_a_database_from_before_there_were_events_grows(tmp_path: Path, role: str) -> None:
    async with serving(tmp_path, role):
        pass
    path = tmp_path / "data" / f"{role}s.db"
    with sqlite3.connect(path) as database:
        for table in ADDED[role]:
            database.execute(f"DROP TABLE {table}")
        database.execute("PRAGMA user_version = 1")
        before = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    async with serving(tmp_path, role) as one, serving(tmp_path, role, slot=2) as two:
        assert {(await api("GET", "/health", who=None)).status for api in (one, two)} == {200}
    with database:
        after = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        told = database.execute("SELECT count(*) FROM outbox").fetchone()
    database.close()
    assert after - before == set(ADDED[role])
    assert told == (2 if role == "user" else 0,), "others hear of the users who were there"


async def test_instances_whose_database_was_deleted_say_so_and_take_no_orders(
    tmp_path: Path, allow_log: Callable[[str], None]
) -> None:
    allow_log(AT_THE_START)
    reason = "orders.db was deleted or replaced while it was in use; restart the system to go on"
    async with serving(tmp_path, "order") as api:
        for file in (tmp_path / "data").glob("orders.db*"):
            file.unlink()
        async with serving(tmp_path, "order", slot=2) as restarted:
            health = await api("GET", "/health", who=None)
            refused = await api("POST", "/orders", ORDER)
            assert (await restarted("POST", "/orders", ORDER)).status == 202
            assert (await restarted("GET", "/health", who=None)).status == 200
    assert (health.status, health.body["status"], health.body["reason"]) == (503, "unhealthy", reason)
    assert (refused.status, refused.error["code"], refused.error["message"]) == (
        503, "SERVICE_UNAVAILABLE", reason,
    )  # fmt: skip
