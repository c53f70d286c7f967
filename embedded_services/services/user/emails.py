"""E-mail addresses: one spelling for each, and a plain check that it could be one."""

import re
import unicodedata
from typing import Final

from embedded_services.contracts.validation import invalid

_FORM: Final = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")


def normalise(email: str) -> str:
    """The spelling under which an address is stored and found. Raises ApiError VALIDATION_FAILED."""
    plain = unicodedata.normalize("NFC", email).strip().lower()
    if not _FORM.fullmatch(plain):
        raise invalid("email", "must be an e-mail address, like name@example.com")
    return plain
