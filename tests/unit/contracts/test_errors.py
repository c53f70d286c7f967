import msgspec
import pytest

from embedded_services.contracts.errors import STATUS_OF, ApiError, ErrorDetail


@pytest.mark.parametrize(("code", "status"), STATUS_OF.items())
def test_code_decides_the_status(code: str, status: int) -> None:
    assert ApiError(code, "why").status == status
    assert 400 <= status < 600


def test_envelope_holds_only_what_is_known() -> None:
    assert msgspec.json.decode(ApiError("CONFLICT", "taken").encode("r1")) == {
        "error": {"code": "CONFLICT", "message": "taken", "requestId": "r1"}
    }


def test_envelope_names_path_wait_and_field() -> None:
    error = ApiError(
        "RATE_LIMIT_EXCEEDED",
        "too many",
        path="/api/x",
        retry_after=7,
        details=[ErrorDetail(field="limit", message="too high", bound=5, unit="requests")],
    )
    assert msgspec.json.decode(error.encode(None)) == {
        "error": {
            "code": "RATE_LIMIT_EXCEEDED",
            "message": "too many",
            "path": "/api/x",
            "retryAfter": 7,
            "details": [{"field": "limit", "message": "too high", "bound": 5, "unit": "requests"}],
        }
    }
