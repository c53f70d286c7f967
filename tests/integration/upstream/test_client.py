"""The client against instances that refuse, stall, break off, lie and die: what is repeated, where, and what is said."""

import asyncio
from collections import Counter

import pytest

from embedded_services.common.tasks import Tasks
from embedded_services.contracts.settings import CallPolicy
from embedded_services.upstream.client import UpstreamClient
from embedded_services.upstream.failures import UpstreamError
from embedded_services.upstream.messages import UpstreamRequest
from embedded_services.upstream.retries import Fault
from tests.helpers.raw_upstream import Client, RawUpstream, Script, answers, eventually, rotation
from tests.integration.upstream.conftest import QUICK, Connect


def get(target: bytes = b"/users/1") -> UpstreamRequest:
    return UpstreamRequest("GET", target, [(b"Accept", b"*/*")])


def post(*, repeatable: bool = False) -> UpstreamRequest:
    return UpstreamRequest("POST", b"/orders", [], b'{"n":1}', repeatable=repeatable)


async def closes(client: Client) -> None:
    await client.read()


async def resets(client: Client) -> None:
    await client.read()
    client.reset()


async def stalls(client: Client) -> None:
    await client.read()
    await client.reader.read()


async def sends_garbage(client: Client) -> None:
    await client.read()
    await client.send(b"SSH-2.0-OpenSSH_9.2\r\n")


async def breaks_off_its_head(client: Client) -> None:
    await client.read()
    await client.send(b"HTTP/1.1 200 OK\r\nContent-Le")


async def breaks_off_a_small_body(client: Client) -> None:
    await client.read()
    await client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


MISBEHAVIOUR: list[tuple[Script, Fault, str]] = [
    (closes, Fault.BROKEN, "BAD_GATEWAY"),
    (resets, Fault.BROKEN, "BAD_GATEWAY"),
    (stalls, Fault.TIMEOUT, "UPSTREAM_TIMEOUT"),
    (sends_garbage, Fault.GARBAGE, "BAD_GATEWAY"),
    (breaks_off_its_head, Fault.BROKEN, "BAD_GATEWAY"),
    (breaks_off_a_small_body, Fault.BROKEN, "BAD_GATEWAY"),
]


def in_flight(client: UpstreamClient) -> int:
    return sum(stats.in_flight for stats in client.book.all())


async def test_calls_take_turns_and_reuse_connections(connect: Connect) -> None:
    first, second = RawUpstream(name="user-1"), RawUpstream(name="user-2")
    client = await connect(first, second)
    bodies = [(await client.call("user", get())).body for _ in range(20)]
    assert Counter(bodies) == {b"user-1": 10, b"user-2": 10}
    assert (first.connections, second.connections) == (1, 1)
    deltas = client.book.deltas(0.0)
    assert [(d.in_flight, d.requests, d.failures) for d in deltas.values()] == [(0, 10, 0)] * 2


async def test_an_answer_says_who_gave_it_and_what_was_sent_is_what_was_asked(connect: Connect) -> None:
    upstream = RawUpstream()
    client = await connect(upstream)
    response = await client.call("user", UpstreamRequest("POST", b"/a?b=%20c", [(b"X-A", b"1")], b"body"))
    assert (response.status, response.instance, response.tries) == (200, "user-1", 1)
    assert response.took_s > 0
    (request,) = upstream.requests
    assert (request.line, request.body) == ("POST /a?b=%20c HTTP/1.1", b"body")
    assert request.headers == {
        "host": f"127.0.0.1:{upstream.port}",
        "x-a": "1",
        "content-length": "4",
        "x-request-deadline-ms": "600",
    }


@pytest.mark.parametrize(("script", "fault", "code"), MISBEHAVIOUR)
async def test_a_get_that_meets_a_broken_instance_is_answered_by_another(
    connect: Connect, script: Script, fault: Fault, code: str
) -> None:
    broken, sound = RawUpstream(script, "user-1"), RawUpstream(name="user-2")
    client = await connect(broken, sound)
    responses = [await client.call("user", get()) for _ in range(4)]
    assert [response.instance for response in responses] == ["user-2"] * 4
    faults = [failed.fault for response in responses for failed in response.failed]
    assert faults
    assert set(faults) == {fault}
    assert len(broken.requests) == len(faults)


@pytest.mark.parametrize(("script", "fault", "code"), MISBEHAVIOUR)
async def test_a_post_that_may_have_been_done_is_never_sent_twice(
    connect: Connect, script: Script, fault: Fault, code: str
) -> None:
    upstreams = RawUpstream(script, "user-1"), RawUpstream(script, "user-2")
    client = await connect(*upstreams)
    with pytest.raises(UpstreamError) as raised:
        await client.call("user", post())
    assert raised.value.code == code
    assert [failed.fault for failed in raised.value.tries] == [fault]
    assert sum(len(upstream.requests) for upstream in upstreams) == 1


@pytest.mark.parametrize(("script", "fault", "code"), MISBEHAVIOUR)
async def test_when_every_instance_fails_each_is_tried_once_and_named(
    connect: Connect, script: Script, fault: Fault, code: str
) -> None:
    upstreams = RawUpstream(script, "user-1"), RawUpstream(script, "user-2")
    client = await connect(*upstreams)
    with pytest.raises(UpstreamError) as raised:
        await client.call("user", get())
    assert raised.value.code == code
    assert sorted(failed.instance for failed in raised.value.tries) == ["user-1", "user-2"]
    assert "user-1" in raised.value.message
    assert "user-2" in raised.value.message
    assert [len(upstream.requests) for upstream in upstreams] == [1, 1]
    assert in_flight(client) == 0


async def test_a_post_with_an_idempotency_key_goes_to_another_instance(connect: Connect) -> None:
    client = await connect(RawUpstream(resets, "user-1"), RawUpstream(name="user-2"))
    responses = [await client.call("user", post(repeatable=True)) for _ in range(4)]
    assert {response.body for response in responses} == {b"user-2"}


async def test_a_post_to_an_instance_that_refuses_goes_to_another_because_nothing_was_sent(
    connect: Connect,
) -> None:
    dead, sound = RawUpstream(name="user-1"), RawUpstream(name="user-2")
    client = await connect(dead, sound)
    await dead.kill()
    responses = [await client.call("user", post()) for _ in range(4)]
    assert {response.body for response in responses} == {b"user-2"}
    assert {failed.fault for response in responses for failed in response.failed} == {Fault.REFUSED}


async def test_when_nobody_listens_the_service_is_unavailable(connect: Connect) -> None:
    dead = RawUpstream()
    client = await connect(dead)
    await dead.kill()
    with pytest.raises(UpstreamError, match="user-1 refused the connection") as raised:
        await client.call("user", post())
    assert raised.value.code == "SERVICE_UNAVAILABLE"


async def test_without_instances_the_registrys_reason_is_told_at_once(connect: Connect) -> None:
    client = await connect()
    client.update_peers(rotation(revision=2, reason="both are starting"))
    for service, reason in (
        ("user", "both are starting"),
        ("order", "does not know"),
        ("nobody", "no such service"),
    ):
        with pytest.raises(UpstreamError, match=reason) as raised:
            await client.call(service, get())
        assert raised.value.code == "SERVICE_UNAVAILABLE"


async def test_the_last_possible_try_may_take_all_the_time_that_is_left(connect: Connect) -> None:
    async def is_slow(client: Client) -> None:
        await client.read()
        await asyncio.sleep(2 * QUICK.try_timeout_s)
        await client.answer(b"late")

    client = await connect(RawUpstream(is_slow, "user-1"), RawUpstream(is_slow, "user-2"))
    response = await client.call("user", get())
    assert response.body == b"late"
    assert [failed.fault for failed in response.failed] == [Fault.TIMEOUT]


async def test_the_number_of_tries_is_bounded_by_the_policy(connect: Connect) -> None:
    upstreams = [RawUpstream(resets, f"user-{number}") for number in range(1, 6)]
    client = await connect(*upstreams, policy=CallPolicy(tries=2))
    with pytest.raises(UpstreamError) as raised:
        await client.call("user", get())
    assert len(raised.value.tries) == 2


async def test_a_connection_that_died_while_it_was_kept_is_replaced_by_a_new_one(connect: Connect) -> None:
    async def answers_once(client: Client) -> None:
        await client.read()
        await client.answer()
        await client.read()  # and is gone while this one is on its way

    upstream = RawUpstream(answers_once)
    client = await connect(upstream)
    responses = [await client.call("user", get()) for _ in range(3)]
    assert {response.body for response in responses} == {b"ok"}
    assert [[failed.fault for failed in response.failed] for response in responses] == [
        [],
        [Fault.STALE],
        [Fault.STALE],
    ]


async def test_a_post_does_not_use_a_connection_that_the_other_end_has_closed(connect: Connect) -> None:
    async def answers_once_and_closes(client: Client) -> None:
        await client.read()
        await client.answer()

    upstream = RawUpstream(answers_once_and_closes)
    client = await connect(upstream)
    for _ in range(10):
        response = await client.call("user", post())
        await eventually(lambda: upstream.open == 0)
        assert response.tries == 1
    assert len(upstream.requests) == 10


async def test_a_connection_on_which_something_came_unasked_is_not_used_again(connect: Connect) -> None:
    async def says_too_much(client: Client) -> None:
        await client.read()
        await client.answer(b"ok")
        await client.answer(b"injected")
        await client.read()

    upstream = RawUpstream(says_too_much)
    client = await connect(upstream)
    for number in range(1, 4):
        assert (await client.call("user", get())).body == b"ok"
        assert upstream.connections == number


async def test_a_new_incarnation_gets_new_connections_and_the_old_ones_are_closed(connect: Connect) -> None:
    upstream = RawUpstream()
    client = await connect(upstream)
    await client.call("user", get())
    upstream.incarnation = 2
    client.update_peers(rotation(upstream, revision=2))
    await eventually(lambda: upstream.open == 0)
    await client.call("user", get())
    assert upstream.connections == 2
    assert client.book.deltas(0.0)["user-1"].requests == 2


async def test_an_instance_that_leaves_finishes_what_it_has(connect: Connect, tasks: Tasks) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def waits(client: Client) -> None:
        await client.read()
        asked.set()
        await go_on.wait()
        await client.answer(b"finished")
        await client.read()

    leaving, staying = RawUpstream(waits, "user-1"), RawUpstream(name="user-2")
    client = await connect(leaving, staying, policy=CallPolicy())
    calls = [tasks.start(client.call("user", post()), "call") for _ in range(2)]
    await asked.wait()
    client.update_peers(rotation(staying, revision=2))
    assert (await client.call("user", get())).instance == "user-2"
    go_on.set()
    assert {(await call).body for call in calls} == {b"finished", b"user-2"}
    await eventually(lambda: leaving.open == 0)


async def test_an_older_snapshot_of_the_peers_is_passed_over(connect: Connect) -> None:
    first, second = RawUpstream(name="user-1"), RawUpstream(name="user-2")
    client = await connect(first, second)
    client.update_peers(rotation(first, revision=7))
    client.update_peers(rotation(second, revision=6))
    assert client.peers("user") == (1, "")
    assert (await client.call("user", get())).instance == "user-1"


async def test_gets_survive_one_kill_after_another(connect: Connect, tasks: Tasks) -> None:
    upstreams = [RawUpstream(name=f"user-{number}") for number in (1, 2, 3)]
    client = await connect(*upstreams, policy=CallPolicy())
    done = False

    async def keep_asking() -> int:
        asked = 0
        while not done:
            response = await client.call("user", get())
            assert response.status == 200
            asked += 1
        return asked

    askers = [tasks.start(keep_asking(), "call") for _ in range(8)]
    for revision, victim in enumerate(upstreams * 3, start=2):
        await asyncio.sleep(0.02)
        await victim.kill()
        await asyncio.sleep(0.02)
        victim.incarnation += 1
        await victim.start()
        client.update_peers(rotation(*upstreams, revision=revision))
    done = True
    assert sum(await asyncio.gather(*askers)) > 100
    assert in_flight(client) == 0


async def test_posts_are_done_at_most_once_while_instances_are_killed(connect: Connect, tasks: Tasks) -> None:
    upstreams = [RawUpstream(name=f"user-{number}") for number in (1, 2)]
    client = await connect(*upstreams, policy=CallPolicy())
    done, answered, asked = False, 0, 0

    async def keep_ordering(worker: int) -> None:
        nonlocal answered, asked
        while not done:
            asked += 1
            request = UpstreamRequest("POST", b"/%d/%d" % (worker, asked), [], b"{}")
            try:
                await client.call("user", request)
            except UpstreamError:
                continue
            answered += 1

    workers = [tasks.start(keep_ordering(number), "call") for number in range(8)]
    for revision, victim in enumerate(upstreams * 4, start=2):
        await asyncio.sleep(0.02)
        await victim.kill()
        await asyncio.sleep(0.01)
        victim.incarnation += 1
        await victim.start()
        client.update_peers(rotation(*upstreams, revision=revision))
    done = True
    await asyncio.gather(*workers)
    seen = Counter(request.line for upstream in upstreams for request in upstream.requests)
    assert max(seen.values()) == 1
    assert answered > 50


async def test_a_cancelled_call_is_no_longer_in_flight_and_its_connection_is_closed(
    connect: Connect, tasks: Tasks
) -> None:
    upstream = RawUpstream(stalls)
    client = await connect(upstream, policy=CallPolicy(timeout_s=60, try_timeout_s=60))
    call = tasks.start(client.call("user", get()), "call")
    await eventually(lambda: len(upstream.requests) == 1)
    assert in_flight(client) == 1
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert in_flight(client) == 0
    await eventually(lambda: upstream.open == 0)
    delta = client.book.deltas(0.0)["user-1"]
    assert (delta.requests, delta.failures) == (1, 0)


async def test_server_errors_are_answers_but_count_as_failures(connect: Connect) -> None:
    async def fails(client: Client) -> None:
        while True:
            await client.read()
            await client.answer(b"{}", status=500)

    client = await connect(RawUpstream(fails))
    assert (await client.call("user", get())).status == 500
    assert client.book.deltas(0.0)["user-1"].failures == 1


async def test_head_is_answered_without_a_body_and_the_connection_goes_on(connect: Connect) -> None:
    async def script(client: Client) -> None:
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        await answers(client)

    upstream = RawUpstream(script)
    client = await connect(upstream)
    response = await client.call("user", UpstreamRequest("HEAD", b"/", []))
    assert (response.body, (b"Content-Length", b"5000") in response.headers) == (b"", True)
    assert (await client.call("user", get())).body == b"user-1"
    assert upstream.connections == 1
