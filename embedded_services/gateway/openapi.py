"""`/openapi.json` of the gateway: its own endpoints, and those of the services that its routes lead to. Pure but for reading
the resources.

What a kind of service offers is a resource, `openapi/<kind>.json`, written from the service's own table of endpoints and
compared with it by a test. Where it is found, and whether a token is needed, the routes say. Of a service of another kind
nothing is known, so nothing is said.
"""

from functools import cache
from typing import Any, Final

import msgspec

from embedded_services.common.resources import resource
from embedded_services.common.version import __version__
from embedded_services.contracts.errors import ErrorEnvelope
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.contracts.settings import Route, Settings
from embedded_services.gateway.dashboard import PATH as DASHBOARD
from embedded_services.gateway.routes import API, RouteTable

PATH: Final = "/openapi.json"
_REF: Final = "#/components/schemas/{name}"
_ERROR: Final = {
    "description": "An error: what is wrong with the request, or why there is no answer",
    "content": {"application/json": {"schema": {"$ref": _REF.format(name=ErrorEnvelope.__name__)}}},
}
_ANY_JSON: Final[dict[str, Any]] = {"application/json": {"schema": {}}}


class GatewayDocument:
    """Made anew when it is asked for and the settings are others."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._encoded = b""

    def encoded(self, settings: Settings) -> bytes:
        if settings is not self._settings:
            self._settings, self._encoded = settings, msgspec.json.encode(document(settings))
        return self._encoded


def document(settings: Settings) -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components([ErrorEnvelope], ref_template=_REF)
    paths = _own_paths()
    if settings.dashboard:
        paths[DASHBOARD] = {"get": _dashboard(settings)}
    table = RouteTable(settings.routes)
    for service in dict.fromkeys(route.service for route in settings.routes):
        known = settings.services.get(service)
        kind = ORCHESTRATOR if service == ORCHESTRATOR else None if known is None else known.kind
        offered = None if kind is None else offer(kind)
        if offered is None:
            continue
        schemas |= offered["schemas"]
        for path, operations in offered["paths"].items():
            for method, operation in operations.items():
                route = table.match_method(f"{API}{path}", method.upper())
                if route is None or route.service != service:
                    continue
                if route.methods is None or method.upper() in route.methods:
                    paths.setdefault(f"{API}{path}", {})[method] = _routed(operation, route, service)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"The gateway of {settings.name}",
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


@cache
def offer(kind: str) -> dict[str, Any] | None:
    """The `paths` of a kind of service, and the `schemas` they refer to; None if nothing is known of it."""
    path = resource("openapi", f"{kind}.json")
    if not path.is_file():
        return None
    known: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return known


def _routed(operation: dict[str, Any], route: Route, service: str) -> dict[str, Any]:
    routed = {**operation, "tags": [service], "responses": {**operation["responses"], "default": _ERROR}}
    if route.public:
        routed["security"] = []
    return routed


def _own_paths() -> dict[str, Any]:
    ready = {"503": {"description": "Some service has no instance in rotation", "content": _ANY_JSON}}
    return {
        "/health": {"get": _own("Whether the gateway runs", _ANY_JSON)},
        "/ready": {"get": _own("Whether every service has an instance in rotation", _ANY_JSON, ready)},
        "/metrics": {
            "get": _own(
                "All counters, as Prometheus reads them", {"text/plain": {"schema": {"type": "string"}}}
            )
        },
        PATH: {"get": _own("This document", _ANY_JSON)},
    }


def _own(summary: str, content: dict[str, Any], more: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "summary": summary,
        "tags": ["gateway"],
        "security": [],
        "responses": {"200": {"description": "Done", "content": content}, **(more or {}), "default": _ERROR},
    }


def _dashboard(settings: Settings) -> dict[str, Any]:
    properties: dict[str, Any] = {name: {} for name in settings.dashboard}
    properties |= {
        "timestamp": {"type": "string", "format": "date-time"},
        "partial": {"type": "boolean"},
        "unavailable": {"type": "array", "items": {"type": "string"}},
    }
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {
        "summary": "What the services know of the caller, in one answer; parts that are away are null",
        "tags": ["gateway"],
        "responses": {
            "200": {"description": "Done", "content": {"application/json": {"schema": schema}}},
            "default": _ERROR,
        },
    }
