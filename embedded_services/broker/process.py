"""The broker's process: opens its file in the workspace, listens, and tells how its queues stand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Final

from embedded_services.agent.context import ChildContext, StartError
from embedded_services.broker.address import PASSWORD, USER
from embedded_services.broker.broker import Broker
from embedded_services.broker.handshake import Login
from embedded_services.broker.report import QueueReport
from embedded_services.broker.store_file import StoreError
from embedded_services.common.platform import listening_socket, raise_file_limit

FILE: Final = "broker.db"
LOGIN: Final = Login(USER, PASSWORD)
_FILES: Final = 16_384


@asynccontextmanager
async def serve(context: ChildContext) -> AsyncIterator[int]:
    """Yields the port. Raises OSError with EADDRINUSE when it is taken, StartError for a file that cannot be used."""
    spec = context.spec
    raise_file_limit(_FILES)
    with closing(listening_socket(spec.host, spec.port)) as sock:
        folder = context.workspace / "data"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            broker = Broker(folder / FILE, LOGIN, context.clock)
        except StoreError as error:
            raise StartError(f"the broker's file cannot be used: {error}") from error
        report = QueueReport(broker)
        context.link.report(report)
        context.link.on_linked(report.again)
        async with broker.serving(sock):
            yield int(sock.getsockname()[1])
