"""The accounts that clients act for, and their tokens.

A sign-in costs the user service a password hash of some 20 ms, on purpose. So there are at most `MOST` accounts, whatever the
number of clients: client n acts for account n modulo that, and they share its token, until a login of the mix gives a client
one of its own. Accounts are signed in one after the other while traffic already runs; until then the ones that are lend
theirs. They are registered through the gateway the first time, and tokens are renewed before they expire.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.contracts.traffic import Cause
from embedded_services.traffic.mix import REGISTER, SIGN_IN, credentials, head
from embedded_services.traffic.once import Answer

MOST: Final = 50
RENEW_S: Final = 300.0
LOOK_S: Final = 5.0
RETRY_S: Final = 1.0
SPREAD_S: Final = 0.2
"""Between two sign-ins: the user service has others to serve."""
_PASSWORD: Final = "only-for-traffic"  # noqa: S105 - of accounts that have nothing worth having

Fetch = Callable[[int, bytes], Awaitable[Answer]]
"""Send a request as the client with that number."""

log = logging.getLogger(__name__)


class Session(msgspec.Struct, rename="camel", frozen=True):
    """What a login answers, as far as it matters here."""

    token: str
    expires_at: float


decode_session = msgspec.json.Decoder(Session).decode


class Account:
    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"Shopper {number + 1}"
        self.email = f"shopper-{number + 1}@traffic.faultdeck.local"
        self.credentials = credentials(self.email, _PASSWORD)
        self.registration = credentials(self.email, _PASSWORD, self.name)
        self.session: Session | None = None

    def stale(self, now: float) -> bool:
        return self.session is None or self.session.expires_at - now < RENEW_S


class Accounts:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accounts: list[Account] = []
        self._signed_in: list[Account] = []
        self.trouble = ""
        """Why the last sign-in failed; empty after one that went well."""

    def __len__(self) -> int:
        return len(self._accounts)

    @property
    def signed_in(self) -> int:
        return len(self._signed_in)

    def resize(self, clients: int) -> None:
        """As many as so many clients need. None is given up: its token may be wanted again."""
        wanted = min(clients, MOST)
        self._accounts += [Account(number) for number in range(len(self._accounts), wanted)]

    def token(self, client: int) -> str | None:
        account = self._of(client)
        return None if account is None or account.session is None else account.session.token

    def credentials(self, client: int) -> bytes:
        """What `client` signs in with: of an account that exists, if one is known to."""
        account = self._of(client)
        return (account or self._accounts[client % len(self._accounts)]).credentials

    def _of(self, client: int) -> Account | None:
        if not self._signed_in:
            return None
        own = self._accounts[client % len(self._accounts)]
        return own if own.session is not None else self._signed_in[client % len(self._signed_in)]

    async def keep_signed_in(self, host: str, fetch: Fetch, tried: Callable[[], None]) -> None:
        """Until cancelled. `tried` hears of each attempt."""
        while True:
            now = self._clock.now()
            account = next((one for one in self._accounts if one.stale(now)), None)
            if account is None:
                await self._clock.sleep(LOOK_S)
                continue
            await self._sign_in(account, host, fetch)
            tried()
            await self._clock.sleep(RETRY_S if self.trouble else SPREAD_S)

    async def _sign_in(self, account: Account, host: str, fetch: Fetch) -> None:
        answer = await fetch(account.number, head("POST", SIGN_IN, host, None) + account.credentials)
        if not isinstance(answer, Cause) and answer[0] == 401:
            answer = await fetch(account.number, head("POST", REGISTER, host, None) + account.registration)
        self.trouble = self._take(account, answer)
        if self.trouble:
            log.warning("%s cannot sign in: %s", account.email, self.trouble)

    def _take(self, account: Account, answer: Answer) -> str:
        if isinstance(answer, Cause):
            return f"no answer ({answer.value})"
        status, body = answer
        if status not in (200, 201):
            return f"answered with {status}"
        try:
            account.session = decode_session(body)
        except msgspec.DecodeError as error:
            return f"the answer cannot be read: {error}"
        if account not in self._signed_in:
            self._signed_in.append(account)
        return ""
