import asyncio
from collections.abc import AsyncIterator

import pytest

from embedded_services.common.tasks import Tasks
from embedded_services.common.write_batch import WriteBatch
from embedded_services.upstream.failures import TryError
from embedded_services.upstream.pool import IDLE_S, MAX_IDLE, Pool
from embedded_services.upstream.retries import Fault
from embedded_services.upstream.transport import Connection
from tests.helpers.raw_upstream import RawUpstream, eventually, running

LONG_S = 20.0
"""A hundred connections at once, on a busy machine, take more than one second."""
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
async def upstream() -> AsyncIterator[RawUpstream]:
    upstream = RawUpstream()
    async with running(upstream):
        yield upstream


@pytest.fixture
async def pool(upstream: RawUpstream, tasks: Tasks) -> AsyncIterator[Pool]:
    pool = Pool("127.0.0.1", upstream.port, tasks, WriteBatch())
    yield pool
    pool.close()


async def used(pool: Pool) -> Connection:
    """A new connection after one exchange."""
    connection = await pool.connect(LONG_S)
    await connection.exchange(HEAD, b"", chunked=False, head_only=False, timeout_s=LONG_S)
    return connection


async def test_the_connection_that_was_used_last_is_used_next(pool: Pool) -> None:
    first, second = await used(pool), await used(pool)
    pool.give(first, 0.0)
    pool.give(second, 0.0)
    assert pool.take(surely_alive=False) is second
    assert pool.take(surely_alive=True) is first
    assert pool.take(surely_alive=False) is None


async def test_only_so_many_connections_are_kept(pool: Pool, upstream: RawUpstream) -> None:
    connections = await asyncio.gather(*(used(pool) for _ in range(MAX_IDLE + 10)))
    for connection in connections:
        pool.give(connection, 0.0)
    assert pool.idle == MAX_IDLE
    await eventually(lambda: upstream.open == MAX_IDLE)


async def test_connections_that_nobody_needed_for_long_are_closed(pool: Pool) -> None:
    old, busy = await used(pool), await used(pool)
    pool.give(old, 0.0)
    pool.give(busy, IDLE_S + 1)
    assert old.closed
    assert pool.idle == 1


async def test_a_connection_that_the_other_end_closes_is_not_kept(pool: Pool, upstream: RawUpstream) -> None:
    pool.give(await used(pool), 0.0)
    await upstream.kill()
    await eventually(lambda: pool.idle == 0)
    await upstream.start()


async def test_a_closed_pool_keeps_nothing_and_lets_exchanges_end(pool: Pool) -> None:
    idle, busy = await used(pool), await used(pool)
    pool.give(idle, 0.0)
    pool.close()
    assert idle.closed
    assert not busy.closed
    pool.give(busy, 0.0)
    assert busy.closed


async def test_who_does_not_listen_refuses(pool: Pool, upstream: RawUpstream) -> None:
    await upstream.kill()
    with pytest.raises(TryError) as raised:
        await pool.connect(1.0)
    assert raised.value.fault is Fault.REFUSED
    await upstream.start()
