import asyncio

from embedded_services.common.write_batch import SMALL, WriteBatch


class Transport(asyncio.WriteTransport):
    """Notes what is written, with all others of the test."""

    def __init__(self, name: str, wire: list[tuple[str, bytes]]) -> None:
        super().__init__()
        self.name = name
        self.wire = wire
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.wire.append((self.name, bytes(data)))

    def is_closing(self) -> bool:
        return self.closing


async def test_messages_go_out_together_before_anything_that_is_scheduled_later() -> None:
    wire: list[tuple[str, bytes]] = []
    a, b, batch = Transport("a", wire), Transport("b", wire), WriteBatch()
    batch.write(a, b"1")
    batch.write(b, b"2")
    asyncio.get_running_loop().call_soon(wire.append, ("later", b""))
    batch.write(a, b"3")
    assert wire == []
    await asyncio.sleep(0)
    assert wire == [("a", b"1"), ("b", b"2"), ("a", b"3"), ("later", b"")]


async def test_a_connection_that_closes_first_sends_nothing() -> None:
    wire: list[tuple[str, bytes]] = []
    a, b, batch = Transport("a", wire), Transport("b", wire), WriteBatch()
    batch.write(a, b"1")
    batch.write(b, b"2")
    a.closing = True
    await asyncio.sleep(0)
    assert wire == [("b", b"2")]


async def test_a_large_message_goes_out_at_once_and_overtakes_nothing() -> None:
    wire: list[tuple[str, bytes]] = []
    a, batch = Transport("a", wire), WriteBatch()
    batch.write(a, b"1")
    batch.write(a, b"x" * (SMALL + 1))
    assert [len(data) for _, data in wire] == [1, SMALL + 1]
    await asyncio.sleep(0)
    assert len(wire) == 2
