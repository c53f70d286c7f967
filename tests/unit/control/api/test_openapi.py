import json
import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pytest

from embedded_services.contracts.errors import STATUS_OF
from embedded_services.control.api.event_operations import EventHandlers
from embedded_services.control.api.fault_operations import FaultHandlers
from embedded_services.control.api.openapi import document
from embedded_services.control.api.operations import Handlers, operations
from embedded_services.control.api.saga_operations import SagaHandlers
from embedded_services.control.api.table import Operation
from embedded_services.control.api.timeline_operations import TimelineHandlers
from embedded_services.control.api.traffic_operations import TrafficHandlers

NOTHING = cast("Any", None)
TABLE = operations(
    Handlers(
        views=NOTHING, actions=NOTHING, settings=NOTHING, external=NOTHING, instances=NOTHING, journal=NOTHING,
        requests=NOTHING, logs=NOTHING, usage=NOTHING, limit_clients=NOTHING,
        rollout=NOTHING, gateway=NOTHING, traces=NOTHING, events=EventHandlers(NOTHING, NOTHING, NOTHING),
        sagas=SagaHandlers(NOTHING), traffic=TrafficHandlers(NOTHING), timeline=TimelineHandlers(NOTHING),
        faults=FaultHandlers(NOTHING),
    )
)  # fmt: skip
DOCUMENT: dict[str, Any] = json.loads(msgspec.json.encode(document(TABLE, "http://127.0.0.1:1")))
EACH = pytest.mark.parametrize("operation", TABLE, ids=lambda op: f"{op.method} {op.path}")


def described(operation: Operation) -> Any:
    return DOCUMENT["paths"][operation.path][operation.method.lower()]


def walk(node: Any, path: str = "#") -> Iterator[tuple[str, Any]]:
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, f"{path}/{index}")


def resolve(ref: str) -> Any:
    node: Any = DOCUMENT
    assert ref.startswith("#/")
    for part in ref[2:].split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def test_document_has_what_openapi_3_1_requires() -> None:
    assert re.fullmatch(r"3\.1\.\d+", DOCUMENT["openapi"])
    assert DOCUMENT["info"]["title"]
    assert DOCUMENT["info"]["version"]
    assert set(DOCUMENT) <= {
        "openapi", "info", "jsonSchemaDialect", "servers", "paths", "webhooks", "components", "security", "tags",
        "externalDocs",
    }  # fmt: skip
    for name in (key for kind in DOCUMENT["components"].values() for key in kind):
        assert re.fullmatch(r"[a-zA-Z0-9._-]+", name)
    for requirement in DOCUMENT["security"]:
        assert requirement.keys() <= DOCUMENT["components"]["securitySchemes"].keys()


def test_document_describes_the_table_and_nothing_else() -> None:
    told = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert told == {(operation.method, operation.path) for operation in TABLE}
    assert len(told) == len(TABLE)


def test_operation_ids_are_unique_names() -> None:
    names = [described(operation)["operationId"] for operation in TABLE]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


def test_every_reference_leads_somewhere() -> None:
    refs = [node["$ref"] for _, node in walk(DOCUMENT) if isinstance(node, dict) and "$ref" in node]
    assert refs
    for ref in refs:
        assert isinstance(resolve(ref), dict)


def test_every_component_is_used() -> None:
    used = {node["$ref"] for _, node in walk(DOCUMENT) if isinstance(node, dict) and "$ref" in node}
    assert {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]} == used


def test_schemas_use_known_types_and_patterns_that_any_reader_understands() -> None:
    for path, node in walk(DOCUMENT["components"]["schemas"], "#/components/schemas"):
        if not isinstance(node, dict) or path.endswith(("/properties", "/schemas")):
            continue
        kinds = node.get("type", [])
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            assert kind in {"null", "boolean", "object", "array", "number", "string", "integer"}, path
        if isinstance(node.get("pattern"), str):
            assert not re.search(r"\\[AZzG]|\(\?P", node["pattern"]), "ECMA 262 has none of these"


@EACH
def test_path_parameters_are_those_of_the_path(operation: Operation) -> None:
    parameters = described(operation)["parameters"]
    in_path = {one["name"] for one in parameters if one["in"] == "path"}
    assert in_path == set(re.findall(r"\{(\w+)\}", operation.path))
    assert all(one["required"] for one in parameters if one["in"] == "path")
    assert len({(one["name"], one["in"]) for one in parameters}) == len(parameters)
    assert all("schema" in one for one in parameters)


@EACH
def test_query_and_conditions_are_described(operation: Operation) -> None:
    parameters = {(one["name"], one["in"]) for one in described(operation)["parameters"]}
    fields = msgspec.structs.fields(operation.query) if operation.query else ()
    assert {name for name, where in parameters if where == "query"} == {field.encode_name for field in fields}
    assert (("If-Match", "header") in parameters) == operation.if_match


@EACH
def test_body_is_described_where_there_is_one(operation: Operation) -> None:
    body = described(operation).get("requestBody")
    assert (body is not None) == (operation.body is not None)
    if body is not None:
        assert body["required"] == operation.body_required
        assert body["content"]["application/json"]["schema"]


@EACH
def test_answers_are_described_with_their_errors(operation: Operation) -> None:
    responses = described(operation)["responses"]
    assert all(re.fullmatch(r"[1-5]\d\d", status) and one["description"] for status, one in responses.items())
    success = responses[str(operation.status)]
    assert ("content" in success) == (operation.response is not None)
    assert (operation.status == 204) == (operation.response is None)
    always = ("UNAUTHORIZED", "INVALID_TOKEN", "FORBIDDEN", "PAYLOAD_TOO_LARGE", "INTERNAL_ERROR")
    for code in (*always, *operation.errors):
        answer = responses[str(STATUS_OF[code])]
        assert code in answer["description"]
        assert answer["content"]["application/json"]["schema"] == {
            "$ref": "#/components/schemas/ErrorEnvelope"
        }


def test_bounds_and_units_of_the_types_reach_the_document() -> None:
    limit = DOCUMENT["components"]["schemas"]["LimitSettings"]["properties"]["limit"]
    assert (limit["minimum"], limit["maximum"], limit["x-unit"], limit["default"]) == (
        1,
        10**9,
        "requests",
        100,
    )


def test_what_the_design_names_is_there() -> None:
    promised = {
        "GET /v1/system", "GET /v1/processes", "POST /v1/processes/{name}/{action}", "GET /v1/services",
        "PATCH /v1/services/{service}", "GET /v1/instances", "POST /v1/instances/{id}/{action}",
        "PUT /v1/registry/{service}/{id}", "POST /v1/registry/{service}/{id}/heartbeat",
        "DELETE /v1/registry/{service}/{id}", "GET /v1/registry/journal", "GET /v1/settings", "PATCH /v1/settings",
        "GET /v1/limits", "PATCH /v1/limits", "GET /v1/requests", "GET /v1/logs",
    }  # fmt: skip
    assert promised <= {f"{operation.method} {operation.path}" for operation in TABLE}
