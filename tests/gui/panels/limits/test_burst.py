import asyncio
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web

from app.core.messages import UserFacingError
from app.panels.limits.burst import AT_ONCE, TARGET, BurstWish, Tally, client_error, headers_of, run, token_of
from app.panels.limits.limits_words import KeyKind
from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.tokens import ALGORITHM, AUDIENCE, ISSUER

KEY = "a-key-of-this-workspace-that-is-long-enough"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("JWT_SECRET", raising=False)
    (tmp_path / "jwt-secret").write_text(KEY)
    return tmp_path


class Server:
    """Answers `limit` requests with 200 and all others with 429; remembers who asked for what, and how many at once."""

    def __init__(self, limit: int) -> None:
        self.left = limit
        self.now = self.most = 0
        self.seen: list[web.BaseRequest] = []
        self.hold: asyncio.Event | None = None
        self.full = asyncio.Event()

    async def answer(self, request: web.BaseRequest) -> web.Response:
        self.seen.append(request)
        self.now += 1
        self.most = max(self.most, self.now)
        if self.now == AT_ONCE:
            self.full.set()
        if self.hold is not None:
            await self.hold.wait()
        await asyncio.sleep(0)
        self.now -= 1
        self.left -= 1
        return web.Response(status=200 if self.left >= 0 else 429, text="x" * 1000)

    async def __aenter__(self) -> str:
        self._runner = web.ServerRunner(web.Server(self.answer), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: Any) -> None:
        await self._runner.cleanup()


async def test_all_are_sent_a_few_at_once_and_counted_by_what_was_answered() -> None:
    server, tally = Server(limit=100), Tally(120)
    async with server as url:
        await run(url, BurstWish(120, "ip", "127.0.0.5"), {"X-Key": "k"}, tally, SystemClock())
    assert (tally.passed, tally.limited, tally.failed, tally.done) == (100, 20, 0, 120)
    assert tally.says().startswith("100 passed, 20 got 429, in ")
    assert 1 < server.most <= AT_ONCE
    assert {request.remote for request in server.seen} == {"127.0.0.5"}
    assert {request.headers["X-Key"] for request in server.seen} == {"k"}
    assert {request.path_qs for request in server.seen} == {TARGET}


async def test_a_cancelled_burst_tells_what_was_answered_until_then() -> None:
    server, tally = Server(limit=1000), Tally(1000)
    async with server as url, Tasks("test") as tasks:
        server.hold = asyncio.Event()
        task = tasks.start(run(url, BurstWish(1000, "user", "u"), {}, tally, SystemClock()), "burst")
        await server.full.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.hold.set()
    assert tally.done == 0
    assert "1,000 were not sent" in tally.says()
    assert tally.took_s > 0


async def test_what_gets_no_answer_is_counted() -> None:
    async with Server(limit=0) as url:
        pass
    tally = Tally(3)
    await run(url, BurstWish(3, "ip", "127.0.0.1"), {}, tally, SystemClock())
    assert (tally.failed, tally.done) == (3, 3)
    assert "3 got no answer" in tally.says()


def test_a_token_is_one_that_the_gateway_would_verify(workspace: Path) -> None:
    raw = headers_of(BurstWish(1, "user", "usr_4711"), workspace, time.time())["Authorization"]
    claims = jwt.decode(
        raw.removeprefix("Bearer "), KEY, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER
    )
    assert (claims["sub"], claims["role"]) == ("usr_4711", "customer")
    assert token_of("a", KEY, 1.0) != token_of("b", KEY, 1.0)


def test_the_header_that_clients_are_told_apart_by_is_sent(workspace: Path) -> None:
    wish = BurstWish(1, "header", "k 1", "X-Key")
    assert headers_of(wish, workspace, 0.0)["X-Key"] == "k 1"
    assert wish.key == "header k 1"
    own = headers_of(BurstWish(1, "header", "mine", "authorization"), workspace, 0.0)
    assert own == {"authorization": "mine"}


def test_without_a_key_only_a_user_cannot_be_acted_as(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JWT_SECRET", raising=False)
    assert headers_of(BurstWish(1, "ip", "127.0.0.1"), tmp_path, 0.0) == {}
    with pytest.raises(UserFacingError, match="No token can be made for usr_1"):
        headers_of(BurstWish(1, "user", "usr_1"), tmp_path, 0.0)


@pytest.mark.parametrize(
    ("kind", "client", "fine"),
    [
        ("ip", "127.0.0.1", True),
        ("ip", "127.9.8.7", True),
        ("ip", "8.8.8.8", False),
        ("ip", "::1", False),
        ("ip", "", False),
        ("ip", "localhost", False),
        ("user", "usr_1", True),
        ("user", "two words", False),
        ("user", "", False),
        ("header", "any thing", True),
        ("header", " padded", False),
        ("header", "line\nfeed", False),
        ("header", "é", False),
        ("header", "x" * 201, False),
    ],
)
def test_a_client_must_be_one_that_can_be_acted_as(kind: KeyKind, client: str, fine: bool) -> None:
    assert (client_error(kind, client) == "") == fine
