"""What a status means for whoever sent the request: in a sentence, and as one of the design's statuses. Pure."""

from http import HTTPStatus

import msgspec

from app.core.language import tr
from embedded_services.contracts.errors import ErrorBody, ErrorEnvelope


def lamp(status: int | None) -> str:
    """The lamp of an answer; of none at all, that of a failure."""
    if status is None or status >= 500:
        return "unhealthy"
    if status >= 400:
        return "degraded"
    return "healthy" if status >= 200 else "unknown"


def phrase(status: int) -> str:
    """The standard's words for a status; empty for one that it does not know."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def error_of(body: bytes) -> ErrorBody | None:
    """The error envelope of the gateway and the services, where the body is one."""
    try:
        return msgspec.json.decode(body, type=ErrorEnvelope).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def meaning(status: int, error: ErrorBody | None) -> str:
    """Whose turn it is, in a sentence: by the error's code, else by the kind of status."""
    if error is not None and (known := _by_code(error)):
        return known
    if status >= 500:
        return tr("Something behind the gateway failed.")
    if status >= 400:
        return tr("The request was refused as it was sent.")
    if status >= 300:
        return tr("The answer is elsewhere; redirects are not followed.")
    return tr("The request was carried out.") if status != 202 else tr("Accepted; it is carried out later.")


def _by_code(error: ErrorBody) -> str:
    wait = error.retry_after
    return {
        "UNAUTHORIZED": tr("This route wants a token, and there was none that it could use."),
        "INVALID_TOKEN": tr("The gateway does not accept the token: expired, forged or damaged."),
        "FORBIDDEN": tr("The token is good, but its role may not do this."),
        "NOT_FOUND": tr("Nothing is there."),
        "METHOD_NOT_ALLOWED": tr("The path is known, but not with this method."),
        "VALIDATION_FAILED": tr("The content of the request is not as it must be."),
        "CONFLICT": tr("It contradicts what is stored."),
        "PAYLOAD_TOO_LARGE": tr("The body is larger than the gateway takes."),
        "UNSUPPORTED_MEDIA_TYPE": tr("The body is of a type that is not taken here."),
        "IDEMPOTENCY_KEY_REUSED": tr("The Idempotency-Key stands for another request already."),
        "RATE_LIMIT_EXCEEDED": tr("Too many requests; try again in {n} s.", n=wait)
        if wait is not None
        else tr("Too many requests."),
        "SERVICE_UNAVAILABLE": tr("No instance could take the request."),
        "UPSTREAM_TIMEOUT": tr("The service did not answer in time."),
        "BAD_GATEWAY": tr("The service answered with what is no answer, or broke off."),
        "AGGREGATION_FAILED": tr("None of the parts could be fetched."),
        "GATEWAY_ERROR": tr("The gateway itself failed."),
    }.get(error.code, "")
