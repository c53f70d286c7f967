"""Two processes may bind one port as long as neither listens: who is slower must say so, on the loop that processes run on."""

import asyncio
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded_services.broker.broker import Broker
from embedded_services.broker.process import LOGIN
from embedded_services.common.clock import SystemClock
from embedded_services.common.platform import listening_socket, loop_factory
from embedded_services.services.kit.http import listen


def fails_with(coroutine: Any) -> int | None:
    with (
        pytest.raises(OSError, match="in use") as raised,
        asyncio.Runner(loop_factory=loop_factory()) as runner,
    ):
        runner.run(coroutine)
    return raised.value.errno


def test_a_service_whose_port_is_listened_on_the_moment_after_it_was_bound_says_that_it_is_taken() -> None:
    with listening_socket("127.0.0.1", 0) as stranger:

        def quicker() -> Iterator[Any]:
            """Asked for between bind and listen."""
            stranger.listen()
            yield from ()

        async def serve() -> None:
            async with listen("127.0.0.1", stranger.getsockname()[1], quicker()):
                pytest.fail("it serves")

        assert fails_with(serve()) == errno.EADDRINUSE


def test_so_does_the_broker(tmp_path: Path) -> None:
    with (
        listening_socket("127.0.0.1", 0) as stranger,
        listening_socket("127.0.0.1", stranger.getsockname()[1]) as sock,
    ):
        stranger.listen()

        async def serve() -> None:
            async with Broker(tmp_path / "broker.db", LOGIN, SystemClock()).serving(sock):
                pytest.fail("it serves")

        assert fails_with(serve()) == errno.EADDRINUSE
