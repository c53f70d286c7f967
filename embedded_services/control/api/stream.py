"""`GET /v1/stream`: the WebSocket end of the hub."""

import contextlib

import msgspec
from aiohttp import WSMsgType, web

from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.stream import StreamError, Subscribe
from embedded_services.contracts.validation import decode_json
from embedded_services.control.hub import Hub, Subscriber

MAX_REQUEST = 64 * 1024

_subscribe = msgspec.json.Decoder(Subscribe)


async def serve_stream(request: web.Request, hub: Hub) -> web.WebSocketResponse:
    """Until the client leaves. A request that is not understood is answered by an `error` frame, and the stream goes on."""
    socket = web.WebSocketResponse(max_msg_size=MAX_REQUEST, compress=False, heartbeat=30.0)
    if not socket.can_prepare(request):
        raise ApiError("VALIDATION_FAILED", "this is a WebSocket; ask for it with 'Upgrade: websocket'")
    await socket.prepare(request)
    subscriber = hub.join()
    try:
        async with Tasks("stream") as tasks:
            tasks.spawn(_write(socket, subscriber), "write")
            async for frame in socket:
                if frame.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    await _follow(socket, subscriber, frame.data)
    finally:
        hub.leave(subscriber)
    return socket


async def _follow(socket: web.WebSocketResponse, subscriber: Subscriber, data: str | bytes) -> None:
    try:
        body = data.encode() if isinstance(data, str) else data
        subscriber.follow(decode_json(_subscribe, body).subscribe)
    except ApiError as error:
        await _send(socket, StreamError(code=error.code, message=error.message))


async def _write(socket: web.WebSocketResponse, subscriber: Subscriber) -> None:
    while not socket.closed:
        await subscriber.wake.wait()
        subscriber.wake.clear()
        for frame in subscriber.take():
            await _send(socket, frame)


async def _send(socket: web.WebSocketResponse, frame: msgspec.Struct) -> None:
    """To one that has left, nothing: reading ends, and the stream with it."""
    with contextlib.suppress(ConnectionError):
        await socket.send_str(msgspec.json.encode(frame).decode())
