import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from embedded_services.agent.child import EXIT_PORT_TAKEN
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat, CallStats, Hello
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.instances import Latency, Status
from embedded_services.contracts.logs import LogEntry
from embedded_services.contracts.settings import Settings
from embedded_services.control.supervisor import HELLO_WITHIN_S, LINK_GRACE_S
from tests.helpers.child import demo_settings
from tests.helpers.clock import settle
from tests.helpers.fake_processes import FakeSystem

AllowLog = Callable[[str], None]


def only_user(replicas: int = 2) -> Settings:
    demo = demo_settings()
    user = msgspec.structs.replace(demo.services["user"], replicas=replicas, port=23001)
    return msgspec.structs.replace(demo, services={"user": user}, routes=[], dashboard={})


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[FakeSystem]:
    (tmp_path / "logs").mkdir()
    async with Tasks("test") as tasks:
        system = FakeSystem(tmp_path, tasks)
        system.scaling.start_gateway(None)
        system.apply(only_user())
        yield system


# --- from start to healthy ------------------------------------------------------------------------------------------


async def test_process_is_healthy_when_it_has_linked_and_passed_a_check(system: FakeSystem) -> None:
    assert (system.status("user-1"), system.entry("user-1").in_rotation) == (Status.STARTING, False)
    await settle()
    assert system.status("user-1") is Status.STARTING, "nobody checks what has not said that it listens"
    assert system.hello("user-1")
    await settle()
    assert (system.status("user-1"), system.entry("user-1").in_rotation) == (Status.HEALTHY, True)


async def test_only_the_process_that_was_started_may_link(system: FakeSystem, allow_log: AllowLog) -> None:
    allow_log("refused the agent link|ended with exit code 1")
    pid = system.child("user-1").pid
    for hello in (
        Hello(id="user-1", incarnation=1, pid=pid + 500, port=1),
        Hello(id="user-9", incarnation=1, pid=pid, port=1),
    ):
        assert not system.supervisor.linked(hello)
    system.child("user-1").end(1)
    assert not system.supervisor.linked(Hello(id="user-1", incarnation=1, pid=pid, port=1))


async def test_process_that_does_not_get_ready_is_killed(system: FakeSystem, allow_log: AllowLog) -> None:
    allow_log("user-1 .* did not get ready within 15 s, killed")
    stuck = system.child("user-1")
    system.hello("user-2")
    system.hello("gateway")
    await system.clock.advance(HELLO_WITHIN_S + 0.01)
    assert stuck.signals == ["kill"]
    assert system.entry("user-1").reason == "did not get ready within 15 s, killed; restarting in 0.05 s"
    assert system.child("user-2").signals == []


# --- its end --------------------------------------------------------------------------------------------------------


async def test_exit_is_known_at_once_and_followed_by_a_new_process_on_the_same_port(
    system: FakeSystem, expect_log: AllowLog
) -> None:
    expect_log(r"user-1 \(pid \d+\) ended: killed by signal 9")
    await system.all_healthy()
    first, port = system.child("user-1"), system.slot("user-1").port
    first.end(-9)
    assert (system.status("user-1"), system.entry("user-1").in_rotation) == (Status.STOPPED, False)
    assert system.entry("user-1").reason == "killed by signal 9; restarting in 0.05 s"
    await system.clock.advance(0.049)
    assert system.child("user-1") is first
    await system.clock.advance(0.002)
    second = system.child("user-1")
    assert second is not first
    slot = system.slot("user-1")
    assert (slot.port, slot.incarnation, slot.restarts, system.entry("user-1").pid) == (
        port,
        2,
        1,
        second.pid,
    )


async def test_exit_that_was_asked_for_restarts_at_once(system: FakeSystem) -> None:
    await system.all_healthy()
    for incarnation in range(2, 12):
        system.slot("user-1").asked = "killed by you"
        system.child("user-1").end(-9)
        assert system.slot("user-1").incarnation == incarnation
        assert system.status("user-1") is Status.STARTING


async def test_fifth_exit_in_a_row_is_a_crash_loop_until_a_person_restarts_it(
    system: FakeSystem, allow_log: AllowLog
) -> None:
    allow_log("user-1 .* ended")
    await system.all_healthy()
    (system.workspace / "logs" / "user-1.log").write_bytes(
        msgspec.json.encode(
            LogEntry(at=1.0, level="ERROR", process="user-1", logger="x", message="cannot start: no disk")
        )
    )
    for _ in range(5):
        system.child("user-1").end(1)
        await system.clock.advance(1.0)
    assert system.status("user-1") is Status.CRASH_LOOPING
    assert system.entry("user-1").reason == (
        "ended with exit code 1: cannot start: no disk; ended 5 times within 4 s, restart it when the cause is gone"
    )
    assert system.failures == ["user-1 does not stay up: ended with exit code 1: cannot start: no disk"]
    await system.clock.advance(100.0)
    assert system.slot("user-1").incarnation == 5
    system.supervisor.reset(system.slot("user-1"))
    system.supervisor.start(system.slot("user-1"))
    assert (system.slot("user-1").incarnation, system.status("user-1")) == (6, Status.STARTING)


async def test_process_that_ends_without_an_error_is_not_blamed_for_an_old_one(
    system: FakeSystem, allow_log: AllowLog
) -> None:
    allow_log("user-1 .* ended")
    log = system.workspace / "logs" / "user-1.log"
    log.write_bytes(
        msgspec.json.encode(LogEntry(at=1.0, level="ERROR", process="user-1", logger="x", message="long ago"))
    )
    system.child("user-1").end(0)
    assert system.entry("user-1").reason == "ended by itself, without an error; restarting in 0.05 s"


async def test_port_that_is_taken_is_replaced_at_the_next_start(
    system: FakeSystem, allow_log: AllowLog
) -> None:
    allow_log("user-1 .* ended: its port 23001 was taken")
    with socket.create_server(("127.0.0.1", 23001)):
        system.child("user-1").end(EXIT_PORT_TAKEN)
        await system.clock.advance(0.1)
        assert system.slot("user-1").port == 23002
    assert system.failures == []


async def test_port_that_was_asked_for_is_not_replaced(tmp_path: Path, allow_log: AllowLog) -> None:
    allow_log("gateway .* ended: its port 23000 was taken")
    async with Tasks("test") as tasks:
        system = FakeSystem(tmp_path, tasks)
        system.scaling.start_gateway(23000)
        with socket.create_server(("127.0.0.1", 23000)):
            system.child("gateway").end(EXIT_PORT_TAKEN)
            await system.clock.advance(0.1)
            assert system.slot("gateway").port == 23000
        assert system.failures == ["port 23000 is taken; choose another one for gateway, or leave it out"]


async def test_instances_do_not_take_each_other_s_ports(system: FakeSystem) -> None:
    assert [system.slot(f"user-{n}").port for n in (1, 2)] == [23001, 23011]
    system.apply(only_user(replicas=20))
    taken = [slot.port for slot in system.supervisor.slots()]
    assert len(set(taken)) == len(taken)


# --- links and beats ------------------------------------------------------------------------------------------------


async def test_link_that_stays_away_makes_a_running_process_lost_until_it_is_back(system: FakeSystem) -> None:
    await system.all_healthy()
    system.linked.discard("user-1")
    system.supervisor.link_lost("user-1", 1)
    await system.clock.advance(LINK_GRACE_S - 0.1)
    assert system.entry("user-1").in_rotation
    await system.clock.advance(0.2)
    assert (system.status("user-1"), system.entry("user-1").in_rotation) == (Status.LOST, False)
    system.hello("user-1")
    await settle()
    assert (system.status("user-1"), system.entry("user-1").in_rotation) == (Status.HEALTHY, True)


async def test_link_that_is_back_within_the_grace_was_never_lost(system: FakeSystem) -> None:
    await system.all_healthy()
    seq = system.journal.last_seq
    system.linked.discard("user-1")
    system.supervisor.link_lost("user-1", 1)
    await system.clock.advance(LINK_GRACE_S / 2)
    system.hello("user-1")
    await system.clock.advance(LINK_GRACE_S)
    assert system.journal.last_seq == seq


async def test_link_of_an_earlier_process_says_nothing_of_the_next(system: FakeSystem) -> None:
    await system.all_healthy()
    system.slot("user-1").asked = "killed by you"
    system.child("user-1").end(-9)
    system.linked.discard("user-1")
    system.supervisor.link_lost("user-1", 1)
    await system.clock.advance(LINK_GRACE_S + 1.0)
    assert system.status("user-1") is Status.STARTING


def calls(in_flight: int, requests: int) -> Beat:
    seen = CallStats(incarnation=1, in_flight=in_flight, requests=requests, failures=0, latency_ms=Latency())
    return Beat(calls={"user-1": seen}, requests_seq=requests)


async def test_last_words_of_a_dead_caller_are_not_its_present_state(system: FakeSystem) -> None:
    """A beat may still be in the socket when the process is known to have ended."""
    await system.all_healthy()
    system.supervisor.beat("gateway", 1, calls(in_flight=3, requests=10))
    assert system.calls.of("user-1").in_flight == 3
    system.slot("gateway").asked = "killed by you"
    system.child("gateway").end(-9)
    system.supervisor.beat("gateway", 1, calls(in_flight=5, requests=12))
    seen = system.calls.of("user-1")
    assert (seen.in_flight, seen.requests) == (0, 10)
    system.supervisor.beat("gateway", 2, calls(in_flight=1, requests=2))
    seen = system.calls.of("user-1")
    assert (seen.in_flight, seen.requests) == (1, 12)
    assert [(child, incarnation) for child, incarnation, _ in system.records] == [
        ("gateway", 1), ("gateway", 1), ("gateway", 2),
    ]  # fmt: skip


# --- scaling and leaving --------------------------------------------------------------------------------------------


async def test_scaled_down_instance_finishes_what_it_serves_and_is_gone(system: FakeSystem) -> None:
    await system.all_healthy()
    leaving = system.child("user-2")
    busy = CallStats(incarnation=1, in_flight=1, requests=1, failures=0, latency_ms=Latency())
    system.supervisor.beat("gateway", 1, Beat(calls={"user-2": busy}))
    system.apply(only_user(replicas=1))
    assert (system.status("user-2"), system.entry("user-2").in_rotation) == (Status.DRAINING, False)
    await system.clock.advance(5.0)
    assert leaving.signals == []
    idle = msgspec.structs.replace(busy, in_flight=0)
    system.supervisor.beat("gateway", 1, Beat(calls={"user-2": idle}))
    await system.clock.advance(0.2)
    assert leaving.signals == ["terminate"]
    assert "user-2" not in system.supervisor
    assert "user-2" not in system.instances
    change = system.journal.newest_after(0, 1).items[0]
    assert (change.after, change.reason) == (None, "user was scaled to 1")


async def test_instance_that_never_gets_idle_is_ended_after_ten_seconds(system: FakeSystem) -> None:
    await system.all_healthy()
    busy = CallStats(incarnation=1, in_flight=1, requests=1, failures=0, latency_ms=Latency())
    system.supervisor.beat("gateway", 1, Beat(calls={"user-2": busy}))
    system.apply(only_user(replicas=1))
    await system.clock.advance(10.2)
    assert "user-2" not in system.supervisor


async def test_instance_that_is_wanted_again_stays_and_its_crashes_count_as_ever(
    system: FakeSystem, expect_log: AllowLog
) -> None:
    expect_log("user-2 .* ended: killed by signal 11")
    await system.all_healthy()
    child = system.child("user-2")
    system.apply(only_user(replicas=1))
    system.apply(only_user(replicas=2))
    await settle()
    assert (system.status("user-2"), system.entry("user-2").in_rotation) == (Status.HEALTHY, True)
    await system.clock.advance(20.0)
    assert child.signals == []
    child.end(-11)
    assert system.entry("user-2").reason == "killed by signal 11; restarting in 0.05 s"


async def test_instance_that_crashes_while_it_leaves_is_said_to_have_crashed(
    system: FakeSystem, expect_log: AllowLog
) -> None:
    expect_log("user-2 .* ended: killed by signal 11")
    await system.all_healthy()
    system.drain.begin(system.slot("user-2"), "drained by you")
    system.child("user-2").end(-11)
    await system.clock.advance(20.0)
    assert (system.status("user-2"), system.entry("user-2").reason) == (Status.STOPPED, "killed by signal 11")


async def test_instance_wanted_again_after_its_end_is_started_anew(system: FakeSystem) -> None:
    await system.all_healthy()
    system.apply(only_user(replicas=1))
    await system.clock.advance(1.0)
    system.apply(only_user(replicas=2))
    assert (system.status("user-2"), system.slot("user-2").incarnation) == (Status.STARTING, 2)


async def test_service_that_is_removed_goes_with_all_its_instances(system: FakeSystem) -> None:
    await system.all_healthy()
    system.apply(msgspec.structs.replace(only_user(), services={}))
    await system.clock.advance(2.0)
    assert [slot.id for slot in system.supervisor.slots()] == ["gateway"]
    assert list(system.instances) == []


async def test_weights_of_the_settings_reach_the_instances(system: FakeSystem) -> None:
    user = msgspec.structs.replace(only_user().services["user"], weights={"user-2": 7})
    system.apply(msgspec.structs.replace(only_user(), services={"user": user}))
    assert [entry.weight for entry in system.instances] == [1, 7]
    system.apply(only_user())
    assert [entry.weight for entry in system.instances] == [1, 1]


# --- the stop -------------------------------------------------------------------------------------------------------


async def test_stop_ends_callers_first_and_starts_nothing_again(system: FakeSystem) -> None:
    await system.all_healthy()
    await system.supervisor.stop_all()
    assert system.launcher.ended == ["gateway", "user-1", "user-2"]
    assert all(slot.running is None for slot in system.supervisor.slots())
    assert len(system.launcher.started) == 3


async def test_stop_kills_what_does_not_obey_and_what_cannot(
    system: FakeSystem, expect_log: AllowLog
) -> None:
    expect_log("did not stop in time; killed")
    await system.all_healthy()
    system.child("user-1").stubborn = True
    await system.supervisor.stop_all()
    assert system.child("user-1").signals == ["terminate", "kill"]


async def test_nothing_starts_while_stopping(system: FakeSystem, allow_log: AllowLog) -> None:
    allow_log("user-1 .* ended")
    await system.all_healthy()
    system.child("user-1").end(1)
    await system.supervisor.stop_all()
    await system.clock.advance(10.0)
    assert len(system.launcher.started) == 3


async def test_unknown_process_is_named_with_those_that_exist(system: FakeSystem) -> None:
    with pytest.raises(ApiError) as refused:
        system.supervisor.get("nobody")
    assert refused.value.message == "there is no process 'nobody'; there are: gateway, user-1, user-2"
