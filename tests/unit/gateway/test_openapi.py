import re
from typing import Any

import msgspec
import pytest

from embedded_services.common.resources import resource
from embedded_services.contracts.settings import DashboardPart, Route, ServiceSettings
from embedded_services.gateway.openapi import GatewayDocument, document
from tests.helpers.child import demo_settings
from tests.helpers.service_documents import TABLES, described

DEMO = demo_settings()


def refs(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(refs(inner) for inner in node.values()))
    return set().union(*(refs(inner) for inner in node)) if isinstance(node, list) else set()


@pytest.mark.parametrize("kind", TABLES)
def test_what_a_service_offers_is_what_its_table_says(kind: str) -> None:
    stored = msgspec.json.decode(resource("openapi", f"{kind}.json").read_bytes())
    assert stored == msgspec.json.decode(msgspec.json.encode(described(kind))), (
        "python -m tests.helpers.service_documents writes it anew"
    )


def test_everything_that_the_routes_lead_to_is_described() -> None:
    paths = document(DEMO)["paths"]
    assert {"/health", "/ready", "/metrics", "/openapi.json", "/api/dashboard"} <= paths.keys()
    for kind in TABLES:
        for path, operations in described(kind)["paths"].items():
            assert set(operations) <= set(paths[f"/api{path}"])


def test_it_refers_only_to_what_it_holds_and_names_each_operation_once() -> None:
    found = document(DEMO)
    names = {ref.removeprefix("#/components/schemas/") for ref in refs(found)}
    assert names <= found["components"]["schemas"].keys()
    ids = [
        one["operationId"]
        for path in found["paths"].values()
        for one in path.values()
        if "operationId" in one
    ]
    assert len(ids) == len(set(ids)) > 30
    for path, operations in found["paths"].items():
        wanted = set(re.findall(r"\{(\w+)\}", path))
        for one in operations.values():
            assert {given["name"] for given in one.get("parameters", []) if given["in"] == "path"} == wanted


def test_routes_decide_what_there_is_and_who_may_ask() -> None:
    routes = [
        Route(prefix="/api/users", service="user", public=True, methods=["GET"]),
        Route(prefix="/api/mine", service="mine"),
    ]
    services = {**DEMO.services, "mine": ServiceSettings(kind="external", replicas=0)}
    changed = msgspec.structs.replace(DEMO, routes=routes, services=services, dashboard={})
    paths = document(changed)["paths"]
    described_paths = {path for path in paths if path.startswith("/api")}
    assert described_paths == {
        "/api/users",
        "/api/users/roles",
        "/api/users/{id}",
        "/api/users/{id}/role",
    } - {"/api/users/{id}/role"}
    assert all(set(paths[path]) == {"get"} for path in described_paths)
    assert paths["/api/users"]["get"]["security"] == []


def test_it_is_made_anew_only_when_the_settings_are_others() -> None:
    made = GatewayDocument()
    first = made.encoded(DEMO)
    assert made.encoded(DEMO) is first
    part = DashboardPart(service="user", path="/users")
    other = msgspec.structs.replace(DEMO, dashboard={"mine": part})
    assert b'"mine"' in made.encoded(other)
