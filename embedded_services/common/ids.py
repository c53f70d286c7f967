"""Identifiers. Made when they are needed, never at import: children are forked from one image."""

import secrets

_ALPHABET = b"0123456789abcdefghijkmnpqrstuvwxyz"  # no l and o: people read these aloud
_OF_BYTE = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
_LENGTH = 12


def new_id(prefix: str) -> str:
    """`<prefix>_` and 12 characters, 60 random bits and more: unique for the life of a workspace."""
    return f"{prefix}_{secrets.token_bytes(_LENGTH).translate(_OF_BYTE).decode()}"


def new_request_id() -> str:
    """16 hex digits."""
    return secrets.token_hex(8)


def new_traceparent() -> str:
    """A W3C `traceparent` that starts a new, sampled trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
