from collections.abc import AsyncIterator
from random import Random

import pytest

from embedded_services.common.ring import Ring
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.instances import Change, Status
from embedded_services.contracts.settings import HealthPolicy
from embedded_services.contracts.system import Registration
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.checks import HealthChecks
from embedded_services.registry.external import FORGET_S, MAX_EXTERNAL, ExternalInstances
from embedded_services.registry.lifecycle import Entry, Started
from embedded_services.registry.probe import ProbeResult
from tests.helpers.clock import FakeClock, settle

PLAIN = Registration(host="127.0.0.1", port=9001, ttl=10.0)
CHECKED = Registration(host="127.0.0.1", port=9001, ttl=10.0, health_path="/up", weight=3)


class Surroundings:
    def __init__(self, tasks: Tasks) -> None:
        self.clock = FakeClock()
        self.journal: Ring[Change] = Ring(100)
        self.catalog = Catalog(self.journal, HealthPolicy)
        self.catalog.declare(["user"])
        self.healthy = True
        self.asked: list[str] = []
        checks = HealthChecks(self.catalog, self._probe, HealthPolicy, self.clock, Random(1), tasks)
        self.external = ExternalInstances(self.catalog, checks, self.clock, tasks)

    async def _probe(self, host: str, port: int, path: str, timeout_s: float) -> ProbeResult:
        self.asked.append(path)
        return ProbeResult(self.healthy, 1.0, "ok" if self.healthy else "answered 503")

    def run_own(self, instance: str) -> None:
        """As the supervisor does when it starts a process."""
        now = self.clock.now()
        own = Entry(id=instance, service="user", host="127.0.0.1", port=3001, since=now, registered_at=now)
        self.catalog.add(own, cause="start")
        self.catalog.apply(instance, Started(1, 77, 3001), now, cause="start")


@pytest.fixture
async def around() -> AsyncIterator[Surroundings]:
    async with Tasks("test") as tasks:
        yield Surroundings(tasks)


async def test_one_that_asks_for_no_checks_is_in_rotation_at_once(around: Surroundings) -> None:
    answer = around.external.register("ext", "ext-a", PLAIN)
    assert (answer.id, answer.expires_at) == ("ext-a", around.clock.now() + 10.0)
    entry = around.catalog.get("ext-a")
    assert (entry.external, entry.status, entry.in_rotation) == (True, Status.HEALTHY, True)
    assert (entry.host, entry.port, entry.weight, entry.pid) == ("127.0.0.1", 9001, 1, None)
    assert entry.expires_at == answer.expires_at


async def test_one_that_asks_for_checks_waits_for_the_first(around: Surroundings) -> None:
    around.external.register("ext", "ext-a", CHECKED)
    assert not around.catalog.get("ext-a").in_rotation
    await settle()
    assert around.asked == ["/up"]
    assert around.catalog.get("ext-a").in_rotation
    assert around.catalog.get("ext-a").weight == 3


async def test_checks_of_an_external_instance_decide_like_any_other(around: Surroundings) -> None:
    around.external.register("ext", "ext-a", CHECKED)
    await settle()
    around.healthy = False
    await around.clock.advance(3.0)
    assert around.catalog.get("ext-a").status is Status.UNHEALTHY


async def test_expired_instance_leaves_rotation(around: Surroundings) -> None:
    around.external.register("ext", "ext-a", PLAIN)
    await around.clock.advance(9.9)
    assert around.catalog.get("ext-a").in_rotation
    await around.clock.advance(0.2)
    entry = around.catalog.get("ext-a")
    assert (entry.status, entry.in_rotation, entry.reason) == (
        Status.LOST, False, "not renewed within its 10 s",
    )  # fmt: skip


async def test_heartbeat_puts_off_the_expiry_by_a_whole_ttl(around: Surroundings) -> None:
    around.external.register("ext", "ext-a", PLAIN)
    for _ in range(5):
        await around.clock.advance(9.0)
        answer = around.external.heartbeat("ext", "ext-a")
        assert answer.expires_at == around.clock.now() + 10.0
        assert around.catalog.get("ext-a").expires_at == answer.expires_at
    assert around.catalog.get("ext-a").in_rotation
    await around.clock.advance(10.1)
    assert around.catalog.get("ext-a").status is Status.LOST


async def test_heartbeat_revives_one_that_was_lost(around: Surroundings) -> None:
    around.external.register("ext", "ext-a", PLAIN)
    await around.clock.advance(10.1)
    around.external.heartbeat("ext", "ext-a")
    assert around.catalog.get("ext-a").in_rotation
    await around.clock.advance(9.0)
    assert around.catalog.get("ext-a").in_rotation
    causes = [change.cause for change in around.journal.newest_after(0, 100).items]
    assert causes == ["registration", "registration", "ttl", "heartbeat", "heartbeat"]


async def test_revived_one_with_checks_needs_a_passed_check(around: Surroundings) -> None:
    around.external.register("ext", "ext-a", CHECKED)
    await around.clock.advance(10.1)
    around.healthy = False
    around.external.heartbeat("ext", "ext-a")
    await settle()
    assert around.catalog.get("ext-a").status is Status.UNHEALTHY
    around.healthy = True
    await around.clock.advance(1.2)
    assert around.catalog.get("ext-a").in_rotation


async def test_lost_one_is_not_checked(around: Surroundings) -> None:
    around.external.register("ext", "ext-a", CHECKED)
    await around.clock.advance(10.1)
    around.asked.clear()
    await around.clock.advance(20.0)
    assert around.asked == []


async def test_lost_one_is_forgotten_a_minute_later(around: Surroundings) -> None:
    around.external.register("ext", "ext-a", PLAIN)
    await around.clock.advance(10.0 + FORGET_S - 0.1)
    assert "ext-a" in around.catalog
    await around.clock.advance(0.2)
    assert "ext-a" not in around.catalog
    with pytest.raises(ApiError) as refused:
        around.external.heartbeat("ext", "ext-a")
    assert refused.value.code == "NOT_FOUND"
    assert around.clock.sleeping() == 0


async def test_deregistered_one_is_gone_with_all_that_watched_it(around: Surroundings) -> None:
    around.external.register("ext", "ext-a", CHECKED)
    await settle()
    around.external.deregister("ext", "ext-a")
    await settle()
    assert "ext-a" not in around.catalog
    around.asked.clear()
    await around.clock.advance(100.0)
    assert around.asked == []
    assert around.journal.newest_after(0, 1).items[0].reason == "deregistered"


async def test_saying_the_same_again_renews_and_disturbs_nothing(around: Surroundings) -> None:
    around.external.register("ext", "ext-b", CHECKED)
    await settle()
    before = around.catalog.get("ext-b")
    assert before.in_rotation
    await around.clock.advance(4.0)
    answer = around.external.register("ext", "ext-b", CHECKED)
    after = around.catalog.get("ext-b")
    assert (after.in_rotation, after.incarnation) == (True, before.incarnation)
    assert after.expires_at == answer.expires_at == around.clock.now() + 10.0


async def test_registering_again_replaces(around: Surroundings) -> None:
    around.external.register("ext", "ext-a", CHECKED)
    await settle()
    again = Registration(host="127.0.0.1", port=9002, ttl=30.0)
    around.external.register("ext", "ext-a", again)
    entry = around.catalog.get("ext-a")
    assert (entry.port, entry.incarnation, entry.in_rotation) == (9002, 2, True)
    around.asked.clear()
    around.healthy = False
    await around.clock.advance(29.0)
    assert around.asked == []
    assert entry.in_rotation


@pytest.mark.parametrize("known", ["own", "other service"])
async def test_taken_id_is_a_conflict(around: Surroundings, known: str) -> None:
    if known == "own":
        around.run_own("user-1")
    else:
        around.external.register("ext", "user-1", PLAIN)
    before = around.catalog.get("user-1")
    with pytest.raises(ApiError) as refused:
        around.external.register("user", "user-1", PLAIN)
    assert refused.value.code == "CONFLICT"
    assert around.catalog.get("user-1") == before


@pytest.mark.parametrize("service", ["other", "user"])
async def test_heartbeat_and_deregistration_need_the_right_service(
    around: Surroundings, service: str
) -> None:
    around.run_own("user-1")
    around.external.register("ext", "ext-a", PLAIN)
    for instance in ("ext-a", "user-1"):
        for call in (around.external.heartbeat, around.external.deregister):
            with pytest.raises(ApiError) as refused:
                call(service, instance)
            assert refused.value.code == "NOT_FOUND"
    assert "user-1" in around.catalog


async def test_number_of_external_instances_is_bounded(around: Surroundings) -> None:
    for number in range(MAX_EXTERNAL):
        around.external.register("ext", f"ext-{number}", PLAIN)
    with pytest.raises(ApiError) as refused:
        around.external.register("ext", "one-too-many", PLAIN)
    assert refused.value.code == "CONFLICT"
    around.external.register("ext", "ext-0", PLAIN)
    around.external.deregister("ext", "ext-0")
    around.external.register("ext", "one-too-many", PLAIN)


async def test_instance_of_ours_takes_an_id_over_for_good(around: Surroundings) -> None:
    """Scaling up may need an id that somebody registered; their ttl must not end our process's entry."""
    around.external.register("user", "user-3", CHECKED)
    await settle()
    around.run_own("user-3")
    around.asked.clear()
    await around.clock.advance(10.0 + FORGET_S + 1.0)
    entry = around.catalog.get("user-3")
    assert (entry.external, entry.status, entry.port) == (False, Status.STARTING, 3001)
    assert around.asked == []
    with pytest.raises(ApiError) as refused:
        around.external.heartbeat("user", "user-3")
    assert refused.value.code == "NOT_FOUND"
