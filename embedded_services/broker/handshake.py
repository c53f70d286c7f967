"""How a connection begins: what the broker says of itself, who may come in, and what is agreed on, step by step. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, Final

from pamqp import base, commands, decode

from embedded_services.broker.frames import MIN_FRAME, Frame
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


class LoginRefusal(ConnectionRefusal):
    """Clients that say so want to be told of it; others are cut off, as the standard has it."""


class Opening:
    """The methods that a client sends before `is_done`, in their order, and what is known of it by then."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._step: Callable[[Frame], base.Frame | None] = self._start_ok
        self.is_done = False
        self.user = ""
        self.capabilities: Mapping[str, Any] = {}
        self.terms = OFFER

    def take(self, number: int, frame: Frame) -> base.Frame | None:
        """The answer, where it has one. Raises ConnectionRefusal for what is not due, or not wanted."""
        if number:
            raise _unexpected("a method on channel 0", frame)
        return self._step(frame)

    def _start_ok(self, frame: Frame) -> base.Frame:
        if not isinstance(frame, commands.Connection.StartOk):
            raise _unexpected("connection.start-ok", frame)
        self.capabilities = capabilities(frame)
        self.user = admit(frame, self._login)
        self._step = self._tune_ok
        return commands.Connection.Tune(OFFER.channel_max, OFFER.frame_max, OFFER.heartbeat_s)

    def _tune_ok(self, frame: Frame) -> None:
        if not isinstance(frame, commands.Connection.TuneOk):
            raise _unexpected("connection.tune-ok", frame)
        self.terms = agree(frame)
        self._step = self._open

    def _open(self, frame: Frame) -> base.Frame:
        if not isinstance(frame, commands.Connection.Open):
            raise _unexpected("connection.open", frame)
        if frame.virtual_host != VHOST:
            raise ConnectionRefusal(530, f"vhost {frame.virtual_host} not found")
        self.is_done = True
        return commands.Connection.OpenOk()


def _unexpected(wanted: str, frame: Frame) -> ConnectionRefusal:
    name = frame.name if isinstance(frame, base.Frame) else "content"
    return ConnectionRefusal(503, f"expected {wanted}, got {name}")


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
        raise LoginRefusal(
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
