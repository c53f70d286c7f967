"""Moments in a query."""

import pytest

from embedded_services.contracts.errors import ApiError
from embedded_services.services.kit.times import month_of, to_timestamp


@pytest.mark.parametrize(
    ("text", "timestamp"),
    [
        ("0", 0.0),
        ("1767225600.5", 1767225600.5),
        ("2026-01-01", 1767225600.0),
        ("2026-01-01T00:00:00Z", 1767225600.0),
        ("2026-01-01T01:00:00+01:00", 1767225600.0),
    ],
)
def test_dates_and_seconds_are_understood(text: str, timestamp: float) -> None:
    assert to_timestamp(text, "from") == timestamp


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "-1", "1e9", ""])
def test_what_is_no_moment_is_refused_by_name(text: str) -> None:
    with pytest.raises(ApiError, match="from must be a date"):
        to_timestamp(text, "from")


def test_a_month_is_utc() -> None:
    assert month_of(1767225599.9) == "2025-12"
    assert month_of(1767225600.0) == "2026-01"
