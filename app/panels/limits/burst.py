"""A burst: many real requests through the gateway, as fast as the window can, as one client. No Qt.

At most `AT_ONCE` are under way, so that the window's thread gets its turn between answers. Bodies are read and dropped; no
redirect is followed, no proxy and no cookie is used. Nothing is repeated: what got no answer is counted as such.
"""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from app.core.language import tr
from app.core.messages import UserFacingError
from app.panels.limits.limits_words import KeyKind
from embedded_services.client.signing import signing_keys
from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.tokens import ALGORITHM, AUDIENCE, ISSUER, TokenClaims

TARGET: Final = "/api/products?limit=1"
"""Cheap: one row out of one table."""
MOST: Final = 5000
BEYOND: Final = 20
"""So many more than the limit are sent unless the user says otherwise."""
AT_ONCE: Final = 8
ANSWER_S: Final = 10.0
TOO_MANY: Final = 429

DEFAULT_CLIENTS: Final[dict[KeyKind, str]] = {"ip": "127.0.0.1", "user": "usr_demo", "header": "burst"}
_TOKEN_S: Final = 600
_HEADER_MAX: Final = 200
_LOOPBACK: Final = ipaddress.ip_network("127.0.0.0/8")


@dataclass(frozen=True)
class BurstWish:
    """`client` is an address, a user's id or a header's value, by `kind`; `header` is the name of that header."""

    count: int
    kind: KeyKind
    client: str
    header: str = ""

    @property
    def key(self) -> str:
        """What the gateway calls this client."""
        return self.client if self.kind == "ip" else f"{self.kind} {self.client}"


@dataclass
class Tally:
    """Filled while it runs. `statuses` of what was answered; `failed` got no answer."""

    asked: int
    statuses: Counter[int] = field(default_factory=Counter)
    failed: int = 0
    took_s: float = 0.0

    @property
    def done(self) -> int:
        return self.statuses.total() + self.failed

    @property
    def limited(self) -> int:
        return self.statuses[TOO_MANY]

    @property
    def passed(self) -> int:
        """What the limit let through, whatever was answered."""
        return self.statuses.total() - self.limited

    def says(self) -> str:
        """`100 passed, 20 got 429, in 0.2 s`."""
        passed = tr("{n} passed", n=f"{self.passed:,}")
        if self.refused:
            passed = tr("{passed} and were answered {statuses}", passed=passed, statuses=self.refused)
        parts = [passed, tr("{n} got 429", n=f"{self.limited:,}")]
        if self.failed:
            parts.append(tr("{n} got no answer", n=f"{self.failed:,}"))
        if self.done < self.asked:
            parts.append(tr("{n} were not sent", n=f"{self.asked - self.done:,}"))
        return tr("{what}, in {s} s", what=", ".join(parts), s=f"{self.took_s:.1f}")

    @property
    def refused(self) -> str:
        """What those that passed were answered instead of what they asked for: `401`, `401, 503`."""
        return ", ".join(
            str(status) for status in sorted(self.statuses) if status >= 400 and status != TOO_MANY
        )


def client_error(kind: KeyKind, client: str) -> str:
    """What is wrong with that client's name; empty if nothing is."""
    plain = client.isascii() and client.isprintable() and 0 < len(client) <= _HEADER_MAX
    match kind:
        case "ip":
            try:
                fine = ipaddress.ip_address(client) in _LOOPBACK
            except ValueError:
                fine = False
            return "" if fine else tr("An address of this machine, such as 127.0.0.1 or 127.0.0.2.")
        case "user":
            return "" if plain and " " not in client else tr("A user's id, such as usr_demo, without spaces.")
        case "header":
            fine = plain and client == client.strip()
            return "" if fine else tr("A value of a header: letters, digits and signs, at most 200.")


async def run(gateway: str, wish: BurstWish, headers: dict[str, str], tally: Tally, clock: Clock) -> None:
    """Send them all and fill `tally` as answers come; what was answered stands there also when this is cancelled."""
    began = clock.monotonic()
    source = (wish.client, 0) if wish.kind == "ip" else None
    connector = aiohttp.TCPConnector(limit=AT_ONCE, local_addr=source)
    left = iter(range(tally.asked))

    async def work(session: aiohttp.ClientSession) -> None:
        for _ in left:
            await _ask(session, f"{gateway}{TARGET}", tally)
            tally.took_s = clock.monotonic() - began

    try:
        async with (
            aiohttp.ClientSession(
                connector=connector,
                headers=headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=ANSWER_S),
                trust_env=False,
            ) as session,
            Tasks("burst") as tasks,
        ):
            workers = min(AT_ONCE, tally.asked)
            await asyncio.gather(*(tasks.start(work(session), f"burst {at}") for at in range(workers)))
    finally:
        tally.took_s = clock.monotonic() - began


async def _ask(session: aiohttp.ClientSession, url: str, tally: Tally) -> None:
    try:
        async with session.get(url, allow_redirects=False) as response:
            await response.read()
            tally.statuses[response.status] += 1
    except (
        aiohttp.ClientError,
        TimeoutError,
        OSError,
        ValueError,
    ):  # the last: a header that is no use as one
        tally.failed += 1


def headers_of(wish: BurstWish, workspace: Path, now: float) -> dict[str, str]:
    """What the requests carry: a token, where one can be made, and the header that clients are told apart by. Raises
    UserFacingError when the client is a user and no token can be made."""
    headers = {}
    user = wish.client if wish.kind == "user" else DEFAULT_CLIENTS["user"]
    keys = signing_keys(workspace)
    if keys:
        headers["Authorization"] = f"Bearer {token_of(user, keys[0], now)}"
    elif wish.kind == "user":
        raise UserFacingError(
            tr("No token can be made for {user}: the key that signs them is not known here.", user=user)
        )
    if wish.kind == "header":
        headers = {name: value for name, value in headers.items() if name.lower() != wish.header.lower()}
        headers[wish.header] = wish.client
    return headers


def token_of(user: str, key: str, now: float) -> str:
    """As a login would give it, for a few minutes."""
    claims = TokenClaims(
        iss=ISSUER, aud=AUDIENCE, sub=user, id=user, role="customer", email=f"{user}@burst", name=user,
        iat=int(now), exp=int(now) + _TOKEN_S,
    )  # fmt: skip
    head = _base64(msgspec.json.encode({"alg": ALGORITHM, "typ": "JWT"}))
    signed = f"{head}.{_base64(msgspec.json.encode(claims))}"
    return f"{signed}.{_base64(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
