"""An instance that misbehaves beside a sound one, with retries, breakers and ejection on: who sees what, and how often."""

import asyncio
from collections import Counter

import pytest

from embedded_services.contracts.gateway import DecisionKind, Upstream
from embedded_services.contracts.settings import BreakerPolicy, CallPolicy, OutlierPolicy, RetryPolicy
from embedded_services.upstream.client import UpstreamClient
from embedded_services.upstream.failures import BrokenBodyError, UpstreamError
from embedded_services.upstream.messages import UpstreamRequest
from embedded_services.upstream.retries import Fault
from tests.helpers.raw_upstream import Client, RawUpstream, Script
from tests.integration.upstream.conftest import Connect

OPENS_AFTER, EJECTED_AFTER, CALLS = 4, 3, 16
RETRIES = RetryPolicy(backoff_s=0)
WITH_BREAKERS = CallPolicy(
    connect_timeout_s=0.3,
    try_timeout_s=0.05,
    timeout_s=0.15,
    retries=RETRIES,
    breaker=BreakerPolicy(minimum_calls=OPENS_AFTER),
    outliers=OutlierPolicy(enabled=False),
)
WITH_EJECTION = CallPolicy(
    connect_timeout_s=0.3,
    try_timeout_s=0.05,
    timeout_s=0.15,
    retries=RETRIES,
    breaker=BreakerPolicy(enabled=False),
    outliers=OutlierPolicy(consecutive_failures=EJECTED_AFTER),
)
POLICIES = [
    pytest.param(WITH_BREAKERS, OPENS_AFTER, DecisionKind.BREAKER_OPENED, id="breaker"),
    pytest.param(WITH_EJECTION, EJECTED_AFTER, DecisionKind.EJECTED, id="ejection"),
]


async def accepts_and_closes(client: Client) -> None:
    client.server.requests.append(None)  # type: ignore[arg-type]  # only counted


async def resets(client: Client) -> None:
    await client.read()
    client.reset()


async def stalls(client: Client) -> None:
    await client.read()
    await client.reader.read()


async def stalls_in_its_head(client: Client) -> None:
    await client.read()
    await client.send(b"HTTP/1.1 200 OK\r\nContent-")
    await client.reader.read()


async def stalls_in_a_small_body(client: Client) -> None:
    await client.read()
    await client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await client.reader.read()


async def announces_more_than_it_sends(client: Client) -> None:
    await client.read()
    await client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")


async def contradicts_itself_about_the_length(client: Client) -> None:
    await client.read()
    await client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!")


async def sends_garbage(client: Client) -> None:
    await client.read()
    await client.send(b"\x00\x01\x02 not HTTP at all\r\n\r\n")


async def answers_before_reading_and_breaks_off(client: Client) -> None:
    await client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await client.read()
    client.reset()


async def is_overloaded(client: Client) -> None:
    while True:
        await client.read()
        await client.answer(b"no", status=503)


HIDDEN: list[tuple[Script, Fault]] = [
    (accepts_and_closes, Fault.BROKEN),
    (resets, Fault.BROKEN),
    (stalls, Fault.TIMEOUT),
    (stalls_in_its_head, Fault.TIMEOUT),
    (stalls_in_a_small_body, Fault.TIMEOUT),
    (announces_more_than_it_sends, Fault.BROKEN),
    (contradicts_itself_about_the_length, Fault.GARBAGE),
    (sends_garbage, Fault.GARBAGE),
    (answers_before_reading_and_breaks_off, Fault.BROKEN),
    (is_overloaded, Fault.STATUS),
]


def get() -> UpstreamRequest:
    return UpstreamRequest("GET", b"/users/1", [])


def row(client: UpstreamClient) -> Upstream:
    client.tell_again()
    return next(row for row in client.views(asyncio.get_running_loop().time()) if row.service == "user")


@pytest.mark.parametrize(("policy", "hits", "decision"), POLICIES)
@pytest.mark.parametrize(("script", "fault"), HIDDEN)
async def test_a_get_never_sees_it_and_the_instance_is_soon_left_alone(
    connect: Connect, script: Script, fault: Fault, policy: CallPolicy, hits: int, decision: DecisionKind
) -> None:
    bad, sound = RawUpstream(script, "user-1"), RawUpstream(name="user-2")
    client = await connect(bad, sound, policy=policy)
    responses = [await client.call("user", get()) for _ in range(CALLS)]
    assert Counter(response.body for response in responses) == {b"user-2": CALLS}
    failed = [failed for response in responses for failed in response.failed]
    assert Counter(one.fault for one in failed) == {fault: hits}
    assert len(bad.requests) == hits
    seen = row(client)
    assert (seen.calls, seen.failures, seen.retries, seen.budget.used) == (CALLS, 0, hits, hits)
    assert [(target.picks, target.in_flight, target.eligible) for target in seen.targets] == [
        (hits, 0, False),
        (CALLS, 0, True),
    ]
    assert [(one.kind, one.instance) for one in client.decisions.drain()] == [(decision, "user-1")]
    deltas = client.book.deltas(0.0)
    assert (deltas["user-1"].requests, deltas["user-1"].failures) == (hits, hits)
    assert deltas["user-2"].failures == 0


@pytest.mark.parametrize(("policy", "hits", "decision"), POLICIES)
@pytest.mark.parametrize(("script", "fault"), HIDDEN)
async def test_a_post_sees_it_exactly_until_the_instance_is_left_alone(
    connect: Connect, script: Script, fault: Fault, policy: CallPolicy, hits: int, decision: DecisionKind
) -> None:
    bad, sound = RawUpstream(script, "user-1"), RawUpstream(name="user-2")
    client = await connect(bad, sound, policy=policy)
    seen: Counter[str] = Counter()
    errors: list[UpstreamError] = []
    for _ in range(CALLS):
        try:
            response = await client.call("user", UpstreamRequest("POST", b"/orders", [], b"{}"))
            seen["failed" if response.status >= 500 else "answered"] += 1
        except UpstreamError as error:
            errors.append(error)
            seen["failed"] += 1
    assert all([one.fault for one in error.tries] == [fault] for error in errors)
    assert all([one.instance for one in error.attempts] == ["user-1"] for error in errors)
    assert seen == {"failed": hits, "answered": CALLS - hits}
    assert (len(bad.requests), len(sound.requests)) == (hits, CALLS - hits)
    view = row(client)
    assert (view.failures, view.retries) == (hits, 0)
    assert [one.kind for one in client.decisions.drain()] == [decision]


async def resets_in_a_large_body(client: Client) -> None:
    await client.read()
    await client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf")
    await asyncio.sleep(0.01)
    client.reset()


async def stalls_in_a_large_body(client: Client) -> None:
    await client.read()
    await client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf")
    await client.reader.read()


async def breaks_off_between_chunks(client: Client) -> None:
    await client.read()
    await client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")


async def lies_about_a_chunk(client: Client) -> None:
    await client.read()
    await client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
    await asyncio.sleep(0.01)
    await client.send(b"2\r\nmuch more than two\r\n0\r\n\r\n")


@pytest.mark.parametrize(("policy", "hits", "decision"), POLICIES)
@pytest.mark.parametrize(
    "script",
    [resets_in_a_large_body, stalls_in_a_large_body, breaks_off_between_chunks, lies_about_a_chunk],
)
async def test_what_breaks_after_it_began_to_flow_back_is_not_repeated_but_counts(
    connect: Connect, script: Script, policy: CallPolicy, hits: int, decision: DecisionKind
) -> None:
    bad, sound = RawUpstream(script, "user-1"), RawUpstream(name="user-2")
    client = await connect(bad, sound, policy=policy, body_idle_s=0.05)
    broken = 0
    for _ in range(CALLS):
        response = await client.call("user", get())
        assert response.tries == 1
        try:
            assert await response.read(100) == b"user-2"
        except BrokenBodyError:
            broken += 1
    assert broken == hits
    assert (len(bad.requests), len(sound.requests)) == (hits, CALLS - hits)
    view = row(client)
    assert (view.failures, view.retries) == (hits, 0)
    assert [target.in_flight for target in view.targets] == [0, 0]
    assert [one.kind for one in client.decisions.drain()] == [decision]


async def test_an_answer_that_comes_before_the_request_was_read_is_an_answer(connect: Connect) -> None:
    async def answers_first(client: Client) -> None:
        while True:
            request = await client.read_head()
            await client.answer(b"early")
            async for _ in client.read_body(request):
                pass

    client = await connect(RawUpstream(answers_first), policy=WITH_BREAKERS)
    for _ in range(CALLS):
        response = await client.call("user", UpstreamRequest("POST", b"/", [], b"x" * 1000))
        assert response.body == b"early"
    assert row(client).failures == 0
    assert client.decisions.drain() == []


async def test_more_than_was_announced_is_dropped_with_its_connection(connect: Connect) -> None:
    async def says_too_much(client: Client) -> None:
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and much more")
        await client.read()

    upstream = RawUpstream(says_too_much)
    client = await connect(upstream, policy=WITH_BREAKERS)
    bodies = [(await client.call("user", get())).body for _ in range(CALLS)]
    assert bodies == [b"ok"] * CALLS
    assert upstream.connections == CALLS
    assert row(client).failures == 0


async def test_a_frozen_instance_is_left_alone_after_one_timeout_each_under_load(connect: Connect) -> None:
    frozen, sound = RawUpstream(stalls, "user-1"), RawUpstream(name="user-2")
    client = await connect(frozen, sound, policy=WITH_EJECTION)
    first = await asyncio.gather(*(client.call("user", get()) for _ in range(20)))
    assert {response.body for response in first} == {b"user-2"}
    assert len(frozen.requests) == 10
    second = await asyncio.gather(*(client.call("user", get()) for _ in range(20)))
    assert all(response.took_s < WITH_EJECTION.try_timeout_s for response in second)
    assert len(frozen.requests) == 10
