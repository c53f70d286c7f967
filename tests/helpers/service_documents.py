"""What each kind of service offers, as `resources/openapi/<kind>.json` says it: derived from the services' own tables.

    python -m tests.helpers.service_documents

writes the resources anew; a test compares.
"""

import re
from collections.abc import Callable
from inspect import signature
from typing import Any, cast
from unittest.mock import MagicMock

import msgspec

from embedded_services.common.resources import resource
from embedded_services.sagas.order_api import MOST_WAIT_S, OrderApi
from embedded_services.services.kit.endpoints import Endpoint, Endpoints
from embedded_services.services.notification import process as notification
from embedded_services.services.order import process as order
from embedded_services.services.payment import process as payment
from embedded_services.services.user import process as user

NAMED_ONLY = cast("Any", MagicMock())
"""Stands in for all that the handlers work with: they are named here, never called."""
TABLES: dict[str, Callable[..., Endpoints]] = {
    "user": user.endpoints,
    "order": order.endpoints,
    "payment": payment.endpoints,
    "notification": notification.endpoints,
    "orchestrator": lambda orchestrator, services: OrderApi(orchestrator, services).endpoints,
}
SEGMENT = {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"}
WAIT = {"type": "number", "minimum": 0, "maximum": MOST_WAIT_S, "x-unit": "s"}
KEY = {"type": "string", "pattern": "^[ -~]{1,255}$"}


def described(kind: str) -> dict[str, Any]:
    make = TABLES[kind]
    table = make(*(NAMED_ONLY for _ in signature(make).parameters))
    ref = f"#/components/schemas/{kind}.{{name}}"
    types = list(dict.fromkeys(endpoint.takes for endpoint in table))
    refs, components = msgspec.json.schema_components(types, ref_template=ref)
    body_of = dict(zip(types, refs, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in table:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation(
            kind, endpoint, body_of, components
        )
    queries = {endpoint.takes.__name__ for endpoint in table if not endpoint.has_body}
    bodies = {endpoint.takes.__name__ for endpoint in table if endpoint.has_body}
    left_out = queries - bodies
    schemas = {f"{kind}.{name}": schema for name, schema in components.items() if name not in left_out}
    return {"paths": paths, "schemas": schemas}


def operation(
    kind: str, endpoint: Endpoint[Any], body_of: dict[type, Any], components: dict[str, Any]
) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": SEGMENT}
        for name in re.findall(r"\{(\w+)\}", endpoint.path)
    ]
    if not endpoint.has_body:
        parameters += [
            {"name": name, "in": "query", "required": False, "allowEmptyValue": True, "schema": schema}
            for name, schema in components[endpoint.takes.__name__]["properties"].items()
        ]
    if endpoint.method == "POST" and not endpoint.public:
        parameters.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": KEY})
    if endpoint.reads_query:
        parameters.append({"name": "wait", "in": "query", "required": False, "schema": WAIT})
    words = re.findall(r"\w+", endpoint.path)
    found: dict[str, Any] = {
        "operationId": "_".join([kind, endpoint.method.lower(), *words]),
        "parameters": parameters,
        "responses": {
            "2XX": {"description": "Done", "content": {"application/json": {"schema": {}}}},
            "204": {"description": "Done"},
        },
    }
    if endpoint.has_body:
        found["requestBody"] = {
            "required": any(field.required for field in msgspec.structs.fields(endpoint.takes)),
            "content": {"application/json": {"schema": body_of[endpoint.takes]}},
        }
    return found


def main() -> None:
    for kind in TABLES:
        path = resource("openapi", f"{kind}.json")
        path.parent.mkdir(exist_ok=True)
        text = msgspec.json.format(msgspec.json.encode(described(kind), order="sorted"), indent=1)
        path.write_bytes(text + b"\n")
        print(f"{path.name}: {len(text)} bytes")


if __name__ == "__main__":
    main()
