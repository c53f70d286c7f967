"""Debian's nginx, private, on ports and a folder of its own: as the upstream that is never the bottleneck, and as a
reverse proxy, the limit of what a proxy can do.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.benchmarks.processes import running, until_open

BODY = '{"id":"prod1","name":"' + "x" * 300 + '","price":29.99,"stock":100000}'
SIZES = {"10kB": 10_000, "1MB": 1_000_000}
"""Larger bodies, by the last part of the path that asks for them."""

_BASE = """
{user}
daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  sendfile on;
  keepalive_requests 100000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  {http}
}}
"""

_UPSTREAM = """
  open_file_cache max=10;
  server {{
    {listen}
    default_type application/json;
    add_header X-Upstream $server_port;
    location / {{ return 200 '{body}'; }}
    location ~ /({sizes})$ {{ rewrite ^.*/([^/]+)$ /$1 break; root {folder}; }}
  }}
"""

_PROXY = """
  upstream both {{ {servers} keepalive 64; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://both; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
"""


@asynccontextmanager
async def nginx(folder: Path, ports: Sequence[int]) -> AsyncIterator[None]:
    """Answers every request on every one of `ports` with a JSON body of about 350 bytes, or one of `SIZES`.

    `X-Upstream` says which port it was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        (folder / name).write_bytes(b"x" * size)
    listen = " ".join(f"listen 127.0.0.1:{port} backlog=4096;" for port in ports)
    http = _UPSTREAM.format(listen=listen, body=BODY, sizes="|".join(SIZES), folder=folder)
    async with _nginx(folder, 1, http, ports):
        yield


@asynccontextmanager
async def nginx_proxy(folder: Path, port: int, upstreams: Sequence[int]) -> AsyncIterator[int]:
    """A reverse proxy that keeps its connections, a worker for each core as Debian has it. Yields its pid."""
    folder.mkdir(parents=True, exist_ok=True)
    servers = " ".join(f"server 127.0.0.1:{upstream};" for upstream in upstreams)
    async with _nginx(folder, "auto", _PROXY.format(servers=servers, port=port), [port]) as pid:
        yield pid


@asynccontextmanager
async def _nginx(folder: Path, workers: int | str, http: str, ports: Sequence[int]) -> AsyncIterator[int]:
    config = folder / "nginx.conf"
    # Started by root its workers would be nobody, who may not look into the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(_BASE.format(user=user, folder=folder, workers=workers, http=http))
    async with running("nginx", "-e", f"{folder}/error.log", "-c", str(config)) as process:
        for port in ports:
            await until_open(port, process)
        yield process.pid
