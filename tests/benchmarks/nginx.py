"""Debian's nginx as the upstream that is never the bottleneck: a private one, on ports and a folder of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

BODY = '{"id":"prod1","name":"' + "x" * 300 + '","price":29.99,"stock":100000}'

CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    {listen}
    default_type application/json;
    location / {{ return 200 '{body}'; }}
  }}
}}
"""


@asynccontextmanager
async def nginx(folder: Path, ports: Sequence[int]) -> AsyncIterator[None]:
    """Answers every request on every one of `ports` with a JSON body of about 350 bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    listen = " ".join(f"listen 127.0.0.1:{port};" for port in ports)
    (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, listen=listen, body=BODY))
    process = await asyncio.create_subprocess_exec(
        "nginx", "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"
    )
    try:
        for port in ports:
            await until_open(port)
        yield
    finally:
        process.terminate()
        await process.wait()


async def until_open(port: int, within_s: float = 10.0) -> None:
    """Wait until somebody listens on the loopback port."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
