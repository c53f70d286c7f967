"""Moments as a caller may write them in a query."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from msgspec import Meta

from embedded_services.contracts.validation import invalid

Moment = Annotated[str, Meta(max_length=40)]

_SECONDS: Final = re.compile(r"\d{1,12}(\.\d{1,9})?")


def to_timestamp(moment: str, field: str) -> float:
    """Seconds since the epoch, of an ISO 8601 date or date-time (UTC unless it says otherwise) or of seconds.

    Raises ApiError VALIDATION_FAILED naming `field`.
    """
    if _SECONDS.fullmatch(moment):
        return float(moment)
    try:
        parsed = datetime.fromisoformat(moment)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise invalid(field, "must be a date, a date-time (ISO 8601) or seconds since the epoch") from error


def month_of(timestamp: float) -> str:
    """`YYYY-MM`, in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m")
