"""The embedded broker alone: `python -m tests.helpers.broker_runner STORE PORT [--max-memory B] [--min-disk B]`.

SIGUSR1 leaves it no memory for messages, SIGUSR2 gives it back.
"""

import argparse
import asyncio
import gc
import logging
import signal
from pathlib import Path

from embedded_services.broker.broker import MAX_MEMORY, MIN_DISK, Broker
from embedded_services.broker.handshake import Login
from embedded_services.common import platform
from embedded_services.common.clock import SystemClock
from tests.helpers.broker_node import PASSWORD, USER


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("store", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--max-memory", type=int, default=MAX_MEMORY)
    parser.add_argument("--min-disk", type=int, default=MIN_DISK)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    platform.raise_file_limit(16_384)
    gc.freeze()  # as in the real process, where all that was loaded before the fork is
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    platform.on_signals(loop, platform.stop_signals(), stop.set)
    broker = Broker(
        given.store,
        Login(USER, PASSWORD),
        SystemClock(),
        max_memory=given.max_memory,
        min_disk=given.min_disk,
    )
    loop.add_signal_handler(signal.SIGUSR1, broker.limit_memory, -1)
    loop.add_signal_handler(signal.SIGUSR2, broker.limit_memory, given.max_memory)
    async with broker.serving(platform.listening_socket("127.0.0.1", given.port)):
        await stop.wait()


if __name__ == "__main__":
    platform.run(main())
