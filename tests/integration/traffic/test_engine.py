"""The generator against a server that a test scripts: what is sent when, and what becomes of requests that get no answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from embedded_services.common.clock import SystemClock
from embedded_services.common.platform import LINUX
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.traffic import CustomRequest, Mix, Phase, TrafficOrder, TrafficPlan
from embedded_services.traffic.engine import Engine
from tests.helpers.ports import free_port
from tests.helpers.raw_upstream import Client, RawUpstream, Script, answers, eventually, running

HELLO = CustomRequest(method="GET", path="/hello", anonymous=True)


def plan(**changes: object) -> TrafficPlan:
    given = {"rate": 200.0, "duration_s": 0.5, "requests": [HELLO], "clients": 4, "timeout_s": 5.0, **changes}
    return TrafficPlan(**given)  # type: ignore[arg-type]  # fields by name, checked where they are used


@asynccontextmanager
async def engine() -> AsyncIterator[Engine]:
    async with Tasks("test") as tasks:
        made = Engine(SystemClock(), tasks, lambda: None)
        tasks.spawn(made.run(), "samples")
        try:
            yield made
        finally:
            made.close()


async def stopped(running_engine: Engine) -> None:
    await eventually(lambda: running_engine.traffic.phase is Phase.STOPPED)


async def run_through(script: Script, **changes: object) -> Engine:
    server = RawUpstream(script)
    async with running(server), engine() as made:
        made.obey(TrafficOrder(run=1, plan=plan(**changes), host="127.0.0.1", port=server.port))
        await stopped(made)
    return made


async def test_every_arrival_of_the_plan_is_sent_and_answered() -> None:
    totals = (await run_through(answers, rate=200.0, duration_s=0.5)).traffic.totals
    assert (totals.due, totals.sent, totals.done, totals.failed) == (100, 100, 100, 0)
    assert totals.statuses == {"200": 100}


async def test_samples_add_up_to_the_totals() -> None:
    made = await run_through(answers)
    samples = [sample for _, sample in made.samples]
    assert sum(sample.sent for sample in samples) == made.traffic.totals.sent
    assert sum(sum(sample.statuses.values()) for sample in samples) == made.traffic.totals.done


@pytest.mark.skipif(not LINUX, reason="elsewhere there is one loopback address")
async def test_each_client_comes_from_an_address_of_its_own() -> None:
    seen: set[str] = set()

    async def noting(client: Client) -> None:
        seen.add(client.writer.get_extra_info("peername")[0])
        await answers(client)

    made = await run_through(noting, clients=20)
    assert len(seen) == 20
    assert made.traffic.addresses == 20


async def test_connections_are_kept() -> None:
    totals = (await run_through(answers, clients=1, rate=50.0)).traffic.totals
    assert totals.connections < totals.sent


async def test_requests_are_sent_though_nobody_answers_and_wait_from_their_intended_time() -> None:
    """The open model: a stall stops nothing. What came due during it has waited since then, each its own time."""
    go = asyncio.Event()
    arrived = 0

    async def stalling(client: Client) -> None:
        nonlocal arrived
        while True:
            await client.read()
            arrived += 1
            if arrived == 50:
                go.set()
            await go.wait()
            await client.answer()

    made = await run_through(stalling, rate=100.0, duration_s=0.5)
    totals = made.traffic.totals
    assert totals.statuses == {"200": 50}
    assert totals.max_ms is not None
    assert totals.p50_ms is not None
    assert totals.max_ms >= 490, "the first one was due half a second before the last one was sent"
    assert totals.p50_ms >= 150


async def breaks(client: Client) -> None:
    await client.read()
    client.reset()


async def ends(client: Client) -> None:
    await client.read()


async def babbles(client: Client) -> None:
    await client.read()
    await client.send(b"no HTTP at all\r\n\r\n")


async def is_silent(client: Client) -> None:
    await client.reader.read()


@pytest.mark.parametrize(
    ("script", "cause"), [(breaks, "reset"), (ends, "closed"), (babbles, "malformed"), (is_silent, "timeout")]
)
async def test_what_went_wrong_is_counted_by_its_cause(script: Script, cause: str) -> None:
    totals = (await run_through(script, rate=100.0, duration_s=0.2, timeout_s=0.3)).traffic.totals
    assert totals.errors == {cause: 20}
    assert (totals.done, totals.failed, totals.statuses) == (20, 20, {})


async def test_nobody_listening_is_refused() -> None:
    async with engine() as made:
        made.obey(TrafficOrder(run=1, plan=plan(duration_s=0.1), host="127.0.0.1", port=free_port()))
        await stopped(made)
    assert made.traffic.totals.errors == {"refused": 20}


async def test_what_exceeds_the_bound_in_flight_is_an_error_and_not_dropped() -> None:
    made = await run_through(is_silent, max_in_flight=5, duration_s=0.2, timeout_s=0.5)
    totals = made.traffic.totals
    assert (totals.due, totals.sent) == (40, 5)
    assert totals.errors == {"not-sent": 35, "timeout": 5}
    assert any("35 requests were not sent: 5 were in flight" in note for note in made.traffic.notes)


async def test_server_errors_are_failures_and_refusals_are_not() -> None:
    statuses = iter([200, 429, 503, 404] * 100)

    async def varied(client: Client) -> None:
        while True:
            await client.read()
            await client.answer(status=next(statuses))

    totals = (await run_through(varied, rate=100.0, duration_s=0.4)).traffic.totals
    assert totals.statuses == {"200": 10, "404": 10, "429": 10, "503": 10}
    assert totals.failed == 10


async def test_rate_changes_live_and_connections_stay() -> None:
    server = RawUpstream(answers)
    async with running(server), engine() as made:
        order = TrafficOrder(
            run=1, plan=plan(rate=20.0, duration_s=None, clients=3), host="127.0.0.1", port=server.port
        )
        made.obey(order)
        await eventually(lambda: len(server.requests) >= 6)
        connections = server.connections
        made.obey(
            TrafficOrder(
                run=1, plan=plan(rate=200.0, duration_s=None, clients=3), host="127.0.0.1", port=server.port
            )
        )
        await eventually(lambda: made.traffic.asked == 200.0 and made.traffic.totals.done >= 100)
        assert server.connections <= connections + 3
        await made.stop("stopped by the test")
    assert made.traffic.run == 1


async def test_stop_ends_everything() -> None:
    server = RawUpstream(is_silent)
    async with running(server), engine() as made:
        made.obey(TrafficOrder(run=1, plan=plan(duration_s=None), host="127.0.0.1", port=server.port))
        await eventually(lambda: made.traffic.in_flight >= 10)
        await made.stop("stopped by the test")
        traffic = made.traffic
        assert (traffic.phase, traffic.reason) == (Phase.STOPPED, "stopped by the test")
        assert traffic.totals.due == traffic.totals.sent == traffic.totals.done
        assert traffic.totals.errors == {"cancelled": traffic.totals.sent}
        await eventually(lambda: server.open == 0)


async def test_token_can_be_taken_away_or_replaced_by_a_fault() -> None:
    seen: list[str] = []

    async def noting(client: Client) -> None:
        while True:
            request = await client.read()
            seen.append(request.headers.get("authorization", ""))
            if request.line.startswith("POST /api/auth/login"):
                await client.answer(b'{"token": "real", "expiresAt": 9e9}')
            else:
                await client.answer(b'{"items": []}')

    server = RawUpstream(noting)
    async with running(server), engine() as made:
        made.change_token = lambda token: f"forged {token}"
        known = plan(requests=[CustomRequest(method="GET", path="/mine")], duration_s=0.1, clients=1)
        made.obey(TrafficOrder(run=1, plan=known, host="127.0.0.1", port=server.port))
        await stopped(made)
    assert seen.count("Bearer forged real") == 20


async def test_order_that_takes_long_is_looked_at_until_it_is_settled() -> None:
    looks = 0

    async def shop(client: Client) -> None:
        nonlocal looks
        while True:
            request = await client.read()
            if request.line.startswith("POST /api/auth/login"):
                await client.answer(b'{"token": "t", "expiresAt": 9e9}')
            elif request.line.startswith("POST /api/orders"):
                await client.answer(b'{"id": "ord_1", "status": "pending"}', status=202)
            elif request.line.startswith("GET /api/orders/ord_1"):
                looks += 1
                await client.answer(
                    b'{"id": "ord_1", "status": "%b"}' % (b"pending" if looks == 1 else b"cancelled")
                )
            else:
                await client.answer(b'{"items": [{"id": "p1"}]}')

    made = await run_through(
        shop, requests=[], mix=Mix(browse=0, checkout=1, login=0), rate=1.0, duration_s=0.2, clients=1
    )
    totals = made.traffic.totals
    assert (totals.sent, totals.errors) == (1, {"order-cancelled": 1})
    assert looks == 2
