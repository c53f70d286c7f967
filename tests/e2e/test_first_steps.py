"""What a newcomer does with curl: start, log in, look around, order, stop."""

import asyncio
import json
import os
import signal
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest

from embedded_services.contracts.instances import Status
from tests.helpers.eventually import until
from tests.helpers.system import is_free, launch, running_system, until_ready


async def test_the_ready_line_says_where_everything_is_and_nothing_else_is_printed(tmp_path: Path) -> None:
    ready_file = tmp_path / "ready.json"
    async with running_system(tmp_path / "ws", "--ready-file", str(ready_file)) as system:
        assert json.loads(ready_file.read_text()) == {
            "ready": True,
            "gateway": system.ready.gateway,
            "control": system.ready.control,
            "token": system.ready.token,
            "broker": system.ready.broker,
            "workspace": str(tmp_path / "ws"),
        }
        for secret in (ready_file, tmp_path / "ws" / "runtime.json", tmp_path / "ws" / "jwt-secret"):
            assert stat.S_IMODE(secret.stat().st_mode) == 0o600, secret
        rows = (await system.control.instances()).items
        assert len(rows) == 8
        assert all(row.status is Status.HEALTHY and row.in_rotation for row in rows)
        ports = [row.port for row in rows]
        assert await system.stop() == 0
        assert system.launch.process.stdout is not None
        assert await system.launch.process.stdout.read() == b""
        assert await system.launch.gone() == []
        assert all(is_free(port) for port in ports)
        assert not (tmp_path / "ws" / "runtime.json").exists()


async def test_a_customer_logs_in_orders_and_sees_it_on_the_dashboard(tmp_path: Path) -> None:
    async with running_system(tmp_path / "ws") as system:
        gateway = system.gateway
        assert (await gateway.get("/health")).json()["status"] == "healthy"
        assert (await gateway.get("/ready")).status_code == 200
        missing = await gateway.get("/api/orders")
        assert (missing.status_code, missing.json()["error"]["code"]) == (401, "UNAUTHORIZED")
        token = await system.login()
        placed = await gateway.post(
            "/api/orders",
            headers=token,
            json={"items": [{"productId": "prod1", "quantity": 2}, {"productId": "prod2", "quantity": 1}]},
        )
        assert placed.status_code == 202, placed.text
        order = (await gateway.get(f"/api/orders/{placed.json()['id']}", headers=token)).json()
        assert order["total"] == 119.97
        unknown = (await gateway.get("/api/orders/ord_none", headers=token)).json()["error"]
        assert (unknown["code"], unknown["path"]) == ("NOT_FOUND", "/api/orders/ord_none")

        async def confirmed() -> dict[str, Any] | None:
            shown: dict[str, Any] = (await gateway.get("/api/dashboard", headers=token)).json()
            return shown if shown["unreadNotifications"] else None

        shown = await until(confirmed)  # the order's saga tells the customer that it is confirmed
        assert shown["unreadNotifications"] == 1
        assert shown["partial"] is False
        assert shown["user"]["email"] == "demo@faultdeck.local"
        assert [item["id"] for item in shown["recentOrders"]] == [order["id"]]
        served = {
            (await gateway.get("/api/products", headers=token)).headers["x-service-instance"]
            for _ in range(4)
        }
        assert served == {"order-1", "order-2"}


async def test_everything_is_still_there_after_a_stop_and_a_start(tmp_path: Path) -> None:
    async with running_system(tmp_path / "ws") as system:
        token = await system.login()
        placed = await system.gateway.post(
            "/api/orders", headers=token, json={"items": [{"productId": "prod1", "quantity": 1}]}
        )
        await system.control.patch_settings({"limits": {"limit": 5000}})
    async with running_system(tmp_path / "ws") as system:
        # The same workspace signs with the same secret, so the old token is good for as long as it says.
        again = await system.gateway.get(f"/api/orders/{placed.json()['id']}", headers=token)
        assert again.status_code == 200
        assert (await system.control.limits()).limit == 5000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_ctrl_c_reaches_the_control_plane_alone_and_stops_all_cleanly(
    tmp_path: Path, number: signal.Signals
) -> None:
    started = await launch(tmp_path / "ws")
    try:
        await until_ready(started)
        os.killpg(started.process.pid, number)
        started.process.send_signal(signal.SIGTERM)  # a second request, while stopping, changes nothing
        assert await started.exit_code(within_s=3.0) == 0
        assert await started.gone() == []
        assert "Traceback" not in started.errors()
    finally:
        await started.end()


async def test_ctrl_c_during_the_start_stops_cleanly_too(tmp_path: Path) -> None:
    """At any moment after Python itself is up; what was not started yet never is."""
    for moment in (0.06, 0.12, 0.2, 0.35, 0.6):
        started = await launch(tmp_path / "ws")
        try:
            await asyncio.sleep(moment)  # the moment is what is being tested
            os.killpg(started.process.pid, signal.SIGINT)
            assert await started.exit_code(within_s=10.0) == 0, f"after {moment} s: {started.errors()}"
            assert "Traceback" not in started.errors()
            assert await started.gone() == []
        finally:
            await started.end()


async def test_a_default_port_that_is_taken_is_replaced_and_shown(tmp_path: Path) -> None:
    async with running_system(tmp_path / "a") as first, running_system(tmp_path / "b") as second:
        assert first.ready.gateway != second.ready.gateway
        assert (await second.gateway.get("/health")).status_code == 200
        assert (await second.control.system()).gateway == second.ready.gateway
        ports = [row.port for system in (first, second) for row in (await system.control.instances()).items]
        assert len(set(ports)) == 16


async def test_the_control_api_wants_the_token_and_describes_itself(tmp_path: Path) -> None:
    async with running_system(tmp_path / "ws") as system, httpx.AsyncClient(trust_env=False) as http:
        described = (await http.get(f"{system.ready.control}/openapi.json")).json()
        assert "/v1/instances" in described["paths"]
        refused = await http.get(f"{system.ready.control}/v1/system")
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "UNAUTHORIZED")
        right = {"Authorization": f"Bearer {system.ready.token}"}
        for headers, code in (
            ({"Authorization": "Bearer wrong"}, "INVALID_TOKEN"),
            ({**right, "Host": "faultdeck.example"}, "FORBIDDEN"),
            ({**right, "Origin": "http://faultdeck.example"}, "FORBIDDEN"),
        ):
            answer = await http.get(f"{system.ready.control}/v1/system", headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, code)
