"""Load that is offered at a fixed rate, whatever becomes of it, in a process of its own: `python -m tests.benchmarks.offered`.

An open model: request n is due at n / rate, and its latency counts from then, also while it waits for a free connection,
so that a server that stalls is not spared by a client that waits with it. One thread, sockets and a clock that is
exact to about 0.1 ms: how late this client itself was is told too.
"""

import gc
import json
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import urlsplit

from tests.benchmarks.processes import output_of

CONNECTIONS: Final = 64
WARM_UP_S: Final = 0.5
"""What is sent so early is answered and not counted."""
PATIENCE_S: Final = 5.0
"""How long after the last request was due answers are waited for."""


@dataclass(frozen=True)
class Offered:
    """Milliseconds from when a request was due until its answer was complete; `late_p99` is from due until sent, of
    those for which a connection was free. `bad` counts what was not answered with 200."""

    sent: int
    bad: int
    p50: float
    p99: float
    worst: float
    late_p99: float


async def offer(url: str, headers: Mapping[str, str], *, rate: int, seconds: float) -> Offered:
    """From another process. Raises RuntimeError when that fails."""
    asked = json.dumps({"url": url, "headers": dict(headers), "rate": rate, "seconds": seconds})
    return Offered(**json.loads(await output_of(sys.executable, "-m", __name__, asked)))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The least reading that `share` of them do not exceed."""
    return ordered[max(0, -(-int(len(ordered) * share * 1000) // 1000) - 1)]


class Connection:
    """One request at a time."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self._read = bytearray()

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self.socket.send(request)

    def receive(self) -> bytes | None:
        """The status of the answer once it is complete. Raises ConnectionError when there will be none."""
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionResetError
        self._read += piece
        status = answered(self._read)
        if status is not None:
            self._read.clear()
        return status


def answered(read: bytearray) -> bytes | None:
    """The status of an answer that is complete: one that announces its length."""
    end = read.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(read[:end]).lower()
    at = head.index(b"\r\ncontent-length:") + 17
    length = int(head[at:].partition(b"\r\n")[0])
    return head[9:12] if len(read) >= end + 4 + length else None


class Driver:
    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self._address = address
        self._request = request
        self._poll = select.epoll()
        self._all: dict[int, Connection] = {}
        self._idle: deque[Connection] = deque()
        self._waiting: deque[float] = deque()
        self.took: list[tuple[float, float]] = []
        self.late: list[float] = []
        self.bad = 0
        for _ in range(CONNECTIONS):
            self._connect()

    def run(self, rate: int, seconds: float) -> None:
        interval = 1 / rate
        count = int(rate * seconds)
        began = time.perf_counter()
        until = began + seconds + PATIENCE_S
        due = 0
        while len(self.took) + self.bad < count:
            now = time.perf_counter()
            if now > until:
                self.bad = count - len(self.took)
                return
            while due < count and began + due * interval <= now:
                if len(self._idle) > len(self._waiting):
                    self.late.append(now - began - due * interval)
                self._waiting.append(began + due * interval)
                due += 1
            self._send()
            rest = began + due * interval if due < count else until
            select.select([self._poll.fileno()], [], [], max(0.0, rest - time.perf_counter()))
            self._receive()

    def close(self) -> None:
        for connection in self._all.values():
            connection.socket.close()
        self._poll.close()

    def _connect(self) -> None:
        connection = Connection(self._address)
        self._all[connection.socket.fileno()] = connection
        self._poll.register(connection.socket.fileno(), select.EPOLLIN)
        self._idle.append(connection)

    def _send(self) -> None:
        while self._waiting and self._idle:
            self._idle.popleft().send(self._request, self._waiting.popleft())

    def _receive(self) -> None:
        for number, _ in self._poll.poll(0):
            connection = self._all[number]
            try:
                status = connection.receive()
            except ConnectionError:
                self._replace(connection)
                continue
            if status is not None:
                self._idle.append(connection)
                self._count(connection.due, status)

    def _count(self, due: float, status: bytes) -> None:
        if status == b"200":
            self.took.append((due, time.perf_counter() - due))
        else:
            self.bad += 1

    def _replace(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
        else:
            self.bad += 1
        self._poll.unregister(connection.socket.fileno())
        del self._all[connection.socket.fileno()]
        connection.socket.close()
        self._connect()


def main() -> None:
    asked = json.loads(sys.argv[1])
    url = urlsplit(asked["url"])
    fields = {"Host": url.netloc, **asked["headers"]}
    lines = [f"GET {url.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    driver = Driver((url.hostname or "", url.port or 80), "\r\n".join(lines).encode())
    gc.disable()
    began = time.perf_counter()
    driver.run(asked["rate"], WARM_UP_S + asked["seconds"])
    driver.close()
    took = sorted(1000 * took for due, took in driver.took if due >= began + WARM_UP_S)
    late = sorted(1000 * late for late in driver.late)
    told = Offered(
        len(took), driver.bad, percentile(took, 0.5), percentile(took, 0.99), took[-1], percentile(late, 0.99)
    )
    print(json.dumps(asdict(told)))


if __name__ == "__main__":
    main()
