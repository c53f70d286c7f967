from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from embedded_services.common.ring import Ring
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.instances import Change, Status
from embedded_services.contracts.settings import HealthPolicy
from embedded_services.registry.catalog import Catalog
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
)

SERVICES = ["user", "order"]
ids = st.sampled_from(["user-1", "user-2", "order-1"])
happenings: st.SearchStrategy[Event] = st.one_of(
    st.builds(Started, st.integers(1, 3), st.just(77), st.sampled_from([3001, 3011])),
    st.builds(Linked, st.sampled_from([3001, 3011])),
    st.just(CheckPassed(1.0)),
    st.just(CheckFailed("no reply")),
    st.just(Trusted()),
    *[
        st.just(kind(kind.__name__))
        for kind in (Exited, CrashLooped, Froze, Thawed, Draining, Undrained, Lost, Found)
    ],
)


def entry(instance: str, *, external: bool = False, port: int = 3001, now: float = 0.0) -> Entry:
    return Entry(
        id=instance, service=instance.partition("-")[0], host="127.0.0.1", port=port, external=external,
        since=now, registered_at=now, reason="new",
    )  # fmt: skip


def catalog(journal: Ring[Change] | None = None) -> Catalog:
    known = Catalog(Ring(100) if journal is None else journal, HealthPolicy)
    known.declare(SERVICES)
    return known


@dataclass
class Snapshot:
    """Everything that can be seen from outside, before a change."""

    entries: dict[str, Entry]
    peers: object
    revision: int
    last_seq: int


class CatalogMachine(RuleBasedStateMachine):
    @initialize(fall=st.integers(1, 3), rise=st.integers(1, 3))
    def begin(self, fall: int, rise: int) -> None:
        self.policy = HealthPolicy(fall=fall, rise=rise)
        self.journal: Ring[Change] = Ring(10_000)
        self.catalog = Catalog(self.journal, lambda: self.policy)
        self.catalog.declare(SERVICES)
        self.heard: list[tuple[Entry | None, Entry | None]] = []
        self.catalog.subscribe(lambda before, after: self.heard.append((before, after)))
        self.now = 0.0

    def look(self) -> Snapshot:
        services = self.catalog.peers().services
        who_and_where = {name: service.peers for name, service in services.items() if service.peers}
        entries = {entry.id: entry for entry in self.catalog}
        return Snapshot(entries, who_and_where, self.catalog.revision, self.journal.last_seq)

    def change(self, instance: str, act: Callable[[], object], cause: str) -> None:
        """Do it, and check everything that must follow, and nothing else."""
        self.now += 1.0
        self.heard.clear()
        old = self.look()
        act()
        new = self.look()
        before, after = old.entries.get(instance), new.entries.get(instance)

        others_before = {key: value for key, value in old.entries.items() if key != instance}
        assert {key: value for key, value in new.entries.items() if key != instance} == others_before
        assert self.heard == ([(before, after)] if before != after else [])
        assert (new.peers != old.peers) == (new.revision != old.revision)
        assert new.revision >= old.revision

        written = self.journal.newest_after(old.last_seq, 10)
        shown = (before and (before.status, before.in_rotation), after and (after.status, after.in_rotation))
        assert len(written.items) == (shown[0] != shown[1])
        assert written.skipped == 0
        for change in written.items:
            assert change.seq == old.last_seq + 1
            assert change.before is (before.status if before else None)
            assert change.after is (after.status if after else None)
            assert change.in_rotation == (after.in_rotation if after else False)
            assert (change.instance, change.at, change.cause) == (instance, self.now, cause)

    @rule(instance=ids, external=st.booleans(), port=st.sampled_from([3001, 3011]))
    def add(self, instance: str, external: bool, port: int) -> None:
        new = entry(instance, external=external, port=port, now=self.now + 1.0)
        self.change(instance, lambda: self.catalog.add(new, cause="start"), "start")
        assert self.catalog.get(instance) == new

    @rule(instance=ids, event=happenings)
    def happen(self, instance: str, event: Event) -> None:
        if instance not in self.catalog:
            with pytest.raises(ApiError):
                self.catalog.apply(instance, event, self.now, cause="event")
            return
        was = self.catalog.get(instance)
        self.change(instance, lambda: self.catalog.apply(instance, event, self.now, cause="event"), "event")
        entered = self.catalog.get(instance).in_rotation and not was.in_rotation
        assert not entered or isinstance(event, (CheckPassed, Trusted))

    @rule(instance=ids, weight=st.integers(1, 3))
    def reweigh(self, instance: str, weight: int) -> None:
        if instance in self.catalog:
            self.change(instance, lambda: self.catalog.reweigh(instance, weight, self.now), "settings")

    @rule(instance=ids, expires_at=st.floats(0, 1000))
    def renew(self, instance: str, expires_at: float) -> None:
        if instance in self.catalog:
            self.change(instance, lambda: self.catalog.renew(instance, expires_at), "")

    @rule(instance=ids)
    def remove(self, instance: str) -> None:
        self.change(
            instance,
            lambda: self.catalog.remove(instance, self.now, cause="scale", reason="scaled down"),
            "scale",
        )
        assert instance not in self.catalog

    @rule(fall=st.integers(1, 3), rise=st.integers(1, 3))
    def change_policy(self, fall: int, rise: int) -> None:
        self.policy = HealthPolicy(fall=fall, rise=rise)

    @invariant()
    def discovery_gives_those_in_rotation_or_says_why_there_is_none(self) -> None:
        for service in SERVICES:
            expected = [e for e in self.catalog if e.service == service and e.in_rotation]
            if expected:
                assert self.catalog.discover(service) == expected
                assert self.catalog.peers().services[service].reason == ""
                continue
            with pytest.raises(ApiError) as refused:
                self.catalog.discover(service)
            assert refused.value.code == "SERVICE_UNAVAILABLE"
            for one in self.catalog.of(service):
                assert f"{one.id} is {one.status.value} ({one.reason})" in refused.value.message
            assert self.catalog.peers().services[service].reason in refused.value.message

    @invariant()
    def only_healthy_and_freshly_frozen_ones_are_in_rotation(self) -> None:
        for one in self.catalog:
            assert not one.in_rotation or one.status in (Status.HEALTHY, Status.FROZEN)


TestCatalog = CatalogMachine.TestCase
TestCatalog.settings = settings(max_examples=50, stateful_step_count=40)


def test_unknown_instance_is_named_with_those_that_exist() -> None:
    known = catalog()
    known.add(entry("user-2"), cause="start")
    known.add(entry("user-1"), cause="start")
    with pytest.raises(ApiError) as refused:
        known.get("user-9")
    assert refused.value.code == "NOT_FOUND"
    assert refused.value.message == "there is no instance 'user-9'; there are: user-1, user-2"


@pytest.mark.parametrize(
    ("service", "said"),
    [("user", "user: it has no instances"), ("nonsense", "nonsense: no such service is known")],
)
def test_discovery_tells_a_service_without_instances_from_an_unknown_one(service: str, said: str) -> None:
    with pytest.raises(ApiError) as refused:
        catalog().discover(service)
    assert refused.value.message == said


def test_frozen_instance_that_is_found_out_is_one_change_though_its_status_stays() -> None:
    journal: Ring[Change] = Ring(100)
    known = catalog(journal)
    known.add(entry("user-1"), cause="start")
    for event in (CheckPassed(1.0), Froze("frozen"), CheckFailed("no reply"), CheckFailed("no reply")):
        known.apply("user-1", event, 1.0, cause="check")
    last = journal.newest_after(0, 100).items[-1]
    assert (last.seq, last.before, last.after, last.in_rotation) == (4, Status.FROZEN, Status.FROZEN, False)
    assert known.revision == 2


def test_services_are_shown_in_their_declared_order_and_others_after_them() -> None:
    known = catalog()
    known.add(entry("stranger-1", external=True), cause="registration")
    known.add(entry("order-1"), cause="start")
    assert known.services() == ["user", "order", "stranger"]


def test_service_no_longer_declared_is_known_while_it_has_instances() -> None:
    known = catalog()
    known.add(entry("order-1"), cause="start")
    known.declare(["user"])
    assert known.services() == ["user", "order"]
    known.remove("order-1", 1.0, cause="scale", reason="removed")
    assert known.services() == ["user"]


def test_journal_is_numbered_on_across_catalogs_that_share_it() -> None:
    journal: Ring[Change] = Ring(100)
    instances, processes = Catalog(journal, HealthPolicy), Catalog(journal, HealthPolicy, noun="process")
    instances.add(entry("user-1"), cause="start")
    processes.add(entry("gateway"), cause="start")
    instances.apply("user-1", CheckPassed(1.0), 1.0, cause="check")
    assert [change.seq for change in journal.newest_after(0, 10).items] == [1, 2, 3]
