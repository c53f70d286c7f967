"""What stands between wrk and the upstreams: this gateway's peers, each started on a port of its own.

A peer that cannot be had raises MissingError, which says how to get it.
"""

import json
import re
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

import httpx
import platformdirs

from tests.benchmarks.nginx import BODY, SIZES, nginx_proxy
from tests.benchmarks.processes import free_port, output_of, running, until_open

PEERS: Final = Path(__file__).parent / "peers"

OURS: Final = "Faultdeck"
EXPRESS: Final = "Express, the guide's"
KEEP_ALIVE: Final = "Express, keep-alive"
FASTIFY: Final = "Fastify"
CADDY: Final = "Caddy"
NGINX: Final = "nginx"
PLAIN: Final = "plain aiohttp proxy"

_CADDYFILE: Final = """
{{
  admin off
  auto_https off
}}
http://127.0.0.1:{port} {{
  bind 127.0.0.1
  reverse_proxy {upstreams} {{
    lb_policy round_robin
  }}
}}
"""


class MissingError(Exception):
    """It cannot be had here; the message says how to."""


@dataclass(frozen=True)
class Proxy:
    """`pid` is its root process; `headers` are those that a request needs, if it `asks_for_token`."""

    name: str
    url: str
    pid: int
    headers: Mapping[str, str] = field(default_factory=dict)
    asks_for_token: bool = False
    version: str = ""

    def path(self, last: str = "prod1") -> str:
        return f"{self.url}/api/products/{last}"


async def seen_to_work(proxy: Proxy, upstreams: Sequence[int]) -> None:
    """Raises RuntimeError unless it answers as the upstreams do, asks each of them, and refuses whom it should."""
    wanted = {"prod1": BODY.encode(), **{name: b"x" * size for name, size in SIZES.items()}}
    asked: set[str] = set()
    async with httpx.AsyncClient(trust_env=False) as client:
        for turn in range(4 * len(upstreams)):
            for path, body in wanted.items():
                answer = await client.get(proxy.path(path), headers=dict(proxy.headers))
                if answer.status_code != 200 or answer.content != body:
                    raise RuntimeError(
                        f"{proxy.name} answered {answer.status_code}: {answer.content[:200]!r}"
                    )
                asked.add(answer.headers["X-Upstream"])
            if proxy.asks_for_token and turn == 0:
                refused = await client.get(proxy.path())
                if refused.status_code != 401:
                    raise RuntimeError(f"{proxy.name} answered {refused.status_code} without a token")
    if asked != {str(port) for port in upstreams}:
        raise RuntimeError(f"{proxy.name} asked only {asked} of {upstreams}")


@asynccontextmanager
async def caddy(folder: Path, upstreams: Sequence[int]) -> AsyncIterator[Proxy]:
    if shutil.which("caddy") is None:
        raise MissingError("run: sudo apt-get install -y caddy")
    port = free_port()
    folder.mkdir(parents=True)
    config = folder / "Caddyfile"
    config.write_text(
        _CADDYFILE.format(port=port, upstreams=" ".join(f"127.0.0.1:{upstream}" for upstream in upstreams))
    )
    home = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    command = ("caddy", "run", "--config", str(config), "--adapter", "caddyfile")
    async with running(*command, environment=home, quiet=True) as process:
        await until_open(port, process)
        version = (await output_of("caddy", "version")).split()[0]
        yield Proxy(CADDY, f"http://127.0.0.1:{port}", process.pid, version=version)


@asynccontextmanager
async def nginx_as_proxy(folder: Path, upstreams: Sequence[int]) -> AsyncIterator[Proxy]:
    port = free_port()
    async with nginx_proxy(folder, port, upstreams) as pid:
        yield Proxy(NGINX, f"http://127.0.0.1:{port}", pid)


@asynccontextmanager
async def plain_aiohttp(upstreams: Sequence[int]) -> AsyncIterator[Proxy]:
    port = free_port()
    program = PEERS / "plain_aiohttp.py"
    async with running(sys.executable, str(program), str(port), *_urls(upstreams)) as process:
        await until_open(port, process)
        yield Proxy(PLAIN, f"http://127.0.0.1:{port}", process.pid)


@asynccontextmanager
async def node_gateway(
    name: str,
    peer: str,
    upstreams: Sequence[int],
    secret: str,
    headers: Mapping[str, str],
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Proxy]:
    """`peers/<peer>/gateway.js`, with the packages that its lock file names."""
    program = await _installed(PEERS / peer)
    port = free_port()
    async with running(
        "node", str(program), str(port), *_urls(upstreams),
        environment={"NODE_ENV": "production", "JWT_SECRET": secret, **(environment or {})},
    ) as process:  # fmt: skip
        await until_open(port, process)
        yield Proxy(
            name,
            f"http://127.0.0.1:{port}",
            process.pid,
            headers,
            asks_for_token=True,
            version=await _version(PEERS / peer),
        )


async def _version(peer: Path) -> str:
    needed = json.loads((peer / "package.json").read_bytes())["dependencies"]
    node = (await output_of("node", "--version")).strip()
    return ", ".join([f"node {node}", *(f"{name} {version}" for name, version in needed.items())])


async def _installed(peer: Path) -> Path:
    """The program, beside its packages in the user's cache: installed there by npm the first time."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise MissingError("run: sudo apt-get install -y nodejs npm")
    manifest = (peer / "package.json").read_bytes()
    needed = int(re.findall(r"\d+", json.loads(manifest)["engines"]["node"])[0])
    version = (await output_of("node", "--version")).strip()
    if int(version.lstrip("v").partition(".")[0]) < needed:
        raise MissingError(f"needs Node.js {needed} or newer, and this is {version}")
    digest = sha256(manifest + (peer / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = platformdirs.user_cache_path("faultdeck") / "benchmarks" / f"{peer.name}-{digest}"
    complete = folder / "complete"
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "package-lock.json", "gateway.js"):
        shutil.copyfile(peer / file, folder / file)
    if not complete.exists():
        await _install(folder)
        complete.touch()
    return folder / "gateway.js"


async def _install(folder: Path) -> None:
    command = ("npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    async with running(*command, folder=folder) as process:
        if await process.wait() != 0:
            raise MissingError(f"npm could not install its packages; run: cd {folder} && {' '.join(command)}")


def _urls(ports: Sequence[int]) -> list[str]:
    return [f"http://127.0.0.1:{port}" for port in ports]
