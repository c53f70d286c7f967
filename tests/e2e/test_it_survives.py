"""Instances die, freeze, come and go, and the client goes on undisturbed."""

import asyncio
from pathlib import Path

import pytest

from embedded_services.client.errors import ControlError
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.instances import Status
from embedded_services.contracts.settings import ServicePatch
from embedded_services.contracts.system import Registration
from tests.helpers.system import RunningSystem, running_away_from_others


async def unlimited(system: RunningSystem) -> None:
    await system.control.patch_settings({"limits": {"limit": 1_000_000}})


class Reader:
    """Reads through the gateway without a pause until told to stop, and counts what came of it."""

    def __init__(self, system: RunningSystem, token: dict[str, str], path: str) -> None:
        self._system, self._token, self._path = system, token, path
        self._stop = asyncio.Event()
        self.answers: list[int] = []

    async def run(self) -> None:
        while not self._stop.is_set():
            answer = await self._system.gateway.get(self._path, headers=self._token)
            self.answers.append(answer.status_code)

    def stop(self) -> None:
        self._stop.set()


async def test_no_read_fails_while_one_instance_after_another_is_killed(tmp_path: Path) -> None:
    async with running_away_from_others(tmp_path / "ws") as system:
        await unlimited(system)
        token = await system.login()
        readers = [
            Reader(system, token, path) for path in ("/api/products", "/api/orders", "/api/users/usr_demo")
        ]
        async with Tasks("test") as tasks:
            running = [tasks.start(reader.run(), "read") for reader in readers]
            for victim in ("order-1", "order-2", "user-1", "user-2", "order-1"):
                before = await system.until_healthy(victim)
                await system.control.act_on_instance(victim, "kill")
                after = await system.until_healthy(victim, before.incarnation + 1)
                assert after.port == before.port
                assert after.pid != before.pid
            for reader in readers:
                reader.stop()
            await asyncio.gather(*running)
        for reader in readers:
            assert set(reader.answers) == {200}
            assert len(reader.answers) > 10


async def test_a_killed_instance_is_out_of_rotation_at_once_and_the_journal_tells_why(tmp_path: Path) -> None:
    async with running_away_from_others(tmp_path / "ws") as system:
        await system.control.act_on_instance("payment-2", "kill")
        await system.until_healthy("payment-2", 2)
        journal = (await system.control.journal()).items
        changes = [c for c in reversed(journal) if c.instance == "payment-2"][-3:]
        assert [c.after for c in changes] == [Status.STOPPED, Status.STARTING, Status.HEALTHY]
        assert "killed by you" in changes[0].reason


async def test_a_frozen_instance_is_found_out_by_its_checks_and_comes_back_when_thawed(
    tmp_path: Path,
) -> None:
    async with running_away_from_others(tmp_path / "ws") as system:
        await unlimited(system)
        token = await system.login()
        await system.control.act_on_instance("order-2", "freeze")
        assert (await system.instance("order-2")).status is Status.FROZEN
        # It is still in rotation: a read that meets it is tried again on the other one.
        answers = await asyncio.gather(
            *(system.gateway.get("/api/products", headers=token) for _ in range(6))
        )
        assert {answer.status_code for answer in answers} == {200}
        await system.until(lambda rows: not rows["order-2"].in_rotation)
        with pytest.raises(ControlError, match="frozen"):
            await system.control.act_on_instance("order-2", "terminate")
        await system.control.act_on_instance("order-2", "thaw")
        await system.until(lambda rows: rows["order-2"].status is Status.HEALTHY, within_s=2.0)


async def test_writes_go_on_while_a_sibling_is_frozen(tmp_path: Path) -> None:
    """A process is frozen at a transaction boundary, so it never keeps the write lock of the shared database."""
    async with running_away_from_others(tmp_path / "ws") as system:
        await unlimited(system)
        token = await system.login()

        async def order() -> int:
            body = {"items": [{"productId": "prod1", "quantity": 1}]}
            return (await system.gateway.post("/api/orders", headers=token, json=body)).status_code

        writers = [order() for _ in range(20)]
        results = asyncio.gather(*writers, return_exceptions=True)
        await system.control.act_on_instance("order-1", "freeze")
        await results
        await system.until(lambda rows: not rows["order-1"].in_rotation)
        assert await order() == 202


async def test_replicas_follow_the_settings_up_and_down_without_a_failed_read(tmp_path: Path) -> None:
    async with running_away_from_others(tmp_path / "ws") as system:
        await unlimited(system)
        token = await system.login()
        reader = Reader(system, token, "/api/products")
        async with Tasks("test") as tasks:
            running = tasks.start(reader.run(), "read")
            await system.control.patch_service("order", ServicePatch(replicas=4))
            await system.until_healthy("order-4")
            await system.control.patch_service("order", ServicePatch(replicas=1))
            await system.until(
                lambda rows: [r.id for r in rows.values() if r.service == "order"] == ["order-1"]
            )
            reader.stop()
            await running
        assert set(reader.answers) == {200}


async def test_a_drained_instance_stops_and_a_restart_brings_it_back(tmp_path: Path) -> None:
    async with running_away_from_others(tmp_path / "ws") as system:
        await system.control.act_on_instance("user-2", "drain")
        assert not (await system.instance("user-2")).in_rotation
        await system.until(lambda rows: rows["user-2"].status is Status.STOPPED)
        assert (await system.instance("user-2")).pid is None
        await system.control.act_on_instance("user-2", "restart")
        await system.until_healthy("user-2", 2)


async def test_the_dashboard_answers_in_part_while_a_service_is_away(tmp_path: Path) -> None:
    async with running_away_from_others(tmp_path / "ws") as system:
        token = await system.login()
        await system.control.patch_service("notification", ServicePatch(replicas=0))
        await system.until(lambda rows: not [r for r in rows.values() if r.service == "notification"])
        answer = await system.gateway.get("/api/dashboard", headers=token)
        assert answer.status_code == 200
        body = answer.json()
        assert (body["partial"], body["unavailable"]) == (True, ["notification"])
        assert body["user"]["email"] == "demo@faultdeck.local"
        assert body["unreadNotifications"] is None


async def test_an_instance_that_we_did_not_start_takes_its_share(tmp_path: Path) -> None:
    async with running_away_from_others(tmp_path / "ws") as system:
        token = await system.login()
        twin = await system.instance("order-1")
        await system.control.register(
            "order", "order-x", Registration(host="127.0.0.1", port=twin.port, ttl=30, health_path="/health")
        )
        await system.until_healthy("order-x")
        async with asyncio.timeout(5):
            served: set[str] = set()
            while "order-x" not in served:
                answer = await system.gateway.get("/api/products", headers=token)
                served.add(answer.headers["x-service-instance"])
        await system.control.deregister("order", "order-x")
        await system.until(lambda rows: "order-x" not in rows)


async def test_a_gateway_that_is_killed_comes_back_on_its_port(tmp_path: Path) -> None:
    async with running_away_from_others(tmp_path / "ws") as system:
        await system.control.act_on_process("gateway", "kill")

        def is_back() -> bool:
            gateway = system.stream.state.rows("processes").get("gateway", {})
            return bool(gateway) and (gateway["incarnation"], gateway["status"]) == (2, "healthy")

        await system.until_told(is_back)
        assert (await system.gateway.get("/ready")).status_code == 200
        assert (await system.control.system()).gateway == system.ready.gateway
