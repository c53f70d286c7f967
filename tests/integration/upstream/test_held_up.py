"""This process is held up (stopped, say) while it waits for answers: that is no fault of the instances."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Peer, Peers, ServicePeers
from embedded_services.contracts.settings import BreakerPolicy, CallPolicy
from embedded_services.upstream.client import UpstreamClient
from embedded_services.upstream.failures import UpstreamError
from embedded_services.upstream.messages import UpstreamRequest, UpstreamResponse
from tests.integration.upstream.conftest import with_policy

POLICY = CallPolicy(try_timeout_s=0.1, timeout_s=0.1, breaker=BreakerPolicy(minimum_calls=1))
HELD_UP_S = 0.5


class Instance:
    """Goes on while the event loop does not: one request, answered or not."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.answer = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(65536)
            self.asked.set()
            threading.Event().wait(HELD_UP_S / 5)
            connection.sendall(self.answer)
            connection.recv(1)

    def close(self) -> None:
        self._thread.join()
        self._listener.close()


@pytest.fixture
def instance() -> Iterator[Instance]:
    instance = Instance()
    yield instance
    instance.close()


async def hold_up(client: UpstreamClient, instance: Instance, tasks: Tasks) -> asyncio.Task[UpstreamResponse]:
    """Ask, and let nothing happen in this process until long after the time for an answer is over."""
    peer = Peer(id="user-1", incarnation=1, host="127.0.0.1", port=instance.port, weight=1)
    client.update_peers(Peers(revision=1, services={"user": ServicePeers(peers=[peer])}))
    call = tasks.start(client.call("user", UpstreamRequest("GET", b"/", [])), "call")
    while not instance.asked.is_set():  # noqa: ASYNC110 - a thread sets it
        await asyncio.sleep(0)
    threading.Event().wait(HELD_UP_S)
    return call


async def test_an_answer_that_came_meanwhile_is_an_answer(instance: Instance, tasks: Tasks) -> None:
    instance.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with UpstreamClient(with_policy(POLICY), SystemClock()) as client:
        response = await (await hold_up(client, instance, tasks))
        assert (response.body, response.tries) == (b"ok", 1)


async def test_an_instance_that_did_not_answer_meanwhile_is_not_blamed(
    instance: Instance, tasks: Tasks
) -> None:
    async with UpstreamClient(with_policy(POLICY), SystemClock()) as client:
        with pytest.raises(UpstreamError) as raised:
            await (await hold_up(client, instance, tasks))
        assert raised.value.code == "UPSTREAM_TIMEOUT"
        (row,) = [row for row in client.views(SystemClock().monotonic()) if row.service == "user"]
        assert (row.targets[0].breaker.state, row.targets[0].breaker.calls) == ("closed", 0)
