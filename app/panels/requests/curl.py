"""A request as a command for a shell, quoted for any POSIX one. Pure.

A token is never written into it unless that is asked for: what is copied ends in chats and issues. In its place stands
`$TOKEN`, to be set in the shell.
"""

import re
import shlex
from typing import Final

from app.core.console import Outgoing

SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie"})
_SCHEME: Final = re.compile(r"(Bearer|Basic|Digest) ", re.IGNORECASE)


def curl(request: Outgoing, gateway: str, *, with_token: bool = False) -> str:
    """One argument a line. The path goes out as it is here: curl is told not to tidy or expand it."""
    lines = [f"curl -i --globoff --path-as-is {shlex.quote(gateway.rstrip('/') + request.target)}"]
    if request.method == "HEAD":
        lines.append("--head")
    elif request.method != ("POST" if request.body else "GET"):
        lines.append(f"--request {request.method}")
    lines += [_header(name, value, with_token=with_token) for name, value in request.headers]
    if request.body:
        lines.append(f"--data-raw {shlex.quote(request.body.decode('utf-8', 'replace'))}")
    return " \\\n  ".join(lines)


def _header(name: str, value: str, *, with_token: bool) -> str:
    if name.lower() in SECRET_HEADERS and not with_token:
        scheme = _SCHEME.match(value)
        return f"""--header "{name}: {scheme[0] if scheme else ""}$TOKEN\""""
    if not value:
        return f"--header {shlex.quote(name + ';')}"  # curl's way of an empty value
    return f"--header {shlex.quote(f'{name}: {value}')}"
