"""The control API and the gateway keep to their own OpenAPI documents, whatever they are sent (by schemathesis).

The sample is the same each time; `-m slow` looks further.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.system import Ready
from tests.helpers.live import served

UNLIMITED = LimitSettings(limit=1_000_000_000)
FEW, MANY = 2, 60
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    response_headers_conformance, negative_data_rejection, ignored_auth,
]  # fmt: skip


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    folder = tmp_path_factory.mktemp("schemas")
    with served(folder, "--replicas", "1", limits=UNLIMITED) as ready:
        yield ready


def explore(url: str, token: str, examples: int, *, empty_is_absent: bool = False) -> int:
    """Send every operation valid and invalid requests, and check the answers. Returns how many were sent. Where a query's field
    that is empty counts as absent, an operation without a body has no fields that surely are invalid."""
    with httpx.Client(base_url=url, trust_env=False) as client:
        document: dict[str, Any] = client.get("/openapi.json").raise_for_status().json()
    schema = schemathesis.openapi.from_dict(without_security(document))
    sent = 0

    def call(case: Any) -> None:
        nonlocal sent
        sent += 1
        lenient = empty_is_absent and not case.operation.body
        checks = [check for check in CHECKS if not (lenient and check is negative_data_rejection)]
        response = case.call(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=20)
        case.validate_response(response, checks=checks)

    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            strategy = operation.as_strategy(generation_mode=mode)
            with contextlib.suppress(Unsatisfiable):  # there is nothing about it that could be invalid
                settings(
                    max_examples=examples,
                    derandomize=True,
                    database=None,
                    deadline=None,
                    phases=[Phase.explicit, Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )(given(strategy)(lambda case: call(case)))()
    return sent


def without_security(document: dict[str, Any]) -> dict[str, Any]:
    """Every request carries the token: one that is to be invalid by lacking it would not be."""
    paths = {
        path: {
            method: {key: part for key, part in operation.items() if key != "security"}
            for method, operation in item.items()
        }
        for path, item in document["paths"].items()
    }
    return {key: part for key, part in document.items() if key != "security"} | {"paths": paths}


def unlimited_login(ready: Ready) -> str:
    """An admin's token; and no limit of requests and no fault, whatever the control API was asked for before."""
    headers = {"Authorization": f"Bearer {ready.token}"}
    with httpx.Client(base_url=ready.control, headers=headers, trust_env=False) as client:
        client.patch("/v1/limits", json=msgspec.to_builtins(UNLIMITED)).raise_for_status()
        client.delete("/v1/faults").raise_for_status()
    with httpx.Client(base_url=ready.gateway, trust_env=False) as client:
        answer = client.post(
            "/api/auth/login", json={"email": "admin@faultdeck.local", "password": "faultdeck"}
        )
        return str(answer.raise_for_status().json()["token"])


def test_the_control_api_keeps_to_its_document(ready: Ready) -> None:
    assert explore(ready.control, ready.token, FEW) > 100


def test_the_gateway_keeps_to_its_document(ready: Ready) -> None:
    assert explore(ready.gateway, unlimited_login(ready), FEW, empty_is_absent=True) > 100


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_control_api_keeps_to_its_document_whatever_comes(ready: Ready) -> None:
    explore(ready.control, ready.token, MANY)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_gateway_keeps_to_its_document_whatever_comes(ready: Ready) -> None:
    explore(ready.gateway, unlimited_login(ready), MANY, empty_is_absent=True)
