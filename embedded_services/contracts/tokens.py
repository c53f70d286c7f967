"""The token that a login issues and the gateway verifies: a JWT, HS256 and nothing else (RFC 8725 §2.1).

A token carries the role it was issued with. A change of role therefore acts on the next login; until then, at most
`LIFETIME_S`, the old token keeps the old role.
"""

from typing import Final

from embedded_services.contracts.wire import Message

ISSUER: Final = "faultdeck"
AUDIENCE: Final = "faultdeck"
ALGORITHM: Final = "HS256"
LIFETIME_S: Final = 3600


class TokenClaims(Message, frozen=True):
    """`sub` and `id` are both the user's id; `iat` and `exp` are whole seconds since the epoch."""

    iss: str
    aud: str
    sub: str
    id: str
    role: str
    email: str
    name: str
    iat: int
    exp: int
