"""What keeps a call going, or ends it early: budget, back-off, deadlines, hedging, the line, open breakers, live changes."""

import asyncio
from collections import Counter

import msgspec
import pytest

from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.gateway import DecisionKind, Upstream
from embedded_services.contracts.settings import (
    BreakerPolicy,
    CallPolicy,
    ConcurrencyPolicy,
    HedgePolicy,
    OutlierPolicy,
    RetryPolicy,
    Strategy,
)
from embedded_services.upstream.client import UpstreamClient
from embedded_services.upstream.failures import UpstreamError
from embedded_services.upstream.messages import UpstreamRequest
from tests.helpers.raw_upstream import Client, RawUpstream, answers, eventually, rotation, running
from tests.integration.upstream.conftest import Connect, with_policy

CALM = CallPolicy(
    connect_timeout_s=0.3,
    try_timeout_s=0.2,
    timeout_s=1.0,
    retries=RetryPolicy(backoff_s=0),
    breaker=BreakerPolicy(enabled=False),
    outliers=OutlierPolicy(enabled=False),
)


def calm(**changes: object) -> CallPolicy:
    return msgspec.structs.replace(CALM, **changes)


def get() -> UpstreamRequest:
    return UpstreamRequest("GET", b"/users/1", [])


def post() -> UpstreamRequest:
    return UpstreamRequest("POST", b"/orders", [], b"{}")


def row(client: UpstreamClient) -> Upstream:
    client.tell_again()
    return next(row for row in client.views(asyncio.get_running_loop().time()) if row.service == "user")


async def closes(client: Client) -> None:
    await client.read()


async def stalls(client: Client) -> None:
    await client.read()
    await client.reader.read()


async def is_overloaded(client: Client) -> None:
    while True:
        await client.read()
        await client.answer(b"no", status=503)


class Gate:
    """An instance that answers when it is let."""

    def __init__(self, name: str = "user-1") -> None:
        self.open = asyncio.Event()
        self.upstream = RawUpstream(self._script, name)

    async def _script(self, client: Client) -> None:
        while True:
            await client.read()
            await self.open.wait()
            await client.answer(self.upstream.name.encode())


# --- retries ---


async def test_when_the_last_try_is_spent_the_answer_itself_is_handed_on(connect: Connect) -> None:
    upstreams = [RawUpstream(is_overloaded, f"user-{number}") for number in (1, 2, 3)]
    client = await connect(*upstreams, policy=CALM)
    response = await client.call("user", get())
    assert (response.status, response.body, response.tries) == (503, b"no", 3)
    assert [failed.reason for failed in response.failed] == ["answered 503"] * 2
    assert [attempt.outcome for attempt in response.attempts] == ["503"] * 3
    assert all(not attempt.candidates for attempt in response.attempts)
    assert row(client).failures == 1


@pytest.mark.parametrize(
    "policy",
    [calm(retries=RetryPolicy(enabled=False)), calm(tries=1), calm(retries=RetryPolicy(statuses=(502,)))],
)
async def test_what_the_policy_does_not_repeat_is_handed_on(connect: Connect, policy: CallPolicy) -> None:
    upstreams = [RawUpstream(is_overloaded, f"user-{number}") for number in (1, 2)]
    client = await connect(*upstreams, policy=policy)
    response = await client.call("user", get())
    assert (response.status, response.tries) == (503, 1)
    assert response.attempts == ()


async def test_no_more_is_repeated_than_the_budget_affords_and_that_is_told(connect: Connect) -> None:
    retries = RetryPolicy(backoff_s=0, budget_percent=0, budget_floor_per_s=1)
    upstreams = [RawUpstream(closes, f"user-{number}") for number in (1, 2)]
    client = await connect(*upstreams, policy=calm(retries=retries))
    said = []
    for _ in range(30):
        with pytest.raises(UpstreamError) as raised:
            await client.call("user", get())
        said.append("the retry budget is spent" in raised.value.message)
    assert sum(said) == 20
    view = row(client)
    assert (view.retries, view.budget.used, view.budget.allowed, view.budget.refused) == (10, 10, 10, 20)
    (told,) = client.decisions.drain()
    assert (told.kind, told.count) == (DecisionKind.BUDGET_SPENT, 1)


async def test_a_repetition_waits_by_the_clock_but_one_that_was_never_sent_does_not(
    connect: Connect,
) -> None:
    class Counting(SystemClock):
        slept: list[float] = []

        async def sleep(self, seconds: float) -> None:
            self.slept.append(seconds)

    dead, closing = RawUpstream(name="user-1"), RawUpstream(closes, "user-2")
    clock = Counting()
    policy = calm(retries=RetryPolicy(backoff_s=0.05))
    async with running(dead, closing), UpstreamClient(with_policy(policy), clock) as client:
        client.update_peers(rotation(dead, closing))
        await dead.kill()
        for _ in range(20):
            with pytest.raises(UpstreamError):
                await client.call("user", get())
        assert len(clock.slept) == 10
        assert all(0 < seconds < 0.05 for seconds in clock.slept)
        await dead.start()


# --- time ---


async def test_an_instance_is_told_how_much_time_is_left(connect: Connect) -> None:
    slow, sound = RawUpstream(stalls, "user-1"), RawUpstream(name="user-2")
    client = await connect(slow, sound, policy=CALM)
    for _ in range(2):
        await client.call("user", get())
    (first,) = slow.requests
    left = [int(request.headers["x-request-deadline-ms"]) for request in sound.requests]
    assert first.headers["x-request-deadline-ms"] == "1000"
    assert sorted(left)[1] == 1000
    assert 700 < sorted(left)[0] <= 800


async def test_a_nested_call_never_outlasts_the_one_it_is_for(connect: Connect) -> None:
    gate = Gate()
    client = await connect(gate.upstream, policy=CALM)
    with pytest.raises(UpstreamError) as raised:
        await client.call("user", UpstreamRequest("GET", b"/", [], within_s=0.05))
    assert raised.value.code == "UPSTREAM_TIMEOUT"
    assert int(gate.upstream.requests[0].headers["x-request-deadline-ms"]) <= 50
    with pytest.raises(UpstreamError, match="no time was left") as raised:
        await client.call("user", UpstreamRequest("GET", b"/", [], within_s=0.0))
    assert raised.value.code == "UPSTREAM_TIMEOUT"
    assert len(gate.upstream.requests) == 1


async def test_an_instance_is_not_blamed_for_time_that_it_was_not_given(connect: Connect) -> None:
    breaker = BreakerPolicy(minimum_calls=1)
    slow = RawUpstream(stalls)
    client = await connect(slow, policy=calm(breaker=breaker))
    for _ in range(3):
        with pytest.raises(UpstreamError):
            await client.call("user", UpstreamRequest("GET", b"/", [], within_s=0.02))
    assert row(client).targets[0].breaker.calls == 0
    with pytest.raises(UpstreamError):
        await client.call("user", UpstreamRequest("GET", b"/", [], within_s=0.3))
    assert row(client).targets[0].breaker.state == "open"


# --- hedging ---


async def test_a_slow_instance_is_hedged_and_the_loser_cancelled(connect: Connect) -> None:
    slow, quick = RawUpstream(stalls, "user-1"), RawUpstream(name="user-2")
    policy = calm(hedging=HedgePolicy(enabled=True, after_s=0.02))
    client = await connect(slow, quick, policy=policy)
    responses = [await client.call("user", get()) for _ in range(4)]
    assert {response.body for response in responses} == {b"user-2"}
    assert all(response.took_s < CALM.try_timeout_s for response in responses)
    await eventually(lambda: slow.open == 0)
    view = row(client)
    assert (view.hedges, view.hedges_won, view.budget.used) == (2, 2, 2)
    assert (view.failures, [target.in_flight for target in view.targets]) == (0, [0, 0])
    hedged = next(response for response in responses if response.attempts)
    assert [(one.instance, one.reason, one.outcome) for one in hedged.attempts] == [
        ("user-2", "hedge", "200"),
        ("user-1", "turn", "cancelled: user-2 was faster"),
    ]


async def test_what_must_not_be_done_twice_is_not_hedged(connect: Connect) -> None:
    slow, quick = RawUpstream(stalls, "user-1"), RawUpstream(name="user-2")
    policy = calm(hedging=HedgePolicy(enabled=True, after_s=0.02), timeout_s=0.1, try_timeout_s=0.1)
    client = await connect(slow, quick, policy=policy)
    outcomes: Counter[str] = Counter()
    for _ in range(2):
        try:
            outcomes[(await client.call("user", post())).instance] += 1
        except UpstreamError as error:
            outcomes[error.code] += 1
    assert outcomes == {"user-2": 1, "UPSTREAM_TIMEOUT": 1}
    assert row(client).hedges == 0


async def test_a_hedge_that_fails_leaves_the_first_its_chance(connect: Connect, tasks: Tasks) -> None:
    slow, broken = Gate("user-1"), RawUpstream(closes, "user-2")
    policy = calm(hedging=HedgePolicy(enabled=True, after_s=0.02), try_timeout_s=1.0)
    client = await connect(slow.upstream, broken, policy=policy)
    calls = [tasks.start(client.call("user", get()), "call") for _ in range(2)]
    await eventually(lambda: len(broken.requests) == 2)
    slow.open.set()
    assert {(await call).body for call in calls} == {b"user-1"}
    assert row(client).failures == 0


async def test_a_hedged_call_that_is_cancelled_leaves_nothing_behind(connect: Connect, tasks: Tasks) -> None:
    upstreams = RawUpstream(stalls, "user-1"), RawUpstream(stalls, "user-2")
    policy = calm(hedging=HedgePolicy(enabled=True, after_s=0.01))
    client = await connect(*upstreams, policy=policy)
    call = tasks.start(client.call("user", get()), "call")
    await eventually(lambda: all(upstream.requests for upstream in upstreams))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await eventually(lambda: all(upstream.open == 0 for upstream in upstreams))
    assert [target.in_flight for target in row(client).targets] == [0, 0]


# --- concurrency ---


def limited(limit: int, queue: int, timeout_s: float = 0.5) -> CallPolicy:
    concurrency = ConcurrencyPolicy(limit=limit, queue=queue, queue_timeout_s=timeout_s)
    return calm(concurrency=concurrency, timeout_s=5.0, try_timeout_s=5.0)


async def test_a_full_service_makes_calls_wait_in_order_and_no_more_than_may(
    connect: Connect, tasks: Tasks
) -> None:
    gate = Gate()
    client = await connect(gate.upstream, policy=limited(2, 3))
    done: list[int] = []

    async def call(number: int) -> None:
        await client.call("user", post())
        done.append(number)

    calls = [tasks.start(call(number), "call") for number in range(5)]
    await eventually(lambda: len(gate.upstream.requests) == 2)
    assert (row(client).queued, row(client).targets[0].in_flight) == (3, 2)
    for _ in range(4):
        with pytest.raises(UpstreamError, match="2 calls under way, and 3 more are waiting") as raised:
            await client.call("user", post())
        assert raised.value.code == "SERVICE_UNAVAILABLE"
    gate.open.set()
    await asyncio.gather(*calls)
    assert done == sorted(done)
    assert gate.upstream.connections == 2
    assert row(client).rejected == {"queue-full": 4}
    (told,) = client.decisions.drain()
    assert (told.kind, told.count) == (DecisionKind.QUEUE_FULL, 1)


async def test_who_waits_too_long_is_told_so(connect: Connect, tasks: Tasks) -> None:
    gate = Gate()
    client = await connect(gate.upstream, policy=limited(1, 9, timeout_s=0.03))
    first = tasks.start(client.call("user", post()), "call")
    await eventually(lambda: len(gate.upstream.requests) == 1)
    with pytest.raises(UpstreamError, match=r"1 call under way; none was done within 0\.0 s"):
        await client.call("user", post())
    assert (row(client).rejected, row(client).queued) == ({"queue-timeout": 1}, 0)
    gate.open.set()
    assert (await first).status == 200


async def test_who_is_cancelled_leaves_the_line(connect: Connect, tasks: Tasks) -> None:
    gate = Gate()
    client = await connect(gate.upstream, policy=limited(1, 9))
    calls = [tasks.start(client.call("user", post()), "call") for _ in range(3)]
    await eventually(lambda: row(client).queued == 2)
    calls[1].cancel()
    await asyncio.gather(calls[1], return_exceptions=True)
    assert row(client).queued == 1
    gate.open.set()
    assert (await calls[2]).status == 200
    assert (row(client).targets[0].in_flight, len(gate.upstream.requests)) == (0, 2)


async def test_a_slot_that_was_given_to_one_that_is_cancelled_is_given_back(
    connect: Connect, tasks: Tasks
) -> None:
    gate = Gate()
    client = await connect(gate.upstream, policy=limited(1, 9))
    first = tasks.start(client.call("user", post()), "call")
    await eventually(lambda: len(gate.upstream.requests) == 1)
    second = tasks.start(client.call("user", post()), "call")
    await eventually(lambda: row(client).queued == 1)
    first.add_done_callback(lambda _: second.cancel())
    gate.open.set()
    await asyncio.gather(first, second, return_exceptions=True)
    assert (await client.call("user", post())).status == 200
    assert row(client).targets[0].in_flight == 0


async def test_another_limit_holds_at_once(connect: Connect, tasks: Tasks) -> None:
    gate = Gate()
    client = await connect(gate.upstream, policy=limited(1, 9))
    calls = [tasks.start(client.call("user", post()), "call") for _ in range(4)]
    await eventually(lambda: row(client).queued == 3)
    client.update_settings(with_policy(limited(3, 9)))
    await eventually(lambda: len(gate.upstream.requests) == 3)
    client.update_settings(with_policy(calm(concurrency=ConcurrencyPolicy(enabled=False))))
    await eventually(lambda: len(gate.upstream.requests) == 4)
    gate.open.set()
    await asyncio.gather(*calls)


async def test_an_instance_that_joins_serves_those_who_wait(connect: Connect, tasks: Tasks) -> None:
    gate, more = Gate(), RawUpstream(name="user-2")
    client = await connect(gate.upstream, policy=limited(1, 9))
    calls = [tasks.start(client.call("user", post()), "call") for _ in range(3)]
    await eventually(lambda: row(client).queued == 2)
    async with running(more):
        client.update_peers(rotation(gate.upstream, more, revision=2))
        assert [(await call).body for call in calls[1:]] == [b"user-2"] * 2
    gate.open.set()
    await calls[0]


async def test_those_who_wait_are_told_when_the_process_stops(connect: Connect, tasks: Tasks) -> None:
    gate = Gate()
    client = await connect(gate.upstream, policy=limited(1, 9))
    calls = [tasks.start(client.call("user", post()), "call") for _ in range(2)]
    await eventually(lambda: row(client).queued == 1 and len(gate.upstream.requests) == 1)
    await client.close()
    with pytest.raises(UpstreamError, match="this process is stopping"):
        await calls[1]
    gate.open.set()
    assert (await calls[0]).status == 200


# --- breakers ---


async def test_with_all_breakers_open_calls_fail_at_once_and_are_told_when_to_come_back(
    connect: Connect,
) -> None:
    breaker = BreakerPolicy(minimum_calls=2, open_s=0.2, probes=1)
    upstreams = [RawUpstream(is_overloaded, f"user-{number}") for number in (1, 2)]
    client = await connect(*upstreams, policy=calm(breaker=breaker))
    for _ in range(2):
        await client.call("user", get())
    with pytest.raises(
        UpstreamError,
        match=r"user-1 breaker open: 2 of 2.*; user-2 breaker open.*\. The next try is in 0\.\d s",
    ) as raised:
        await client.call("user", get())
    assert (raised.value.code, raised.value.retry_after) == ("SERVICE_UNAVAILABLE", 1)
    assert sum(len(upstream.requests) for upstream in upstreams) == 4
    assert row(client).rejected == {"breakers-open": 1}
    for upstream in upstreams:
        upstream.script = answers
        await upstream.kill()
        await upstream.start()
    await asyncio.sleep(0.2)
    assert (await client.call("user", get())).status == 200
    assert (await client.call("user", get())).status == 200
    kinds = Counter(told.kind for told in client.decisions.drain())
    assert kinds == {
        DecisionKind.BREAKER_OPENED: 2,
        DecisionKind.BREAKER_HALF_OPEN: 2,
        DecisionKind.BREAKER_CLOSED: 2,
    }


async def test_time_alone_makes_a_breaker_half_open_in_the_view(connect: Connect) -> None:
    breaker = BreakerPolicy(minimum_calls=1, open_s=0.05)
    bad, sound = RawUpstream(is_overloaded, "user-1"), RawUpstream(name="user-2")
    client = await connect(bad, sound, policy=calm(breaker=breaker))
    for _ in range(2):
        await client.call("user", get())
    assert row(client).targets[0].breaker.state == "open"
    await eventually(lambda: row(client).targets[0].breaker.state == "half-open")


# --- live changes ---


async def test_strategies_and_policies_are_switched_under_load_without_an_error(
    connect: Connect, tasks: Tasks
) -> None:
    upstreams = [RawUpstream(name=f"user-{number}") for number in (1, 2, 3)]
    client = await connect(*upstreams, policy=CALM)
    done = False

    async def keep_asking(worker: int) -> int:
        asked = 0
        while not done:
            request = UpstreamRequest(
                "POST", b"/", [], b"{}", affinity=f"ip:{worker}", explain=asked % 5 == 0
            )
            assert (await client.call("user", request)).status == 200
            asked += 1
        return asked

    workers = [tasks.start(keep_asking(number), "call") for number in range(8)]
    for strategy in [*Strategy, *Strategy]:
        for limit in (2, 1000):
            policy = calm(concurrency=ConcurrencyPolicy(limit=limit))
            client.update_settings(with_policy(policy, strategy=strategy, weights={"user-1": 3}))
            await asyncio.sleep(0.01)
    done = True
    assert sum(await asyncio.gather(*workers)) > 200
    view = row(client)
    assert (view.failures, [target.in_flight for target in view.targets]) == (0, [0, 0, 0])
    told = [one.service for one in client.decisions.drain() if one.kind is DecisionKind.STRATEGY]
    assert told.count("user") == 2 * len(Strategy) - 1


async def test_the_same_key_goes_to_the_same_instance_until_that_leaves(connect: Connect) -> None:
    upstreams = [RawUpstream(name=f"user-{number}") for number in (1, 2, 3)]
    client = await connect(*upstreams, policy=CALM)
    client.update_settings(with_policy(CALM, strategy=Strategy.CONSISTENT_HASH, hash_key="user"))
    assert client.affinity_of("user") == "user"

    async def place(key: int) -> str:
        request = UpstreamRequest("GET", b"/", [], affinity=f"user:{key}")
        return (await client.call("user", request)).instance

    before = {key: await place(key) for key in range(60)}
    assert {key: await place(key) for key in range(60)} == before
    client.update_peers(rotation(*upstreams[:2], revision=2))
    after = {key: await place(key) for key in range(60)}
    assert all(after[key] == was for key, was in before.items() if was != "user-3")
    client.update_settings(with_policy(CALM))
    assert client.affinity_of("user") is None
