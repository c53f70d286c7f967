"""`/openapi.json`, derived from the table of operations and the types that the code itself uses."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from embedded_services.common.version import __version__
from embedded_services.contracts.errors import STATUS_OF, ErrorEnvelope
from embedded_services.control.api.table import Operation

ALWAYS = (
    "VALIDATION_FAILED",
    "UNAUTHORIZED",
    "INVALID_TOKEN",
    "FORBIDDEN",
    "PAYLOAD_TOO_LARGE",
    "INTERNAL_ERROR",
)
WITH_BODY = ("UNSUPPORTED_MEDIA_TYPE",)
_REF = "#/components/schemas/{name}"
_NAME = re.compile(r"\{(\w+)\}")


def document(operations: Sequence[Operation], url: str) -> dict[str, Any]:
    types = [
        kind for op in operations for kind in (op.described_body or op.body, op.response) if kind is not None
    ]
    schemas, components = msgspec.json.schema_components([*types, ErrorEnvelope], ref_template=_REF)
    schema_of = iter(schemas)
    paths: dict[str, dict[str, Any]] = {}
    for op in operations:
        body = next(schema_of) if op.body is not None else None
        response = next(schema_of) if op.response is not None else None
        paths.setdefault(op.path, {})[op.method.lower()] = _operation(op, body, response)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Faultdeck control API",
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": url}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(op: Operation, body: Any, response: Any) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": op.summary,
        "operationId": _operation_id(op),
        "parameters": _parameters(op),
        "responses": {str(op.status): _content("Done", response), **_errors(op)},
    }
    if body is not None:
        described["requestBody"] = {
            "required": op.body_required,
            "content": {"application/json": {"schema": body}},
        }
    return described


def _operation_id(op: Operation) -> str:
    words = [word.strip("{}") for word in op.path.split("/") if word and word != "v1"]
    return "_".join([op.method.lower(), *words]).replace("-", "_")


def _parameters(op: Operation) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _NAME.findall(op.path)
    ]
    if op.query is not None:
        _, components = msgspec.json.schema_components([op.query], ref_template=_REF)
        for name, schema in components[op.query.__name__]["properties"].items():
            found.append({"name": name, "in": "query", "required": False, "schema": schema})
    if op.if_match:
        found.append({"name": "If-Match", "in": "header", "required": False, "schema": {"type": "string"}})
    return found


def _errors(op: Operation) -> dict[str, Any]:
    by_status: dict[str, list[str]] = {}
    for code in (*ALWAYS, *(WITH_BODY if op.body is not None else ()), *op.errors):
        by_status.setdefault(str(STATUS_OF[code]), []).append(code)
    envelope = {"$ref": _REF.format(name=ErrorEnvelope.__name__)}
    return {status: _content(", ".join(codes), envelope) for status, codes in sorted(by_status.items())}


def _content(description: str, schema: Any) -> dict[str, Any]:
    if schema is None:
        return {"description": description}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
