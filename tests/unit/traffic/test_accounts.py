import msgspec

from embedded_services.common.tasks import Tasks
from embedded_services.contracts.traffic import Cause
from embedded_services.traffic.accounts import LOOK_S, MOST, RENEW_S, RETRY_S, SPREAD_S, Accounts
from embedded_services.traffic.once import Answer
from tests.helpers.clock import FakeClock, settle


class Shop:
    """Answers sign-ins: who has not registered is refused; each session lasts an hour."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.asked: list[str] = []
        self.known: set[bytes] = set()
        self.down = False

    async def fetch(self, _: int, request: bytes) -> Answer:
        line, body = request.split(b"\r\n", 1)[0].decode(), request.partition(b"\r\n\r\n")[2]
        self.asked.append(line.split()[1])
        if self.down:
            return Cause.REFUSED
        email = msgspec.json.decode(body)["email"].encode()
        if "register" in line:
            self.known.add(email)
        elif email not in self.known:
            return 401, b"{}"
        session = {"token": f"t-{email.decode()}-{len(self.asked)}", "expiresAt": self.clock.now() + 3600}
        return 200, msgspec.json.encode(session)


async def test_accounts_are_registered_once_and_signed_in_one_after_the_other() -> None:
    clock = FakeClock()
    shop, accounts = Shop(clock), Accounts(clock)
    accounts.resize(2)
    tried = []
    async with Tasks("test") as tasks:
        tasks.spawn(
            accounts.keep_signed_in("h:1", shop.fetch, lambda: tried.append(accounts.signed_in)), "sign in"
        )
        await settle()
        assert (accounts.signed_in, tried) == (1, [1])
        assert accounts.token(1) == accounts.token(0), "who has no token yet borrows one"
        await clock.advance(SPREAD_S)
        assert accounts.signed_in == 2
        assert accounts.token(1) != accounts.token(0)
    assert shop.asked == ["/api/auth/login", "/api/auth/register"] * 2


async def test_token_is_renewed_before_it_expires() -> None:
    clock = FakeClock()
    shop, accounts = Shop(clock), Accounts(clock)
    accounts.resize(1)
    async with Tasks("test") as tasks:
        tasks.spawn(accounts.keep_signed_in("h:1", shop.fetch, lambda: None), "sign in")
        await settle()
        first = accounts.token(0)
        await clock.advance(3600 - RENEW_S + SPREAD_S + 2 * LOOK_S)
        assert accounts.token(0) != first


async def test_sign_in_that_fails_is_told_and_tried_again(expect_log: object) -> None:
    assert callable(expect_log)
    expect_log("cannot sign in: no answer")
    clock = FakeClock()
    shop, accounts = Shop(clock), Accounts(clock)
    shop.down = True
    accounts.resize(1)
    async with Tasks("test") as tasks:
        tasks.spawn(accounts.keep_signed_in("h:1", shop.fetch, lambda: None), "sign in")
        await settle()
        assert (accounts.trouble, accounts.token(0)) == ("no answer (refused)", None)
        shop.down = False
        await clock.advance(RETRY_S)
        assert accounts.trouble == ""
        assert accounts.token(0) is not None


def test_accounts_are_few_whatever_the_number_of_clients() -> None:
    accounts = Accounts(FakeClock())
    accounts.resize(1_000)
    assert len(accounts) == MOST
    assert accounts.credentials(0) == accounts.credentials(MOST)
