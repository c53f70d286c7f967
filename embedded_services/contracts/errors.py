"""The one format of every error, and the one table from code to HTTP status.

`{"error": {"code", "message", "requestId"}}`, with `path` in a 404, `retryAfter` (seconds) in a 429 and `details` in a
400. The codes are those of the guide and a few more; scripts rely on them.
"""

from typing import Final

import msgspec

from embedded_services.contracts.wire import Message

STATUS_OF: Final[dict[str, int]] = {
    "VALIDATION_FAILED": 400,
    "UNAUTHORIZED": 401,
    "INVALID_TOKEN": 403,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "REQUEST_TIMEOUT": 408,
    "CONFLICT": 409,
    "PRECONDITION_FAILED": 412,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "RATE_LIMIT_EXCEEDED": 429,
    "HEADERS_TOO_LARGE": 431,
    "AGGREGATION_FAILED": 500,
    "GATEWAY_ERROR": 500,
    "INTERNAL_ERROR": 500,
    "BAD_GATEWAY": 502,
    "SERVICE_UNAVAILABLE": 503,
    "UPSTREAM_TIMEOUT": 504,
}


class ErrorDetail(Message, omit_defaults=True, frozen=True):
    """What is wrong with one field: `bound` is the limit that it broke, `unit` what the bound counts."""

    field: str
    message: str
    bound: str | int | float | None = None
    unit: str | None = None


class ErrorBody(Message, omit_defaults=True, frozen=True):
    code: str
    message: str
    request_id: str | None = None
    path: str | None = None
    retry_after: int | None = None
    details: list[ErrorDetail] | None = None


class ErrorEnvelope(Message, frozen=True):
    error: ErrorBody


class ApiError(Exception):
    """An error that a caller is meant to see. Its code decides the HTTP status."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        path: str | None = None,
        retry_after: int | None = None,
        details: list[ErrorDetail] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path
        self.retry_after = retry_after
        self.details = details

    @property
    def status(self) -> int:
        return STATUS_OF[self.code]

    def envelope(self, request_id: str | None) -> ErrorEnvelope:
        return ErrorEnvelope(
            error=ErrorBody(
                code=self.code,
                message=self.message,
                request_id=request_id,
                path=self.path,
                retry_after=self.retry_after,
                details=self.details,
            )
        )

    def encode(self, request_id: str | None) -> bytes:
        return msgspec.json.encode(self.envelope(request_id))
