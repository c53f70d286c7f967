"""The peer: the least that a proxy on aiohttp's server and client can be, without any feature.

`python plain_aiohttp.py PORT UPSTREAM…` takes turns between the upstreams.
"""

import itertools
import sys
from collections.abc import AsyncIterator

import uvloop
from aiohttp import ClientSession, TCPConnector, web

UPSTREAMS = itertools.cycle(sys.argv[2:])
OWN = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
SESSION = web.AppKey("session", ClientSession)


async def session(app: web.Application) -> AsyncIterator[None]:
    async with ClientSession(connector=TCPConnector(limit=0), auto_decompress=False) as client:
        app[SESSION] = client
        yield


async def forward(request: web.Request) -> web.StreamResponse:
    async with request.app[SESSION].request(
        request.method, next(UPSTREAMS) + request.path_qs.removeprefix("/api"), headers=request.headers
    ) as answer:
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in OWN}
        return web.Response(status=answer.status, body=await answer.read(), headers=headers)


if __name__ == "__main__":
    app = web.Application()
    app.cleanup_ctx.append(session)
    app.router.add_route("*", "/{tail:.*}", forward)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=lambda *_: None)
