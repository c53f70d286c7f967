"""Where the embedded broker is found, and who may come in."""

from typing import Final

USER: Final = "guest"
PASSWORD: Final = "guest"  # noqa: S105 - RabbitMQ's own default, good from this machine only: any client connects without being told anything
HOST: Final = "127.0.0.1"


def url_of(port: int) -> str:
    return f"amqp://{USER}:{PASSWORD}@{HOST}:{port}/"
