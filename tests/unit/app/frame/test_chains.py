"""Chains: what happened to one instance until it was well again is one story."""

from itertools import count, pairwise

from app.frame.chains import LONGEST, chains
from embedded_services.contracts.instances import Change, Status

STARTING, HEALTHY, STOPPED, FROZEN = Status.STARTING, Status.HEALTHY, Status.STOPPED, Status.FROZEN

numbers = count(1)


def change(at: float, instance: str, before: Status | None, after: Status | None, reason: str = "") -> Change:
    return Change(
        seq=next(numbers), at=at, instance=instance, service=instance.partition("-")[0], incarnation=1, before=before,
        after=after, in_rotation=False, cause="check", reason=reason,
    )  # fmt: skip


def steps(instance: str, *statuses: Status | None, at: float = 0.0) -> list[Change]:
    return [change(at + n, instance, before, after) for n, (before, after) in enumerate(pairwise(statuses))]


def test_a_start_of_many_is_one_story() -> None:
    up = [change(0.0, f"user-{n}", None, STARTING) for n in (1, 2, 3)]
    well = [change(0.4 + n / 10, f"user-{n}", STARTING, HEALTHY) for n in (1, 2, 3)]
    [chain] = chains([*up, *well], 3)
    assert chain.instances == ["user-1", "user-2", "user-3"]
    assert [step.after for step in chain.changes] == [STARTING, HEALTHY]
    assert len(chain.ended) == 3
    assert round(chain.until - chain.at, 1) == 0.7


def test_a_kill_is_a_story_until_the_instance_is_well() -> None:
    killed = steps("payment-2", HEALTHY, STOPPED, STARTING, HEALTHY, at=10)
    again = steps("payment-2", HEALTHY, STOPPED, at=20)
    first, second = chains([*killed, *again], 3)
    assert [step.after for step in first.changes] == [STOPPED, STARTING, HEALTHY]
    assert [step.after for step in second.changes] == [STOPPED]


def test_stories_of_two_instances_do_not_mix() -> None:
    mixed = [
        change(1, "a", HEALTHY, STOPPED),
        change(2, "b", HEALTHY, FROZEN),
        change(3, "a", STOPPED, STARTING),
    ]
    b, a = chains(mixed, 3)
    assert (b.instances, [step.after for step in b.changes]) == (["b"], [FROZEN])
    assert (a.instances, [step.after for step in a.changes]) == (["a"], [STOPPED, STARTING])


def test_a_status_that_stays_is_told_once_with_its_newest_reason() -> None:
    [chain] = chains(
        [change(1, "a", HEALTHY, FROZEN, "by you"), change(2, "a", FROZEN, FROZEN, "no reply")], 3
    )
    assert [step.reason for step in chain.changes] == ["no reply"]


def test_one_that_never_gets_well_keeps_its_newest_steps() -> None:
    looping = steps("a", HEALTHY, *[STOPPED, STARTING] * 20)
    [chain] = chains(looping, 3)
    assert len(chain.changes) == LONGEST
    assert chain.changes[-1].after is STARTING


def test_only_the_newest_stories_are_given() -> None:
    many = [change(n, f"a-{n}", HEALTHY, STOPPED) for n in range(9)]
    assert [chain.instances for chain in chains(many, 2)] == [["a-7"], ["a-8"]]
