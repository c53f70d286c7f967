"""What the catalogs mean: ends, starts, failed checks and rotation, each because of the other."""

from dataclasses import replace

import pytest

from embedded_services.common.ring import Ring
from embedded_services.contracts.instances import Change, Status
from embedded_services.contracts.settings import HealthPolicy
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.control.timeline.facts import Fact
from embedded_services.control.timeline.sources.registry import RegistryFacts
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.lifecycle import (
    CRASHED_BY_FAULT,
    CheckFailed,
    CheckPassed,
    Draining,
    Entry,
    Event,
    Exited,
    Froze,
    Linked,
    Started,
    Thawed,
)


class Registry:
    """A catalog of two instances that are healthy, after the start of the system."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.now = 1_000.0
        self._source = RegistryFacts()
        journal: Ring[Change] = Ring(100)
        self._catalog = Catalog(journal, HealthPolicy)
        self._catalog.subscribe(
            lambda before, after: self.facts.extend(self._source.changed(before, after, self.now))
        )
        for name in ("user-1", "user-2"):
            entry = Entry(id=name, service="user", host="h", port=1, since=self.now, registered_at=self.now)
            self._catalog.add(entry, cause="start")
            self.apply(Started(1, 10, 3001), name)
        for name in ("user-1", "user-2"):
            self.apply(Linked(3001), name)
            self.apply(CheckPassed(1.0), name)

    def apply(self, event: Event, name: str = "user-1") -> None:
        self._catalog.apply(name, event, self.now, cause="test")

    def remove(self, name: str) -> None:
        self._catalog.remove(name, self.now, cause="scale", reason="scaled")

    def later(self, *events: Event, name: str = "user-1") -> list[Fact]:
        """What came of these, some time after the start."""
        self.facts.clear()
        for event in events:
            self.now += 60.0
            self.apply(event, name)
        return self.facts


@pytest.fixture
def registry() -> Registry:
    return Registry()


def kinds(facts: list[Fact]) -> list[Kind]:
    return [fact.kind for fact in facts]


def test_the_start_of_all_is_two_entries(registry: Registry) -> None:
    assert {fact.key for fact in registry.facts} == {"system:restart", "system:status"}
    assert (registry.facts[-1].count, registry.facts[-1].text) == (2, "2 of 2 processes healthy")


def test_an_end_takes_it_out_of_rotation_and_a_new_process_follows(registry: Registry) -> None:
    facts = registry.later(Exited("killed by you"), Started(2, 11, 3001), Linked(3001), CheckPassed(1.0))
    assert kinds(facts) == [Kind.EXIT, Kind.OUT_OF_ROTATION, Kind.RESTART, Kind.STATUS]
    ended, out, again, healthy = facts
    assert ended.because == ("asked:user-1:1",)
    assert set(ended.names) == set(out.because) == set(again.because)
    assert healthy.because == again.names
    assert healthy.word == "healthy"


def test_a_process_that_a_fault_crashed_ended_because_of_that(registry: Registry) -> None:
    (ended, _) = registry.later(Exited(f"{CRASHED_BY_FAULT}; restarting"))
    assert ended.because == ("crash:user-1",)


def test_checks_that_fail_are_one_entry_until_it_is_out(registry: Registry) -> None:
    facts = registry.later(*[CheckFailed("no reply")] * 5)
    assert kinds(facts) == [Kind.CHECK_FAILED, Kind.CHECK_FAILED, Kind.OUT_OF_ROTATION, Kind.STATUS]
    first, second, out, status = facts
    assert first.key == second.key
    assert second.count == 2
    assert out.because == status.because == first.names
    assert status.word == "unhealthy"


def test_checks_that_fail_another_time_are_another_entry(registry: Registry) -> None:
    first = registry.later(CheckFailed("no reply"))[0].key
    registry.later(CheckPassed(1.0))
    assert registry.later(CheckFailed("no reply"))[0].key != first


def test_what_only_repeats_a_deed_is_not_told(registry: Registry) -> None:
    assert registry.later(Froze("frozen by you")) == []
    assert kinds(registry.later(Draining("drained by you"), name="user-2")) == [Kind.OUT_OF_ROTATION]


def test_one_that_is_thawed_in_rotation_is_healthy_again(registry: Registry) -> None:
    facts = registry.later(Froze("frozen by you"), Thawed("thawed by you"))
    assert [(fact.kind, fact.word) for fact in facts] == [(Kind.STATUS, Status.HEALTHY.value)]


def test_an_instance_that_leaves_is_gone(registry: Registry) -> None:
    registry.facts.clear()
    registry.remove("user-2")
    assert [(fact.kind, fact.word) for fact in registry.facts] == [(Kind.STATUS, "gone")]


def test_one_that_registers_itself_is_told() -> None:
    entry = Entry(id="mine", service="user", host="h", port=1, since=1.0, registered_at=1.0, external=True)
    [fact] = RegistryFacts().changed(None, entry, 1.0)
    assert fact.word == "registered"
    assert RegistryFacts().changed(None, replace(entry, external=False), 1.0) == []
