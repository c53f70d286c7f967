"""Whether a broker can be used by a URL: connects, logs in, opens a channel, and goes. Nothing is declared."""

import asyncio
from typing import Final

import aio_pika

from embedded_services.bus.connection import DisconnectedError, talking
from embedded_services.common.clock import Clock
from embedded_services.contracts.events import BrokerTest
from embedded_services.contracts.secret_fields import broker_url_problem
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
    """Raises VALIDATION_FAILED."""
    if (problem := broker_url_problem(url)) is not None:
        raise invalid("url", problem)


def _why(error: DisconnectedError) -> str:
    cause = error.__cause__
    if isinstance(cause, TimeoutError):
        return f"no answer within {WITHIN_S:g} s: nothing listens there, or it is no AMQP broker"
    text = str(error)
    if isinstance(cause, ConnectionRefusedError) or "Connection refused" in text or "refused" in text.lower():
        return text if "ACCESS" in text else "connection refused: nothing listens there"
    return text
