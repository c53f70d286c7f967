"""Identifiers. Made when they are needed, never at import: children are forked from one image."""

import secrets

_ALPHABET = "0123456789abcdefghijkmnpqrstuvwxyz"  # no l and o: people read these aloud
_LENGTH = 12


def new_id(prefix: str) -> str:
    """`<prefix>_` and 12 characters, 61 random bits: unique for the life of a workspace."""
    number = secrets.randbelow(len(_ALPHABET) ** _LENGTH)
    characters = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return f"{prefix}_{''.join(characters)}"


def new_request_id() -> str:
    """16 hex digits."""
    return secrets.token_hex(8)


def new_traceparent() -> str:
    """A W3C `traceparent` that starts a new, sampled trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
