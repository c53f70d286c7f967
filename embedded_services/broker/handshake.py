"""How a connection begins: what the broker says of itself, who may come in, and what is agreed on. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, Final

from pamqp import commands, decode

from embedded_services.broker.frames import MIN_FRAME
from embedded_services.broker.refusals import ConnectionRefusal
from embedded_services.common.version import __version__

PROTOCOL: Final = b"AMQP\x00\x00\x09\x01"
CHANNEL_MAX: Final = 2047
FRAME_MAX: Final = 131_072
HEARTBEAT_S: Final = 60
VHOST: Final = "/"

_PROPERTIES: Final[dict[str, Any]] = {
    "product": "Faultdeck",
    "version": __version__,
    "platform": "Python",
    "information": "An embedded AMQP 0-9-1 broker that behaves as RabbitMQ does",
    "capabilities": {
        "publisher_confirms": True,
        "exchange_exchange_bindings": True,
        "basic.nack": True,
        "consumer_cancel_notify": True,
        "connection.blocked": True,
        "consumer_priorities": True,
        "authentication_failure_close": True,
        "per_consumer_qos": True,
    },
}


@dataclass(frozen=True)
class Login:
    user: str
    password: str


@dataclass(frozen=True)
class Terms:
    """What was agreed on. `heartbeat_s` 0 means none; 0 for the others would mean without limit, and is not allowed."""

    channel_max: int
    frame_max: int
    heartbeat_s: int


OFFER: Final = Terms(CHANNEL_MAX, FRAME_MAX, HEARTBEAT_S)


def start() -> commands.Connection.Start:
    return commands.Connection.Start(0, 9, _PROPERTIES, "AMQPLAIN PLAIN", "en_US")


def capabilities(start_ok: commands.Connection.StartOk) -> Mapping[str, Any]:
    """What the client says it understands."""
    said = (start_ok.client_properties or {}).get("capabilities")
    return said if isinstance(said, dict) else {}


def admit(start_ok: commands.Connection.StartOk, login: Login) -> str:
    """The user. Raises ConnectionRefusal."""
    mechanism, response = start_ok.mechanism, start_ok.response
    if mechanism == "PLAIN":
        user, password = _plain(response)
    elif mechanism == "AMQPLAIN":
        user, password = _amqplain(response)
    else:
        raise ConnectionRefusal(503, f"unsupported mechanism {mechanism}")
    right = compare_digest(user.encode(), login.user.encode()) & compare_digest(
        password.encode(), login.password.encode()
    )
    if not right:
        raise ConnectionRefusal(
            403,
            f"Login was refused using authentication mechanism {mechanism}. For details see the broker logfile.",
        )
    return user


def _plain(response: str) -> tuple[str, str]:
    parts = response.split("\0")
    return (parts[1], parts[2]) if len(parts) == 3 else ("", "")


def _amqplain(response: str) -> tuple[str, str]:
    raw = response.encode("utf-8", "surrogateescape")
    try:
        _, table = decode.field_table(len(raw).to_bytes(4, "big") + raw)
    except (ValueError, TypeError, KeyError, IndexError):
        return "", ""
    user, password = table.get("LOGIN"), table.get("PASSWORD")
    return (user, password) if isinstance(user, str) and isinstance(password, str) else ("", "")


def agree(wish: commands.Connection.TuneOk, offer: Terms = OFFER) -> Terms:
    """Raises ConnectionRefusal for a wish beyond what was offered."""
    channel_max, frame_max = wish.channel_max or offer.channel_max, wish.frame_max or offer.frame_max
    for name, wished, most in (
        ("channel_max", channel_max, offer.channel_max),
        ("frame_max", frame_max, offer.frame_max),
    ):
        if wished > most:
            raise ConnectionRefusal(
                530, f"negotiated {name} = {wished} is higher than the maximum allowed value ({most})"
            )
    if frame_max < MIN_FRAME:
        raise ConnectionRefusal(
            530, f"negotiated frame_max = {frame_max} is lower than the minimum allowed value ({MIN_FRAME})"
        )
    return Terms(channel_max, frame_max, wish.heartbeat)
