"""The gateway's rate limit: what makes a client, what it is told, and what became of its requests.

Pure but for its own memory. The fields follow the IETF draft (`RateLimit-Policy`, `RateLimit`); the body of a
429 is the guide's, in our envelope.
"""

import math
from typing import Final

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.limits import LimitSettings
from embedded_services.gateway.exchange import Identity
from embedded_services.gateway.http import Headers
from embedded_services.limits.clients import Clients
from embedded_services.limits.limiter import Limiter
from embedded_services.limits.verdict import Verdict

EXEMPT: Final = frozenset({"/health", "/ready", "/metrics"})
_MAX_KEY: Final = 200


class RateLimit:
    """`changes` counts what may have changed counts besides requests and time: edits and resets."""

    def __init__(self, settings: LimitSettings, now: float) -> None:
        self.settings = settings
        self.limiter = Limiter(settings, now)
        self.clients = Clients()
        self.changes = 0
        self._policy = _policy(settings)
        self._tell_apart(settings)

    def apply(self, settings: LimitSettings, now: float) -> None:
        """Put other settings in force. Counts still apply unless clients are told apart in another way."""
        if settings == self.settings:
            return
        if settings.key != self.settings.key:
            self.limiter.clear()
            self.clients.forget_all()
        self.limiter.apply(settings, now)
        self.settings = settings
        self.changes += 1
        self._policy = _policy(settings)
        self._tell_apart(settings)

    def _tell_apart(self, settings: LimitSettings) -> None:
        self._kind, self._field = _key(settings)
        self.by_user = self._kind == "user"
        """Whether the client is known by its token, which must be verified first then."""
        self.by_address = self._kind == "ip"

    def key(self, client: str, headers: Headers, identity: Identity | None) -> str:
        """What the request counts for; whoever does not show what clients are told apart by counts by address."""
        if self._kind == "user" and identity is not None:
            return f"user {identity.user[:_MAX_KEY]}"
        if self._kind == "header" and (value := headers.get(self._field)):
            return f"header {value[:_MAX_KEY].decode('latin-1')}"
        return client

    def take(self, key: str, now: float) -> Verdict:
        """Decide one request, and count it."""
        verdict = self.limiter.take(key, now)
        self.clients.count(key, verdict.allowed, now)
        return verdict

    def reset(self, key: str) -> bool:
        """This client's count starts afresh; what it did before stays in its totals. False for one that is not known."""
        self.changes += 1
        return self.limiter.reset(key) or key in self.clients

    def reset_all(self) -> None:
        self.changes += 1
        self.limiter.clear()

    def tidy(self, now: float) -> None:
        """Give back the memory of clients that are forgotten, a little at a time; to be called about once a second."""
        self.limiter.tidy(now)

    def block(self, verdict: Verdict) -> bytes:
        """The fields by which every answer tells of the client's allowance, as they go on the wire."""
        _, remaining, reset_s = verdict
        return f'{self._policy}RateLimit: "default";r={remaining};t={math.ceil(reset_s)}\r\n'.encode()


def too_many(verdict: Verdict) -> ApiError:
    """Retry-After is never earlier than the `t` of the RateLimit field, and never 0."""
    return ApiError(
        "RATE_LIMIT_EXCEEDED", "Too many requests", retry_after=max(1, math.ceil(verdict.reset_s))
    )


def _policy(settings: LimitSettings) -> str:
    return f'RateLimit-Policy: "default";q={settings.limit};w={settings.window_s}\r\n'


def _key(settings: LimitSettings) -> tuple[str, bytes]:
    """What clients are told apart by, and the name of the field if it is one."""
    kind, _, name = settings.key.partition(":")
    return kind, name.lower().encode()
