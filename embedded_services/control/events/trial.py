"""Whether a broker can be used by a URL: connects, logs in, opens a channel, and goes. Nothing is declared."""

import asyncio
from typing import Final
from urllib.parse import urlsplit

import aio_pika

from embedded_services.bus.connection import DisconnectedError, talking
from embedded_services.common.clock import Clock
from embedded_services.contracts.events import BrokerTest
from embedded_services.contracts.validation import invalid

WITHIN_S: Final = 3.0


async def try_broker(url: str, clock: Clock) -> BrokerTest:
    """Raises VALIDATION_FAILED for what is no AMQP URL. Every other failure is an answer."""
    check_url(url)
    started = clock.monotonic()
    product = version = ""
    try:
        with talking():
            async with asyncio.timeout(WITHIN_S):
                connection = await aio_pika.connect(
                    url, client_properties={"connection_name": "faultdeck test"}
                )
                try:
                    if connection.transport is not None:
                        said = connection.transport.connection.server_properties
                        product, version = str(said.get("product", "")), str(said.get("version", ""))
                    channel = await connection.channel()
                    await channel.close()
                finally:
                    await connection.close()
        ok, message = True, "connected, logged in and opened a channel"
    except DisconnectedError as error:
        ok, message = False, _why(error)
    took = round((clock.monotonic() - started) * 1000, 1)
    return BrokerTest(ok=ok, message=message, took_ms=took, product=product, version=version)


def check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise invalid("url", f"cannot be read: {error}") from error
    if parts.scheme not in ("amqp", "amqps") or not parts.hostname or port == 0:
        raise invalid("url", "must be like amqp://user:password@host:5672/vhost")


def without_password(url: str) -> str:
    """As it may be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    at = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username or ''}:***@{at}").geturl()


def _why(error: DisconnectedError) -> str:
    cause = error.__cause__
    if isinstance(cause, TimeoutError):
        return f"no answer within {WITHIN_S:g} s: nothing listens there, or it is no AMQP broker"
    text = str(error)
    if isinstance(cause, ConnectionRefusedError) or "Connection refused" in text or "refused" in text.lower():
        return text if "ACCESS" in text else "connection refused: nothing listens there"
    return text
