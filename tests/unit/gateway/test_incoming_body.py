import asyncio
from typing import cast

import pytest
from aiohttp import web

from embedded_services.contracts.errors import ApiError
from embedded_services.gateway.aiohttp_server import IncomingBody
from embedded_services.gateway.http import ClientLeftError


class Raw:
    """A request of aiohttp's whose body is what a test says."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.content = self
        self._pieces = list(pieces)

    async def readany(self) -> bytes:
        if not self._pieces:
            await asyncio.Event().wait()
        piece = self._pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece


def body(raw: Raw) -> IncomingBody:
    return IncomingBody(cast("web.BaseRequest", raw), None, 10, waits_for_100=False, idle_s=0.02)


async def test_a_sender_that_pauses_for_too_long_is_told() -> None:
    slow = body(Raw(b"half"))
    assert await slow.read() == b"half"
    with pytest.raises(ApiError) as raised:
        await slow.read()
    assert (raised.value.code, raised.value.status) == ("REQUEST_TIMEOUT", 408)


@pytest.mark.parametrize(
    ("error", "expected"),
    [(ConnectionResetError(), ClientLeftError), (web.RequestPayloadError(), ApiError)],
)
async def test_what_goes_wrong_is_told_in_our_words(error: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        await body(Raw(error)).read()


async def test_bytes_beyond_the_limit_are_refused() -> None:
    large = body(Raw(b"x" * 10, b"x"))
    assert len(await large.read()) == 10
    with pytest.raises(ApiError) as raised:
        await large.read()
    assert raised.value.code == "PAYLOAD_TOO_LARGE"
