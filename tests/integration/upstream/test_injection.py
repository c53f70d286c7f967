"""Faults of the HTTP edge, injected into calls to real sockets: what the caller sees, and what retries and breakers learn."""

import asyncio
import time
from collections import Counter
from typing import Any

import msgspec
import pytest

from embedded_services.contracts.faults import FaultScope, FaultTarget
from embedded_services.contracts.gateway import DecisionKind
from embedded_services.contracts.settings import BreakerPolicy, CallPolicy, HedgePolicy, RetryPolicy
from embedded_services.faults.touched import Touches
from embedded_services.upstream.client import UpstreamClient
from embedded_services.upstream.failures import BrokenBodyError, UpstreamError
from embedded_services.upstream.messages import BodyStream, UpstreamRequest
from embedded_services.upstream.retries import Fault
from tests.helpers.faults import Arming, fault
from tests.helpers.raw_upstream import Client, RawUpstream, eventually
from tests.integration.upstream.conftest import Connect

PATIENT = CallPolicy(try_timeout_s=5.0, timeout_s=10.0, retries=RetryPolicy(backoff_s=0))
UNBREAKABLE = msgspec.structs.replace(PATIENT, breaker=BreakerPolicy(enabled=False))
LARGE = 200_000
SOMEBODY = b'{"name": "%b"}' % (b"x" * 100)
ONE = FaultTarget(service="user", instance="user-1")


async def says_json(client: Client) -> None:
    while True:
        await client.read()
        await client.answer(SOMEBODY)


async def sends_much(client: Client) -> None:
    while True:
        await client.read()
        await client.answer(b"x" * LARGE)


def get(
    touches: Touches | None = None, *, target: bytes = b"/users/1", explain: bool = False
) -> UpstreamRequest:
    return UpstreamRequest("GET", target, [(b"X-Request-ID", b"r1")], touches=touches, explain=explain)


def post(touches: Touches | None = None) -> UpstreamRequest:
    return UpstreamRequest("POST", b"/users", [], b"{}", 2, touches=touches)


async def take(body: BodyStream, taken: bytearray) -> None:
    async for piece in body:
        taken += piece


def armed(client: UpstreamClient) -> Arming:
    arming = Arming()
    client.inject(arming.held)
    return arming


def in_flight(client: UpstreamClient) -> int:
    return sum(stats.in_flight for stats in client.book.all())


# --- each kind ---

BREAKS = [
    pytest.param("abort", {"status": 503}, Fault.STATUS, id="abort"),
    pytest.param("drop-connection", {"when": "before-request"}, Fault.BROKEN, id="drop-before"),
    pytest.param("drop-connection", {}, Fault.BROKEN, id="drop-after"),
    pytest.param("truncate-body", {}, Fault.BROKEN, id="truncate"),
    pytest.param("malformed-body", {"what": "http"}, Fault.GARBAGE, id="not-http"),
    pytest.param("latency", {"ms": 900}, Fault.TIMEOUT, id="too-late"),
    pytest.param("bandwidth", {"kbPerS": 0.1}, Fault.TIMEOUT, id="too-slow"),
]


@pytest.mark.parametrize(("kind", "params", "seen"), BREAKS)
@pytest.mark.parametrize("explain", [False, True])
async def test_a_retry_hides_it_as_if_the_instance_had_failed(
    connect: Connect, kind: str, params: dict[str, Any], seen: Fault, explain: bool
) -> None:
    client = await connect(RawUpstream(says_json, "user-1"), RawUpstream(says_json, "user-2"))
    arming = armed(client)
    arming.arm(fault(kind, target=ONE, **params))
    answers = [await client.call("user", get(explain=explain)) for _ in range(6)]
    assert {answer.status for answer in answers} == {200}
    failed = [(one.instance, one.fault) for answer in answers for one in answer.failed]
    assert set(failed) == {("user-1", seen)}
    assert arming.counted() == (len(failed), len(failed))
    assert in_flight(client) == 0
    assert client.book.deltas(0.0)["user-1"].failures == len(failed)


@pytest.mark.parametrize(("kind", "params", "seen"), BREAKS)
async def test_it_reaches_the_caller_when_nobody_else_is_there(
    connect: Connect, kind: str, params: dict[str, Any], seen: Fault
) -> None:
    client = await connect(RawUpstream(says_json, "user-1"))
    armed(client).arm(fault(kind, **params))
    if seen is Fault.STATUS:
        assert (await client.call("user", get())).status == params["status"]
    else:
        with pytest.raises(UpstreamError) as error:
            await client.call("user", get())
        assert [one.fault for one in error.value.tries] == [seen]
    assert in_flight(client) == 0


async def test_an_aborted_call_never_reaches_the_instance(connect: Connect) -> None:
    upstream = RawUpstream(says_json, "user-1")
    client = await connect(upstream)
    armed(client).arm(fault("abort", status=429))
    answer = await client.call("user", post())
    assert (answer.status, upstream.requests) == (429, [])
    assert isinstance(answer.body, bytes)
    assert b"as a fault made it" in answer.body


@pytest.mark.parametrize(("when", "reached"), [("before-request", 0), ("after-request", 1)])
async def test_a_lost_answer_was_given_and_a_lost_request_was_not(
    connect: Connect, when: str, reached: int
) -> None:
    upstream = RawUpstream(says_json, "user-1")
    client = await connect(upstream)
    armed(client).arm(fault("drop-connection", when=when))
    with pytest.raises(UpstreamError):
        await client.call("user", post())
    assert len(upstream.requests) == reached
    await eventually(lambda: upstream.open == 0)


async def test_a_malformed_body_is_as_long_as_it_was_and_no_json(connect: Connect) -> None:
    client = await connect(RawUpstream(says_json, "user-1"))
    armed(client).arm(fault("malformed-body"))
    answer = await client.call("user", get())
    body = await answer.read(1000)
    assert (answer.status, len(body)) == (200, answer.length)
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(body)


async def test_a_body_that_is_not_there_cannot_be_cut_off(connect: Connect) -> None:
    async def says_nothing(client: Client) -> None:
        while True:
            await client.read()
            await client.answer(b"")

    client = await connect(RawUpstream(says_nothing, "user-1"))
    arming = armed(client)
    arming.arm(fault("truncate-body"))
    assert (await client.call("user", get())).status == 200
    assert arming.counted() == (0, 0)


async def test_a_large_body_breaks_off_after_its_fraction(connect: Connect) -> None:
    client = await connect(RawUpstream(sends_much, "user-1"), policy=PATIENT)
    armed(client).arm(fault("truncate-body", fraction=0.25))
    answer = await client.call("user", get())
    assert answer.length == LARGE
    assert not isinstance(answer.body, bytes)
    came = bytearray()
    with pytest.raises(BrokenBodyError):
        await take(answer.body, came)
    assert len(came) == LARGE // 4
    assert in_flight(client) == 0
    assert client.book.deltas(0.0)["user-1"].failures == 1


async def test_a_large_body_travels_at_its_rate(connect: Connect) -> None:
    client = await connect(RawUpstream(sends_much, "user-1"), policy=PATIENT)
    armed(client).arm(fault("bandwidth", kbPerS=1000))
    began = time.monotonic()
    body = await (await client.call("user", get())).read(LARGE)
    assert len(body) == LARGE
    assert time.monotonic() - began >= 0.19
    assert in_flight(client) == 0


async def test_latency_holds_a_call_up_and_changes_nothing_else(connect: Connect) -> None:
    client = await connect(RawUpstream(says_json, "user-1"), policy=PATIENT)
    armed(client).arm(fault("latency", ms=60))
    touches = Touches()
    answer = await client.call("user", get(touches))
    assert (answer.status, answer.body, answer.tries) == (200, SOMEBODY, 1)
    assert answer.took_s >= 0.06
    assert touches.faults["f_a"] >= 0.06


# --- never and always ---


@pytest.mark.parametrize("scope", list(FaultScope))
@pytest.mark.parametrize("probability", [0, 1])
async def test_never_is_never_and_always_is_always_on_open_connections_too(
    connect: Connect, scope: FaultScope, probability: int
) -> None:
    upstream = RawUpstream(says_json, "user-1")
    client = await connect(upstream, policy=UNBREAKABLE)
    await asyncio.gather(*(client.call("user", get()) for _ in range(20)))
    opened = upstream.connections
    arming = armed(client)
    arming.arm(fault("abort", status=418, probability=probability, scope=scope))
    answers = await asyncio.gather(*(client.call("user", get()) for _ in range(100)))
    statuses = Counter(answer.status for answer in answers)
    assert statuses == ({418: 100} if probability else {200: 100})
    assert arming.counted() == (100, 100 * probability)
    arming.arm()
    assert {(await client.call("user", get())).status for _ in range(20)} == {200}
    assert opened > 1


async def test_the_same_seed_and_the_same_order_strike_the_same_calls(connect: Connect) -> None:
    async def run() -> list[int]:
        client = await connect(RawUpstream(says_json, "user-1"), policy=UNBREAKABLE)
        armed(client).arm(fault("abort", status=418, probability=0.3, seed=11))
        return [(await client.call("user", get())).status for _ in range(40)]

    first = await run()
    assert set(first) == {200, 418}
    assert await run() == first


async def test_a_connection_keeps_its_fate(connect: Connect) -> None:
    upstream = RawUpstream(says_json, "user-1")
    client = await connect(upstream, policy=UNBREAKABLE)
    armed(client).arm(fault("malformed-body", probability=0.5, scope=FaultScope.CONNECTION, seed=5))
    one_after_the_other = [(await client.call("user", get())).body for _ in range(10)]
    assert len(set(one_after_the_other)) == 1
    rounds = [
        Counter(
            a.body == SOMEBODY for a in await asyncio.gather(*(client.call("user", get()) for _ in range(30)))
        )
        for _ in range(3)
    ]
    assert upstream.connections == 30
    assert rounds[0] == rounds[1] == rounds[2]
    assert set(rounds[0]) == {True, False}


# --- whom it concerns ---


@pytest.mark.parametrize(
    ("target", "hit"),
    [
        (FaultTarget(service="user"), True),
        (FaultTarget(service="order"), False),
        (FaultTarget(service="user", instance="user-2"), False),
        (FaultTarget(route="/api/users/{id}"), True),
        (FaultTarget(route="/api/profiles"), False),
        (FaultTarget(service="user", method="POST"), False),
        (FaultTarget(service="user", header="X-Request-ID: r1"), True),
        (FaultTarget(service="user", process="gateway"), True),
        (FaultTarget(service="user", process="orchestrator"), False),
        (FaultTarget(service="user", user="u_1"), False),
    ],
)
async def test_only_what_it_is_aimed_at_is_hit(connect: Connect, target: FaultTarget, hit: bool) -> None:
    client = await connect(RawUpstream(says_json, "user-1"))
    arming = armed(client)
    arming.arm(fault("abort", status=418, target=target))
    assert (await client.call("user", get())).status == (418 if hit else 200)
    assert arming.counted() == (hit, hit)


# --- ends ---


async def test_who_is_held_up_goes_on_when_the_fault_is_removed(connect: Connect) -> None:
    client = await connect(RawUpstream(says_json, "user-1"), policy=PATIENT)
    arming = armed(client)
    arming.arm(fault("latency", ms=60_000))
    calls = asyncio.gather(*(client.call("user", get()) for _ in range(50)))
    await eventually(lambda: arming.counted() == (50, 50))
    arming.arm()
    async with asyncio.timeout(2):
        assert {answer.status for answer in await calls} == {200}
    assert in_flight(client) == 0


async def test_what_was_taken_back_does_not_act_on_a_call_that_it_had_not_reached(connect: Connect) -> None:
    client = await connect(RawUpstream(says_json, "user-1"), policy=PATIENT)
    arming = armed(client)
    arming.arm(fault("latency", ms=60_000), fault("latency", id="f_b", ms=60_000), fault("abort", id="f_c"))
    calls = asyncio.gather(*(client.call("user", get()) for _ in range(10)))
    await eventually(lambda: arming.counted() == (10, 10))
    arming.arm()
    async with asyncio.timeout(2):
        assert {answer.status for answer in await calls} == {200}
    assert arming.counted("f_b") == arming.counted("f_c") == (0, 0)


async def test_who_is_held_up_goes_on_when_its_time_is_over(connect: Connect) -> None:
    client = await connect(RawUpstream(says_json, "user-1"), policy=PATIENT)
    arming = armed(client)
    arming.arm(fault("latency", ms=4_000, ttl=0.1))
    assert (await client.call("user", get())).took_s < 2.0
    assert (await client.call("user", get())).status == 200
    assert arming.counted() == (1, 1)


async def test_a_call_that_is_given_up_leaves_nothing_behind(connect: Connect, tasks: Any) -> None:
    client = await connect(RawUpstream(says_json, "user-1"), policy=PATIENT)
    arming = armed(client)
    arming.arm(fault("latency", ms=60_000))
    calls = [tasks.start(client.call("user", get()), "call") for _ in range(10)]
    await eventually(lambda: arming.counted() == (10, 10))
    at_once = tasks.start(client.call("user", get()), "call")
    await asyncio.sleep(0)
    for call in (*calls, at_once):
        call.cancel()
    await asyncio.gather(*calls, at_once, return_exceptions=True)
    await eventually(lambda: in_flight(client) == 0)
    arming.arm()
    assert (await client.call("user", get())).status == 200


async def test_who_is_held_up_is_told_when_the_process_stops(connect: Connect, tasks: Any) -> None:
    client = await connect(RawUpstream(says_json, "user-1"), policy=PATIENT)
    arming = armed(client)
    arming.arm(fault("latency", ms=60_000))
    held_up = [tasks.start(client.call("user", get()), "call") for _ in range(3)]
    await eventually(lambda: arming.counted() == (3, 3))
    not_begun = tasks.start(client.call("user", get()), "call")
    await asyncio.sleep(0)
    await client.close()
    for call in (*held_up, not_begun):
        with pytest.raises(UpstreamError, match="this process is stopping"):
            await call
    assert in_flight(client) == 0


# --- what stands around a call ---


async def test_the_breaker_learns_of_it_and_what_it_refuses_is_put_down_to_the_fault(
    connect: Connect,
) -> None:
    policy = msgspec.structs.replace(PATIENT, breaker=BreakerPolicy(minimum_calls=4))
    client = await connect(RawUpstream(says_json, "user-1"), policy=policy)
    armed(client).arm(fault("abort", status=500))
    assert [(await client.call("user", get())).status for _ in range(4)] == [500] * 4
    assert DecisionKind.BREAKER_OPENED in {one.kind for one in client.decisions.drain()}
    touches = Touches()
    with pytest.raises(UpstreamError):
        await client.call("user", get(touches))
    assert "f_a" in touches.faults


async def test_a_hedge_is_faster_than_an_instance_that_is_slow(connect: Connect) -> None:
    policy = msgspec.structs.replace(PATIENT, hedging=HedgePolicy(enabled=True, after_s=0.02))
    client = await connect(RawUpstream(says_json, "user-1"), RawUpstream(says_json, "user-2"), policy=policy)
    armed(client).arm(fault("latency", target=ONE, ms=3_000))
    answers = [await client.call("user", get()) for _ in range(4)]
    assert {answer.instance for answer in answers} == {"user-2"}
    await eventually(lambda: in_flight(client) == 0)


async def test_delays_add_up_and_come_before_what_ends_the_call(connect: Connect) -> None:
    client = await connect(RawUpstream(says_json, "user-1"), policy=PATIENT)
    arming = armed(client)
    arming.arm(
        fault("truncate-body", id="f_cut"),
        fault("abort", id="f_abort", status=418),
        fault("latency", id="f_one", ms=30),
        fault("latency", id="f_two", ms=40),
    )
    answer = await client.call("user", get())
    assert answer.status == 418
    assert answer.took_s >= 0.07
    assert [arming.counted(name) for name in ("f_one", "f_two", "f_abort", "f_cut")] == [
        (1, 1), (1, 1), (1, 1), (0, 0),
    ]  # fmt: skip


async def test_what_an_instance_met_itself_is_heard_even_if_its_answer_is_not_used(connect: Connect) -> None:
    async def met_faults(client: Client) -> None:
        while True:
            await client.read()
            await client.answer(b"no", status=503, headers="x-faultdeck-faults: f_deep=250.0\r\n")

    client = await connect(
        RawUpstream(met_faults, "user-1"), RawUpstream(says_json, "user-2"), policy=PATIENT
    )
    armed(client).arm(fault("lying-health"))
    heard = []
    for _ in range(2):
        touches = Touches()
        assert (await client.call("user", get(touches))).status == 200
        heard.append(touches.faults)
    assert {"f_deep": 0.25} in heard


async def test_a_service_that_nothing_is_aimed_at_has_nothing_to_look_at(connect: Connect) -> None:
    client = await connect(RawUpstream(says_json, "user-1"))
    arming = armed(client)
    services = client._services
    assert {service.injection for service in services.values()} == {None}
    arming.arm(fault("abort", target=FaultTarget(service="order")))
    assert services["user"].injection is None
    assert services["order"].injection is not None
    arming.arm()
    assert services["order"].injection is None
