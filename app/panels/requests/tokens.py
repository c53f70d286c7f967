"""Tokens, taken apart and falsified: what the gateway must refuse, made from a token that it accepts. Pure.

An expired token is signed with the very key that signs the good ones, where that key is known: then its age alone is
wrong. A forged one keeps the good one's signature below other claims; `alg: none` keeps the claims and has no signature.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never

from app.panels.requests.draft import TokenKind
from embedded_services.contracts.tokens import LIFETIME_S

MAX_TOKEN: Final = 16 * 1024
Part = Mapping[str, Any]


@dataclass(frozen=True)
class Token:
    """`signed` is False where the signature is known to be wrong: the key was not at hand, or it was left out."""

    raw: str
    header: Part
    claims: Part
    signed: bool = True

    @property
    def expires_at(self) -> float | None:
        """Seconds since the epoch; None where the token does not say."""
        expires = self.claims.get("exp")
        is_number = isinstance(expires, int | float) and not isinstance(expires, bool)
        return float(expires) if is_number and expires is not None else None


def read_token(raw: str) -> Token:
    """What a token says of itself; nothing is verified. Raises ValueError when it is no JWT."""
    parts = raw.split(".")
    if len(raw) > MAX_TOKEN or len(parts) != 3:
        raise ValueError("a JWT has three parts")
    header, claims = (_decoded(part) for part in parts[:2])
    return Token(raw, header, claims)


def sent_token(token: Token | None, kind: TokenKind, keys: Sequence[str], now: float) -> Token | None:
    """What goes out for `kind`, made from the good `token`; None for no token. `keys` may sign; `now` is the epoch's."""
    if token is None:
        return None
    match kind:
        case "good":
            return token
        case "none":
            return None
        case "expired":
            return _expired(token, keys, now)
        case "forged":
            return _forged(token)
        case "alg-none":
            header = {**token.header, "alg": "none"}
            return Token(f"{_encoded(header)}.{_encoded(token.claims)}.", header, token.claims, signed=False)
        case _:
            assert_never(kind)


def _expired(token: Token, keys: Sequence[str], now: float) -> Token:
    claims = {**token.claims, "iat": int(now) - 2 * LIFETIME_S, "exp": int(now) - LIFETIME_S}
    signed = f"{_encoded(token.header)}.{_encoded(claims)}"
    key = next((key for key in keys if _is_signed_by(token.raw, key)), None)
    signature = _signature(signed, key) if key is not None else token.raw.rpartition(".")[2]
    return Token(f"{signed}.{signature}", token.header, claims, signed=key is not None)


def _forged(token: Token) -> Token:
    """Somebody else, and an administrator, below a signature that was made for other claims."""
    claims = {**token.claims, "role": "admin", "name": "Mallory"}
    signature = token.raw.rpartition(".")[2]
    return Token(
        f"{_encoded(token.header)}.{_encoded(claims)}.{signature}", token.header, claims, signed=False
    )


def _is_signed_by(raw: str, key: str) -> bool:
    signed, _, signature = raw.rpartition(".")
    return hmac.compare_digest(_signature(signed, key), signature)


def _signature(signed: str, key: str) -> str:
    return _base64(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())


def _encoded(part: Part) -> str:
    return _base64(json.dumps(dict(part), separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decoded(part: str) -> dict[str, Any]:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        found = json.loads(raw)
    except (binascii.Error, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not a JWT: {error}") from error
    if not isinstance(found, dict):
        raise ValueError("a part of a JWT is an object")
    return found
