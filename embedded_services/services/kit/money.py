"""Money: whole minor units inside (cents), a JSON number with at most two decimals at the edge; never a float.

On the wire an amount is a `Decimal`, which the decoder reads from the number's own digits.
"""

from decimal import Decimal
from typing import Final

from embedded_services.contracts.validation import invalid

MAX_AMOUNT: Final = Decimal("1000000.00")
MIN_AMOUNT: Final = Decimal("0.01")
_DECIMALS: Final = 2


def to_minor(amount: Decimal, field: str, *, least: Decimal = MIN_AMOUNT, most: Decimal = MAX_AMOUNT) -> int:
    """`Decimal("29.99")` → 2999. Raises ApiError VALIDATION_FAILED naming `field`."""
    if not amount.is_finite():
        raise invalid(field, "must be a number")
    if amount < least:
        raise invalid(field, f"must be at least {least}", bound=float(least))
    if amount > most:  # before any arithmetic, so that 1e999999999 costs nothing
        raise invalid(field, f"must be at most {most}", bound=float(most))
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -_DECIMALS:
        raise invalid(field, f"must have at most {_DECIMALS} decimals", bound=_DECIMALS, unit="decimals")
    return int(amount.scaleb(_DECIMALS))


def from_minor(minor: int) -> Decimal:
    """2999 → `Decimal("29.99")`; always two decimals."""
    return Decimal(minor).scaleb(-_DECIMALS)
