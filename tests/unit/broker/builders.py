"""Messages for tests of the broker's parts."""

from typing import Any

from pamqp import commands
from pamqp.header import ContentHeader

from embedded_services.broker.content_header import read
from embedded_services.broker.message import Message


def message(body: bytes = b"", *, exchange: str = "", key: str = "k", **properties: Any) -> Message:
    given = commands.Basic.Properties(**properties)
    payload = ContentHeader(0, 0, given).marshal()[12:]
    return Message(exchange, key, read(payload), payload, body)
