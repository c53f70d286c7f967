"""The health check of a message broker: whether it greets, as AMQP 0-9-1 has it."""

import asyncio
import contextlib
from typing import Final

from embedded_services.common.clock import Clock
from embedded_services.registry.probe import ProbeResult

AMQP: Final = "amqp"
"""What stands in the place of a health path for something that is checked this way."""

_HEADER: Final = b"AMQP\x00\x00\x09\x01"
_START: Final = b"\x00\x0a\x00\x0a"
"""Connection.Start, the first thing that a broker says."""


async def amqp_probe(host: str, port: int, timeout_s: float, clock: Clock) -> ProbeResult:
    """Healthy is a greeting within `timeout_s`; everything else is not, and says why. Never raises for the other side."""
    started = clock.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            greeting = await _greeting(host, port)
        ok = greeting[7:] == _START
        message = "greeted" if ok else "answered something that is not AMQP 0-9-1"
    except TimeoutError:
        ok, message = False, f"no reply within {timeout_s * 1000:.0f} ms"
    except ConnectionRefusedError:
        ok, message = False, "connection refused"
    except (OSError, EOFError) as error:
        ok, message = False, f"no valid reply: {str(error) or type(error).__name__}"
    return ProbeResult(ok, round((clock.monotonic() - started) * 1000, 3), message)


async def _greeting(host: str, port: int) -> bytes:
    """The head of the first frame and the method in it."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_HEADER)
        return await reader.readexactly(11)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
