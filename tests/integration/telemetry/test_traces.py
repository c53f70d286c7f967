"""What the whole system tells of its requests: traces over processes, picks, decisions, totals, metrics, settings in force."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from embedded_services.common.platform import die_with_parent
from tests.helpers.eventually import until
from tests.helpers.ports import free_port
from tests.helpers.system import RunningSystem, away_from_others, running_system

pytestmark = pytest.mark.asyncio(loop_scope="module")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSystem]:
    folder = away_from_others(tmp_path_factory.mktemp("telemetry") / "ws")
    async with running_system(folder, "--gateway-port", str(free_port())) as system:
        yield system


@pytest_asyncio.fixture(loop_scope="module")
async def raw(system: RunningSystem) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {system.ready.token}"}
    async with httpx.AsyncClient(base_url=system.ready.control, headers=headers, trust_env=False) as raw:
        yield raw


async def trace_of(raw: httpx.AsyncClient, trace: str, spans: int) -> dict[str, dict[str, Any]]:
    """The spans by name and process, once there are so many."""

    async def look() -> dict[str, dict[str, Any]] | None:
        answer = await raw.get(f"/v1/traces/{trace}")
        found = answer.json()["spans"] if answer.status_code == 200 else []
        return {f"{one['process']} {one['name']}": one for one in found} if len(found) >= spans else None

    return await until(look, within_s=10.0)


async def test_a_request_is_traced_through_the_gateway_the_service_and_its_database(
    system: RunningSystem, raw: httpx.AsyncClient
) -> None:
    headers = await system.login()
    headers["traceparent"] = f"00-{TRACE}-00f067aa0ba902b7-01"
    answer = await system.gateway.get("/api/products", headers=headers)
    instance = answer.headers["X-Service-Instance"]
    spans = await trace_of(raw, TRACE, 6)
    root = spans["gateway GET /api/products"]
    tried, served = spans[f"gateway try 1 {instance}"], spans[f"{instance} GET /products"]
    assert root["parent"] == "00f067aa0ba902b7"
    assert {spans["gateway token"]["parent"], spans["gateway limit"]["parent"], tried["parent"]} == {
        root["span"]
    }
    assert served["parent"] == tried["span"]
    (read,) = [one for name, one in spans.items() if name.startswith(f"{instance} read")]
    assert read["parent"] == served["span"]
    assert read["tookMs"] <= served["tookMs"] <= root["tookMs"]
    assert tried["attributes"]["outcome"] == "200"
    assert served["attributes"]["status"] == "200"


async def test_each_part_of_the_dashboard_has_its_place_in_the_trace(
    system: RunningSystem, raw: httpx.AsyncClient
) -> None:
    trace = "1" * 32
    headers = await system.login()
    headers["traceparent"] = f"00-{trace}-00f067aa0ba902b7-00"
    assert (await system.gateway.get("/api/dashboard", headers=headers)).status_code == 200

    async def served() -> dict[str, dict[str, Any]] | None:
        told = await trace_of(raw, trace, 12)
        return told if len({one["process"].split("-")[0] for one in told.values()}) == 4 else None

    spans = await until(served, within_s=10.0)
    root = spans["gateway GET /api/dashboard"]
    parts = {one["span"]: name for name, one in spans.items() if name.startswith("gateway part ")}
    assert len(parts) == 3
    assert {spans[name]["parent"] for name in parts.values()} == {root["span"]}
    tries = {one["span"] for one in spans.values() if one["parent"] in parts}
    servers = [name for name, one in spans.items() if one["parent"] in tries]
    assert sorted(name.split("-")[0] for name in servers) == ["notification", "order", "user"]


async def test_a_trace_that_is_not_kept_is_a_404_that_says_why(raw: httpx.AsyncClient) -> None:
    answer = await raw.get(f"/v1/traces/{'0' * 32}")
    assert answer.status_code == 404
    assert "tracesPerS" in answer.json()["error"]["message"]


async def test_picks_totals_and_upstreams_are_told(system: RunningSystem, raw: httpx.AsyncClient) -> None:
    headers = await system.login()
    for _ in range(6):
        await system.gateway.get("/api/cart", headers=headers)

    async def look() -> tuple[Any, Any, Any] | None:
        picks = (await raw.get("/v1/picks", params={"service": "order", "limit": 6})).json()["items"]
        totals = (await raw.get("/v1/gateway")).json()
        upstreams = (await raw.get("/v1/upstreams")).json()["items"]
        asked = {route["prefix"]: route["requests"] for route in totals["routes"]}
        done = len(picks) == 6 and asked["/api/cart"] >= 6 and totals["rate"] > 0
        return (picks, totals, upstreams) if done else None

    picks, totals, upstreams = await until(look, within_s=10.0)
    assert {pick["chosen"]["instance"] for pick in picks} == {"order-1", "order-2"}
    assert all(pick["chosen"]["why"] and len(pick["chosen"]["candidates"]) == 2 for pick in picks)
    assert totals["sampled"] >= 6
    assert [row["service"] for row in upstreams] == [
        "notification",
        "orchestrator",
        "order",
        "payment",
        "user",
    ]
    assert (await raw.get("/v1/picks", params={"service": "nobody"})).json()["items"] == []


async def test_a_change_of_strategy_is_a_decision(system: RunningSystem, raw: httpx.AsyncClient) -> None:
    assert (await raw.patch("/v1/services/user", json={"strategy": "random"})).status_code == 200

    async def look() -> Any:
        found = (await raw.get("/v1/decisions", params={"service": "user"})).json()["items"]
        return next((turn for turn in found if turn["kind"] == "strategy"), None)

    assert "random" in (await until(look, within_s=5.0))["why"]
    await raw.patch("/v1/services/user", json={"strategy": "round-robin"})


async def test_changed_settings_are_in_force_in_the_gateway_when_the_answer_comes(
    system: RunningSystem, raw: httpx.AsyncClient
) -> None:
    revision = (await raw.get("/v1/settings")).json()["revision"]
    changed = await raw.patch("/v1/limits", json={"limit": 77}, headers={"If-Match": str(revision)})
    assert changed.status_code == 200
    answer = await system.gateway.get("/api/products", headers=await system.login())
    assert "q=77" in answer.headers["RateLimit-Policy"]
    for path, patch in (("/v1/limits", {"limit": 5}), ("/v1/services/user", {"strategy": "random"})):
        late = await raw.patch(path, json=patch, headers={"If-Match": str(revision)})
        assert late.status_code == 412

    async def look() -> bool | None:
        return (await raw.get("/v1/gateway")).json()["settingsRevision"] == revision + 1 or None

    assert await until(look, within_s=5.0)
    await raw.patch("/v1/limits", json={"limit": 1000})


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[httpx.AsyncClient]:
    """A Prometheus of its own that scrapes `target`, and a client of its API."""
    port = free_port()
    folder.mkdir()
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
        f"scrape_configs: [{{job_name: gateway, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}", stdout=log, stderr=log, preexec_fn=die_with_parent,
        )  # fmt: skip
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
                yield client
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def test_a_real_prometheus_scrapes_the_gateway(system: RunningSystem, tmp_path: Path) -> None:
    target = system.ready.gateway.removeprefix("http://")
    async with prometheus(tmp_path / "prometheus", target) as client:

        async def ask(query: str) -> list[Any]:
            try:
                answer = await client.get("/api/v1/query", params={"query": query})
            except httpx.TransportError:
                return []
            return list(answer.json()["data"]["result"]) if answer.status_code == 200 else []

        async def up() -> bool | None:
            return any(sample["value"][1] == "1" for sample in await ask("up")) or None

        assert await until(up, within_s=20.0)
        (requests,) = await ask('sum(faultdeck_gateway_requests_total{route="/api/cart",code="200"})')
        assert float(requests["value"][1]) >= 6
        quantile = "histogram_quantile(0.5, sum by (le) (faultdeck_gateway_request_duration_seconds_bucket))"
        (median,) = await ask(quantile)
        assert 0 < float(median["value"][1]) < 1
        families = {sample["metric"]["__name__"] for sample in await ask('{__name__=~"faultdeck_.+"}')}
        assert len(families) > 25
        assert await ask("process_resident_memory_bytes > 1e6")
        assert await ask("faultdeck_gateway_received_bytes_total > 1000")
        assert await ask("faultdeck_gateway_sent_bytes_total > 1000")
