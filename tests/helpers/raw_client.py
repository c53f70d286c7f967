"""An HTTP client that sends exactly what a test says, and shows exactly what came back."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class RawResponse:
    """Header names are lower case; a repeated field's values are joined by `, `."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The code of the error envelope."""
        code = self.json["error"]["code"]
        assert isinstance(code, str)
        return code


@dataclass
class RawClient:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def read_head(self) -> RawResponse:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head[:-4].split("\r\n")
        headers: dict[str, str] = {}
        for field in fields:
            name, value = field.split(": ", 1)
            name = name.lower()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return RawResponse(int(line.split(" ")[1]), headers, b"")

    async def read_body(self, response: RawResponse) -> AsyncIterator[bytes]:
        """Raises IncompleteReadError when the body breaks off."""
        if response.headers.get("transfer-encoding") == "chunked":
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                yield (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readuntil(b"\r\n")
        elif "content-length" in response.headers:
            left = int(response.headers["content-length"])
            while left:
                piece = await self.reader.read(min(left, 1 << 16))
                if not piece:
                    raise asyncio.IncompleteReadError(b"", left)
                left -= len(piece)
                yield piece
        elif response.status not in (204, 304):
            while piece := await self.reader.read(1 << 16):
                yield piece

    async def read(self, *, head_only: bool = False) -> RawResponse:
        """The next response, whole."""
        response = await self.read_head()
        if not head_only:
            response.body = b"".join([piece async for piece in self.read_body(response)])
        return response

    async def ask(self, method: str, target: str, body: bytes = b"", /, **headers: str) -> RawResponse:
        """Send a request and read its response; `Content_Type="…"` is the field `Content-Type`."""
        await self.send(request(method, target, body, **headers))
        return await self.read(head_only=method == "HEAD")

    async def is_closed(self) -> bool:
        """Wait for the other end to close; what it still sends would be unasked for."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True


def request(method: str, target: str, body: bytes = b"", /, **headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: gateway.test"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()
