"""Chains: what happened to one instance until it was well again is one story."""

from itertools import count, pairwise

from app.frame.chains import LONGEST, chains
from embedded_services.contracts.instances import Change, Status

STARTING, HEALTHY, STOPPED, FROZEN = Status.STARTING, Status.HEALTHY, Status.STOPPED, Status.FROZEN

numbers = count(1)


def change(
    at: float,
    instance: str,
    before: Status | None,
    after: Status | None,
    reason: str = "",
    cause: str = "check",
) -> Change:
    return Change(
        seq=next(numbers), at=at, instance=instance, service=instance.partition("-")[0], incarnation=1, before=before,
        after=after, in_rotation=False, cause=cause, reason=reason,
    )  # fmt: skip


def steps(instance: str, *statuses: Status | None, at: float = 0.0) -> list[Change]:
    return [change(at + n, instance, before, after) for n, (before, after) in enumerate(pairwise(statuses))]


def test_a_start_of_many_is_one_story() -> None:
    up = [change(0.0, f"user-{n}", None, STARTING) for n in (1, 2, 3)]
    well = [change(0.4 + n / 10, f"user-{n}", STARTING, HEALTHY) for n in (1, 2, 3)]
    [chain] = chains([*up, *well], 3)
    assert chain.instances == ["user-1", "user-2", "user-3"]
    assert [step.change.after for step in chain.steps] == [STARTING, HEALTHY]
    assert len(chain.ended) == 3
    assert round(chain.until - chain.at, 1) == 0.7


def test_a_kill_is_a_story_until_the_instance_is_well() -> None:
    killed = steps("payment-2", HEALTHY, STOPPED, STARTING, HEALTHY, at=10)
    again = steps("payment-2", HEALTHY, STOPPED, at=20)
    first, second = chains([*killed, *again], 3)
    assert [step.change.after for step in first.steps] == [STOPPED, STARTING, HEALTHY]
    assert [step.change.after for step in second.steps] == [STOPPED]


def test_stories_of_two_instances_do_not_mix() -> None:
    mixed = [
        change(1, "a", HEALTHY, STOPPED),
        change(2, "b", HEALTHY, FROZEN),
        change(3, "a", STOPPED, STARTING),
    ]
    a, b = chains(mixed, 3)
    assert (b.instances, [step.change.after for step in b.steps]) == (["b"], [FROZEN])
    assert (a.instances, [step.change.after for step in a.steps]) == (["a"], [STOPPED, STARTING])


def test_what_was_done_stays_and_what_the_checks_find_comes_after_it() -> None:
    [chain] = chains(
        [
            change(1, "a", HEALTHY, FROZEN, "frozen by you", cause="action"),
            change(2, "a", FROZEN, FROZEN, "frozen; 3 checks in a row failed"),
            change(3, "a", FROZEN, HEALTHY, "passing its checks"),
        ],
        3,
    )
    assert [(step.change.reason, step.is_more) for step in chain.steps] == [
        ("frozen by you", False),
        ("frozen; 3 checks in a row failed", True),
        ("passing its checks", False),
    ]


def test_what_is_only_observed_is_told_with_its_newest_reason() -> None:
    unhealthy = Status.UNHEALTHY
    [chain] = chains(
        [change(1, "a", HEALTHY, unhealthy, "3 checks"), change(2, "a", unhealthy, unhealthy, "4 checks")], 3
    )
    assert [step.change.reason for step in chain.steps] == ["4 checks"]


def test_one_that_never_gets_well_keeps_its_cause_and_its_newest_steps() -> None:
    looping = steps("a", HEALTHY, *[STOPPED, STARTING] * 20)
    [chain] = chains(looping, 3)
    assert len(chain.steps) == LONGEST
    assert chain.steps[0].change is looping[0]
    assert chain.steps[-1].change is looping[-1]


def test_a_crash_loop_is_one_story_with_the_ends_that_made_it() -> None:
    ends = [one for n in range(4) for one in steps("a", HEALTHY, STOPPED, STARTING, HEALTHY, at=10.0 + 5 * n)]
    loop = change(31.0, "a", HEALTHY, Status.CRASH_LOOPING, "ended 5 times within 21 s")
    other = steps("b", HEALTHY, STOPPED, STARTING, HEALTHY, at=12.0)
    first, second = chains([*ends, *other, loop], 3)
    assert (first.instances, first.at, first.until) == (["a"], 10.0, 31.0)
    assert [(step.change.after, step.times) for step in first.steps] == [
        (STOPPED, 4),
        (Status.CRASH_LOOPING, 1),
    ]
    assert second.steps[-1].change is other[-1]


def test_ends_of_long_ago_are_stories_of_their_own() -> None:
    old = steps("a", HEALTHY, STOPPED, STARTING, HEALTHY, at=10.0)
    loop = change(90.0, "a", HEALTHY, Status.CRASH_LOOPING)
    assert [len(chain.steps) for chain in chains([*old, loop], 3)] == [3, 1]


def test_stories_stand_in_the_order_in_which_they_began() -> None:
    mixed = [
        change(1, "a", HEALTHY, FROZEN),
        *steps("b", HEALTHY, STOPPED, STARTING, HEALTHY, at=2),
        change(9, "a", FROZEN, HEALTHY),
    ]
    assert [(chain.instances, chain.at) for chain in chains(mixed, 3)] == [(["a"], 1), (["b"], 2)]


def test_only_the_newest_stories_are_given() -> None:
    many = [change(n, f"a-{n}", HEALTHY, STOPPED) for n in range(9)]
    assert [chain.instances for chain in chains(many, 2)] == [["a-7"], ["a-8"]]
