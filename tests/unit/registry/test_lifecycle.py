from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.instances import Status
from embedded_services.contracts.settings import HealthPolicy
from embedded_services.registry.lifecycle import (
    CheckFailed,
    CheckPassed,
    CrashLooped,
    Draining,
    Entry,
    Event,
    Exited,
    Found,
    Froze,
    Linked,
    Lost,
    Started,
    Thawed,
    Trusted,
    Undrained,
    is_check,
    step,
)

reasons = st.sampled_from(["why", "because", ""])
ports = st.integers(1, 65535)
policies = st.builds(HealthPolicy, fall=st.integers(1, 4), rise=st.integers(1, 4))
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Started, st.integers(1, 9), st.integers(2, 99), ports),
    st.builds(Linked, ports),
    st.builds(CheckPassed, st.floats(0, 500)),
    st.builds(CheckFailed, reasons),
    st.builds(Trusted),
    *[
        st.builds(kind, reasons)
        for kind in (Exited, CrashLooped, Froze, Thawed, Draining, Undrained, Lost, Found)
    ],
)
LEAVES = (Started, Exited, CrashLooped, Draining, Undrained, Lost, Found)


def entry() -> Entry:
    return Entry(id="user-1", service="user", host="127.0.0.1", port=3001, since=0.0, registered_at=0.0)


def run(before: Entry, *happened: Event, policy: HealthPolicy | None = None) -> Entry:
    for number, event in enumerate(happened, start=1):
        before = step(before, event, float(number), policy or HealthPolicy())
    return before


def healthy() -> Entry:
    return run(entry(), Started(1, 77, 3001), Linked(3001), CheckPassed(1.0))


@given(st.lists(events), events, policies)
def test_only_a_passed_check_or_trust_leads_into_rotation(
    past: list[Event], event: Event, policy: HealthPolicy
) -> None:
    before = run(entry(), *past, policy=policy)
    after = step(before, event, 99.0, policy)
    if after.in_rotation and not before.in_rotation:
        assert isinstance(event, (CheckPassed, Trusted))
    if after.in_rotation:
        assert after.status in (Status.HEALTHY, Status.FROZEN)
    if after.status is Status.HEALTHY:
        assert after.in_rotation


@given(st.lists(events), st.builds(Exited, reasons) | st.builds(CrashLooped, reasons), policies)
def test_exit_leaves_rotation_in_the_same_step(past: list[Event], event: Event, policy: HealthPolicy) -> None:
    after = step(run(entry(), *past, policy=policy), event, 99.0, policy)
    assert not after.in_rotation
    assert after.pid is None
    assert after.status in (Status.STOPPED, Status.CRASH_LOOPING)


@given(st.lists(events), events.filter(lambda event: isinstance(event, LEAVES)), policies)
def test_what_takes_an_instance_out_does_so_at_once(
    past: list[Event], event: Event, policy: HealthPolicy
) -> None:
    assert not step(run(entry(), *past, policy=policy), event, 99.0, policy).in_rotation


@given(st.lists(events), events, policies)
def test_since_is_when_the_status_began(past: list[Event], event: Event, policy: HealthPolicy) -> None:
    before = run(entry(), *past, policy=policy)
    after = step(before, event, 99.0, policy)
    moved = after.status is not before.status or isinstance(event, Started)
    assert after.since == (99.0 if moved else before.since)


@given(st.lists(events), events, policies)
def test_a_step_never_changes_who_the_instance_is(
    past: list[Event], event: Event, policy: HealthPolicy
) -> None:
    before = run(replace(entry(), weight=7, external=True, expires_at=5.0), *past, policy=policy)
    after = step(before, event, 99.0, policy)
    for field in (
        "id",
        "service",
        "host",
        "weight",
        "external",
        "health_path",
        "registered_at",
        "expires_at",
    ):
        assert getattr(after, field) == getattr(before, field)


@given(st.lists(st.booleans()), policies)
def test_thresholds_are_exact(checks: list[bool], policy: HealthPolicy) -> None:
    """Out at exactly `fall` misses in a row, in again at exactly `rise` passes in a row."""
    now, rotating, misses, passes = healthy(), True, 0, 0
    for number, ok in enumerate(checks):
        misses, passes = (0, passes + 1) if ok else (misses + 1, 0)
        if rotating and misses == policy.fall:
            rotating, passes = False, 0
        elif not rotating and passes == policy.rise:
            rotating = True
        now = step(now, CheckPassed(1.0) if ok else CheckFailed("no"), float(number), policy)
        assert now.in_rotation == rotating
        assert now.status is (Status.HEALTHY if rotating else Status.UNHEALTHY)


@given(st.integers(0, 8), policies)
def test_frozen_instance_stays_in_rotation_until_its_checks_fail(misses: int, policy: HealthPolicy) -> None:
    frozen = step(healthy(), Froze("frozen"), 5.0, policy)
    after = run(frozen, *[CheckFailed("no reply")] * misses, policy=policy)
    assert after.status is Status.FROZEN
    assert after.in_rotation == (misses < policy.fall)


def test_misses_before_the_freeze_do_not_count_for_it() -> None:
    policy = HealthPolicy(fall=2)
    after = run(healthy(), CheckFailed("slow"), Froze("frozen"), CheckFailed("no reply"), policy=policy)
    assert after.in_rotation


def test_instance_that_was_found_out_needs_a_check_after_it_is_thawed() -> None:
    failed = CheckFailed("no reply")
    found_out = run(healthy(), Froze("frozen"), failed, failed, Thawed("thawed"))
    assert (found_out.status, found_out.in_rotation) == (Status.UNHEALTHY, False)
    assert run(found_out, CheckPassed(1.0)).in_rotation


def test_instance_that_was_thawed_in_time_never_left() -> None:
    thawed = run(healthy(), Froze("frozen"), CheckFailed("no reply"), Thawed("thawed"))
    assert (thawed.status, thawed.in_rotation) == (Status.HEALTHY, True)


def test_new_process_starts_with_nothing_of_the_old_one() -> None:
    old = run(healthy(), CheckFailed("slow"))
    new = step(old, Started(2, 78, 3011), 50.0, HealthPolicy())
    expected = replace(
        old, incarnation=2, pid=78, port=3011, status=Status.STARTING, in_rotation=False, misses=0, passes=0,
        last_check=None, since=50.0, reason=new.reason,
    )  # fmt: skip
    assert new == expected


def test_first_passed_check_is_enough_whatever_the_rise() -> None:
    started = run(entry(), Started(1, 77, 3001), Linked(3001))
    assert step(started, CheckPassed(1.0), 3.0, HealthPolicy(rise=3)).in_rotation


@given(
    st.lists(events.filter(lambda event: not isinstance(event, (Started, Undrained, Found, Froze, Trusted))))
)
def test_leaving_instance_does_not_come_back_by_itself(happened: list[Event]) -> None:
    """A check, a lost link and its return are no reason to send requests to one that is about to end."""
    leaving = run(healthy(), Draining("scaled down"))
    after = run(leaving, *[e for e in happened if not isinstance(e, Thawed)])
    assert not after.in_rotation


def test_link_that_comes_back_does_not_hide_what_is_wrong() -> None:
    ill = run(healthy(), CheckFailed("no reply"), CheckFailed("no reply"))
    relinked = step(ill, Linked(3009), 9.0, HealthPolicy())
    assert (relinked.reason, relinked.port) == (ill.reason, 3009)


@pytest.mark.parametrize(
    ("happened", "said"),
    [
        ((CheckFailed("no reply"),), "a check failed: no reply; out of rotation at 2"),
        ((CheckFailed("a"), CheckFailed("b")), "2 checks in a row failed: b"),
        ((CheckFailed("a"), CheckPassed(1.0)), "passing its checks"),
        ((Froze("frozen by you"), CheckFailed("a")), "frozen by you"),
        (
            (Froze("frozen by a fault"), CheckFailed("a"), CheckFailed("b"), CheckFailed("c")),
            "frozen by a fault; 3 checks in a row failed: c",
        ),
        ((Exited("killed by signal 9"),), "killed by signal 9"),
        ((Trusted(),), "renews itself; asked for no checks"),
    ],
)
def test_reason_says_why(happened: tuple[Event, ...], said: str) -> None:
    assert run(healthy(), *happened).reason == said


def test_last_check_tells_what_was_seen() -> None:
    passed = step(healthy(), CheckPassed(1.23456), 42.0, HealthPolicy()).last_check
    assert passed is not None
    assert (passed.at, passed.ok, passed.latency_ms, passed.message) == (42.0, True, 1.23, "ok")
    failed = step(healthy(), CheckFailed("refused"), 43.0, HealthPolicy()).last_check
    assert failed is not None
    assert (failed.at, failed.ok, failed.latency_ms, failed.message) == (43.0, False, None, "refused")


def test_a_frozen_instance_that_answers_was_thawed_by_somebody_else() -> None:
    frozen = step(healthy(), Froze("frozen"), 5.0, HealthPolicy())
    late = step(frozen, CheckPassed(2.0), 5.001, HealthPolicy())
    assert late.status is Status.FROZEN  # that check was sent before
    thawed = step(frozen, CheckPassed(2.0), 6.0, HealthPolicy())
    assert (thawed.status, thawed.in_rotation) == (Status.HEALTHY, True)
    assert "thawed" in thawed.reason


def test_a_check_that_found_what_the_one_before_found_is_no_more_than_that() -> None:
    again = step(healthy(), CheckPassed(2.0), 43.0, HealthPolicy())
    assert is_check(again, step(again, CheckPassed(3.0), 44.0, HealthPolicy()))
    for other in (CheckFailed("refused"), Exited("killed"), Froze("by you"), Started(2, 7, 1)):
        assert not is_check(again, step(again, other, 44.0, HealthPolicy()))
    assert not is_check(None, again)
    assert not is_check(again, None)
    assert not is_check(again, again)
