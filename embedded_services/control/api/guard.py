"""Who may call the control API: this machine only, with the token, and no page of another origin.

The token alone would do against other users; Host and Origin are checked because a browser on this machine can be
made to send requests by any page it shows (DNS rebinding, forms).
"""

import hmac
from urllib.parse import urlsplit

from embedded_services.contracts.errors import ApiError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def check_origin(host: str | None, origin: str | None, port: int) -> None:
    """Raises FORBIDDEN unless `Host` names this server by a loopback name and `Origin`, if any, is the same."""
    if not _is_here(host or "", port):
        raise ApiError("FORBIDDEN", f"the control API answers to loopback names only, not to Host {host!r}")
    if origin is not None:
        parts = urlsplit(origin)
        if parts.scheme != "http" or not _is_here(parts.netloc, port):
            raise ApiError("FORBIDDEN", f"requests from the origin {origin!r} are refused")


def check_token(authorization: str | None, token: str) -> None:
    """Raises UNAUTHORIZED without a bearer token, INVALID_TOKEN with a wrong one."""
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not given:
        raise ApiError("UNAUTHORIZED", "send the token of runtime.json as 'Authorization: Bearer …'")
    if not hmac.compare_digest(given.strip().encode(), token.encode()):
        raise ApiError("INVALID_TOKEN", "not the token of this run")


def _is_here(authority: str, port: int) -> bool:
    try:
        parts = urlsplit(f"//{authority}")
        return parts.hostname in LOOPBACK and parts.port == port and parts.username is None
    except ValueError:
        return False
