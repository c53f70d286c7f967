"""How figures read, everywhere the same: counts, rates, milliseconds, ages, moments. Pure.

What is not known is `–`, never `0`. Units stand in a column's head where there is one, so most of these give the
bare figure.
"""

import time
from typing import Final

from app.core.language import tr

NONE: Final = "–"
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


def count(value: int | None) -> str:
    """`9,779`."""
    return NONE if value is None else f"{value:,}"


def decimal(value: float | None, places: int = 1) -> str:
    """`24.6`: milliseconds, shares, rates."""
    return NONE if value is None else f"{value:,.{places}f}"


def rate(per_second: float | None) -> str:
    """`27.4 /s`; `idle` for none at all."""
    if per_second is None:
        return NONE
    return tr("{rate} /s", rate=decimal(per_second)) if per_second else tr("idle")


def lasting(seconds: float | None) -> str:
    """How long something has lasted: `6:03`, `1:06:03`, `2 d 4:06`."""
    if seconds is None:
        return NONE
    whole = max(0, int(seconds))
    days, rest = divmod(whole, _DAY)
    hours, rest = divmod(rest, _HOUR)
    minutes, left = divmod(rest, _MINUTE)
    if days:
        return tr("{days} d {hours}:{minutes:02}", days=days, hours=hours, minutes=minutes)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def ago(seconds: float) -> str:
    """An age in one unit: `just now`, `4 s ago`, `3 min ago`, `2 h ago`, `5 d ago`."""
    whole = max(0, int(seconds))
    if whole < 1:
        return tr("just now")
    if whole < _MINUTE:
        return tr("{n} s ago", n=whole)
    if whole < _HOUR:
        return tr("{n} min ago", n=whole // _MINUTE)
    if whole < _DAY:
        return tr("{n} h ago", n=whole // _HOUR)
    return tr("{n} d ago", n=whole // _DAY)


def moment(at: float) -> str:
    """A moment in the user's own time, to be put into a tooltip: `2026-11-23 14:31:50.9`."""
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(at))}.{int(at * 10) % 10}"


def clock_time(at: float) -> str:
    """`14:31:50`."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def precise_time(at: float) -> str:
    """`14:31:50.412`."""
    thousandths = int(at * 1000) % 1000
    return f"{clock_time(at)}.{thousandths:03}"


def size(count: int | None) -> str:
    """Of bytes, in decimal units: `0 B`, `1.5 KB`, `50.0 MB`."""
    if count is None:
        return NONE
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} KB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def megabytes(size: int | None) -> str:
    """`33 MB`, of bytes."""
    return NONE if size is None else f"{size / 2**20:,.0f} MB"
