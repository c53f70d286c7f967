"""Who is asking: verifies the bearer token, and remembers for a while which ones were good.

HS256 and nothing else; issuer, audience and expiry are required. A token is remembered until it expires, at most
`capacity` of them; a bad one is looked at anew each time. Expiry is reckoned with the injected clock.
"""

import math
import re
from typing import Final

import jwt
from jwt.types import Options

from embedded_services.common.clock import Clock
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.tokens import ALGORITHM, AUDIENCE, ISSUER
from embedded_services.gateway.exchange import Identity
from embedded_services.gateway.http import Headers

REMEMBERED: Final = 10_000
LEEWAY_S: Final = 5
"""How far the issuer's clock may differ from ours."""
_MAX_TOKEN: Final = 4096
_NAME: Final = re.compile(r"[!-~]{1,200}")

_OPTIONS: Final[Options] = {
    "require": ["exp", "iss", "aud"],
    # Judged below, by the injected clock.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


class Authenticator:
    def __init__(self, secret: str, clock: Clock, capacity: int = REMEMBERED) -> None:
        self._capacity = capacity
        self._secret = secret
        self._clock = clock
        self._known: dict[bytes, tuple[Identity, float]] = {}

    @property
    def remembered(self) -> int:
        """How many tokens are known to be good."""
        return len(self._known)

    def identify(self, headers: Headers) -> Identity:
        """Raises ApiError: UNAUTHORIZED without a bearer token, INVALID_TOKEN with one that is not good."""
        value = headers.get(b"authorization")
        known = self._known.get(value) if value is not None else None
        if known is not None and value is not None:
            identity, expires = known
            if self._clock.now() < expires:
                return identity
            del self._known[value]
        scheme, _, token = (value or b"").partition(b" ")
        token = token.strip()
        if scheme.lower() != b"bearer" or not token:
            raise ApiError("UNAUTHORIZED", "Access token required")
        identity, expires = self._verify(token)
        if len(self._known) >= self._capacity:
            del self._known[next(iter(self._known))]
        self._known[value or b""] = (identity, expires)
        return identity

    def _verify(self, token: bytes) -> tuple[Identity, float]:
        """Who it is, and until when that holds."""
        if len(token) > _MAX_TOKEN:
            raise _refused()
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options=_OPTIONS,
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise _refused() from None
        now = self._clock.now()
        expires = _seconds(claims["exp"]) + LEEWAY_S
        if now >= expires or now < _seconds(claims.get("nbf", 0)) - LEEWAY_S:
            raise _refused()
        user, role = claims.get("sub", claims.get("id")), claims.get("role", "")
        return Identity.of(_name(user), _name(role) if role else ""), expires


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _refused()
    return value


def _name(value: object) -> str:
    """What can stand in a header field and means the same there."""
    if not isinstance(value, str) or _NAME.fullmatch(value) is None:
        raise _refused()
    return value


def _refused() -> ApiError:
    return ApiError("INVALID_TOKEN", "Invalid access token")
