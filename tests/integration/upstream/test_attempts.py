"""Each try can say why it went where it went."""

import asyncio

import msgspec
import pytest

from embedded_services.common.tasks import Tasks
from embedded_services.contracts.gateway import Attempt
from embedded_services.contracts.settings import BreakerPolicy, OutlierPolicy, Strategy
from embedded_services.upstream.client import UpstreamClient
from embedded_services.upstream.failures import UpstreamError
from embedded_services.upstream.messages import UpstreamRequest
from tests.helpers.raw_upstream import Client, RawUpstream, eventually
from tests.integration.upstream.conftest import Connect, with_policy
from tests.integration.upstream.test_resilience import CALM, Gate, calm


async def closes(client: Client) -> None:
    await client.read()


def explained(affinity: str | None = None) -> UpstreamRequest:
    return UpstreamRequest("GET", b"/", [], explain=True, affinity=affinity)


async def attempts(client: UpstreamClient, affinity: str | None = None) -> tuple[Attempt, ...]:
    return (await client.call("user", explained(affinity))).attempts


async def test_a_call_that_is_not_to_be_explained_says_nothing(connect: Connect) -> None:
    client = await connect(RawUpstream())
    assert (await client.call("user", UpstreamRequest("GET", b"/", []))).attempts == ()


async def test_the_only_instance_is_the_only_one(connect: Connect) -> None:
    client = await connect(RawUpstream())
    (attempt,) = await attempts(client)
    assert (attempt.instance, attempt.reason, attempt.why) == ("user-1", "only", "only one in rotation")
    assert attempt.outcome == "200"
    assert attempt.took_ms > attempt.at_ms >= 0


@pytest.mark.parametrize(
    ("strategy", "reason", "why"),
    [
        (Strategy.ROUND_ROBIN, "turn", {"turn: after user-1", "turn: after user-2"}),
        (Strategy.RANDOM, "random", {"drawn by lot from 2"}),
        (Strategy.LEAST_CONNECTIONS, "least", {"0 in flight against 0"}),
        (Strategy.POWER_OF_TWO, "power-of-two", None),
        (Strategy.WEIGHTED_ROUND_ROBIN, "weight", {"weight 3 of 4", "weight 1 of 4"}),
        (Strategy.CONSISTENT_HASH, "hash", {"hash of ip lands here"}),
    ],
)
async def test_each_strategy_says_why_in_its_words(
    connect: Connect, strategy: Strategy, reason: str, why: set[str] | None
) -> None:
    client = await connect(RawUpstream(name="user-1"), RawUpstream(name="user-2"), policy=CALM)
    client.update_settings(with_policy(CALM, strategy=strategy, weights={"user-1": 3}))
    await client.call("user", UpstreamRequest("GET", b"/", [], affinity="ip:1"))
    told = [(await attempts(client, "ip:1"))[0] for _ in range(8)]
    assert {one.reason for one in told} == {reason}
    said = {one.why for one in told}
    assert said == why if why is not None else all(one.startswith("2 sampled: ") for one in said)
    for one in told:
        assert [(candidate.id, candidate.out) for candidate in one.candidates] == [
            ("user-1", ""),
            ("user-2", ""),
        ]


async def test_least_connections_says_against_how_many(connect: Connect, tasks: Tasks) -> None:
    gates = Gate("user-1"), Gate("user-2")
    client = await connect(*(gate.upstream for gate in gates), policy=CALM)
    client.update_settings(with_policy(CALM, strategy=Strategy.LEAST_CONNECTIONS))
    first = tasks.start(client.call("user", UpstreamRequest("GET", b"/", [])), "call")
    await eventually(lambda: any(gate.upstream.requests for gate in gates))
    second = tasks.start(attempts(client), "call")
    await eventually(lambda: all(gate.upstream.requests for gate in gates))
    for gate in gates:
        gate.open.set()
    await first
    (attempt,) = await second
    assert (attempt.reason, attempt.why) == ("least", "0 in flight against 1")
    assert sorted((one.in_flight, one.load) for one in attempt.candidates) == [(0, 0.0), (1, 1.0)]


async def test_a_retry_says_where_it_does_not_go_again(connect: Connect) -> None:
    client = await connect(RawUpstream(closes, "user-1"), RawUpstream(name="user-2"), policy=CALM)
    told = next(told for told in [await attempts(client), await attempts(client)] if len(told) > 1)
    assert [(one.instance, one.reason) for one in told] == [("user-1", "turn"), ("user-2", "retry")]
    assert told[0].outcome == "closed the connection without an answer"
    assert told[1].why == "retry: not user-1 again"
    assert [one.out for one in told[1].candidates] == ["tried already", ""]
    assert told[1].at_ms >= told[0].took_ms


async def test_a_try_of_a_call_that_failed_is_told_without_being_asked(connect: Connect) -> None:
    client = await connect(RawUpstream(closes, "user-1"), RawUpstream(closes, "user-2"), policy=CALM)
    with pytest.raises(UpstreamError) as raised:
        await client.call("user", UpstreamRequest("GET", b"/", []))
    assert [one.reason for one in raised.value.attempts] == ["turn", "retry"]
    assert all(not one.candidates for one in raised.value.attempts)


async def test_a_probe_and_what_is_out_are_told(connect: Connect) -> None:
    breaker = BreakerPolicy(minimum_calls=1, open_s=0.05, probes=1)
    bad, sound = RawUpstream(closes, "user-1"), RawUpstream(name="user-2")
    client = await connect(bad, sound, policy=calm(breaker=breaker))
    told = [one for _ in range(3) for one in await attempts(client)]
    last = told[-1]
    assert (last.instance, last.reason, last.why) == ("user-2", "only", "only one of 2 that may be used")
    assert last.candidates[0].out == "breaker open: 1 of 1 calls in 10 s failed"
    await asyncio.sleep(0.05)
    told = [one for _ in range(2) for one in await attempts(client)]
    assert ("user-1", "probe", "probe: breaker half-open") in [(o.instance, o.reason, o.why) for o in told]


async def test_panic_is_told(connect: Connect) -> None:
    outliers = OutlierPolicy(consecutive_failures=1, panic_percent=100)
    bad, sound = RawUpstream(closes, "user-1"), RawUpstream(name="user-2")
    policy = msgspec.structs.replace(calm(outliers=outliers), tries=1)
    client = await connect(bad, sound, policy=policy)
    told: list[Attempt] = []
    for _ in range(6):
        try:
            told += await attempts(client)
        except UpstreamError as error:
            told += error.attempts
    assert ("user-1", "panic", "panic: too few of 2 are fit, so all are used") in [
        (one.instance, one.reason, one.why) for one in told
    ]
