"""Who may call the control API: this machine only, with the token, and no page of another origin.

The token alone would do against other users; Host and Origin are checked because a browser on this machine can be
made to send requests by any page it shows (DNS rebinding, forms).
"""

import hmac

from embedded_services.contracts.errors import ApiError

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def check_origin(host: str | None, origin: str | None, port: int) -> None:
    """Raises FORBIDDEN unless `Host` names this server by a loopback name and `Origin`, if any, is the same.

    They are compared as texts and not taken apart: there is nothing to misread.
    """
    here = {f"{name}:{port}" for name in LOOPBACK}
    if (host or "").lower() not in here:
        raise ApiError("FORBIDDEN", f"the control API answers to loopback names only, not to Host {host!r}")
    if origin is not None and origin.lower() not in {f"http://{authority}" for authority in here}:
        raise ApiError("FORBIDDEN", f"requests from the origin {origin!r} are refused")


def check_token(authorization: str | None, token: str) -> None:
    """Raises UNAUTHORIZED without a bearer token, INVALID_TOKEN with a wrong one."""
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not given:
        raise ApiError("UNAUTHORIZED", "send the token of runtime.json as 'Authorization: Bearer …'")
    if not hmac.compare_digest(given.strip().encode(errors="surrogateescape"), token.encode()):
        raise ApiError("INVALID_TOKEN", "not the token of this run")
