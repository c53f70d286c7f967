"""A request as it is being written, and how it becomes one that can be sent. Pure.

What is written goes out as it is, with two additions that are shown: a `Content-Type` for a body that has none, and the
`Authorization` of the token that was chosen, unless the headers name one. Only the gateway is ever addressed.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NoReturn, get_args
from urllib.parse import SplitResult, quote, urlsplit

from app.core.console import FRAMING, Headers, Outgoing
from app.core.language import tr

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
TokenKind = Literal["good", "none", "expired", "forged", "alg-none"]
METHODS: Final[tuple[Method, ...]] = get_args(Method)
TOKEN_KINDS: Final[tuple[TokenKind, ...]] = get_args(TokenKind)

MAX_TARGET: Final = 16 * 1024
MAX_HEADERS: Final = 100
MAX_CHECKED: Final = 256 * 1024
"""Characters of a body that are looked through while it is typed."""

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_AS_TYPED: Final = "".join(map(chr, range(0x21, 0x7F)))
_SELF: Final = {"localhost", "127.0.0.1", "::1"}

Field = Literal["target", "headers"]


@dataclass(frozen=True)
class Draft:
    """`headers` are lines `Name: value`; `auth` which token to send as the Authorization."""

    method: Method = "GET"
    target: str = "/api/products"
    headers: str = ""
    body: str = ""
    auth: TokenKind = "good"

    @property
    def sends_body(self) -> bool:
        return self.method not in ("GET", "HEAD") and bool(self.body)


class DraftError(Exception):
    """It cannot be sent as it is: `field` is what to change, `text` says how."""

    def __init__(self, field: Field, text: str) -> None:
        super().__init__(text)
        self.field = field
        self.text = text


def outgoing(draft: Draft, gateway: str, token: str | None) -> Outgoing:
    """The request to send, with `token` as the bearer token, if any. Raises DraftError."""
    target = resolved(draft.target, gateway)
    headers = parsed_headers(draft.headers)
    names = {name.lower() for name, _ in headers}
    if draft.sends_body and "content-type" not in names:
        headers += (("Content-Type", "application/json"),)
    if token is not None and "authorization" not in names:
        headers += (("Authorization", f"Bearer {token}"),)
    body = draft.body.encode("utf-8", "replace") if draft.sends_body else b""
    return Outgoing(draft.method, target, headers, body)


def resolved(text: str, gateway: str) -> str:
    """The target of the request line: a path as typed (spaces and what is not ASCII encoded), or the path of a URL of
    the gateway. The fragment, which no client sends, is left out. Raises DraftError, for every other address too.
    """
    text = text.strip()
    if not text:
        _refuse(tr("Write a path, for example /api/products."))
    if len(text) > MAX_TARGET:
        _refuse(tr("The path is longer than {n:,} characters.", n=MAX_TARGET))
    if _CONTROL.search(text):
        _refuse(tr("The path contains a control character."))
    if "://" in text.partition("?")[0] or text.startswith("//"):
        text = _path_of(text, gateway)
    elif not text.startswith("/"):
        _refuse(tr("Begin the path with /, for example /api/products."))
    return quote(text.partition("#")[0], safe=_AS_TYPED)


def _path_of(url: str, gateway: str) -> str:
    try:
        parts, own = urlsplit(url), urlsplit(gateway)
        same = parts.scheme.lower() == own.scheme and _place(parts, own) == _place(own, own)
    except ValueError:
        same = False
        parts = SplitResult("", "", "", "", "")
    if not same or "@" in parts.netloc:
        where = parts.netloc or url
        _refuse(
            tr("This console sends to the gateway alone ({own}), not to {where}.", own=gateway, where=where)
        )
    rest = url.partition("://")[2]
    path = rest[len(parts.netloc) :]
    return path if path.startswith("/") else f"/{path}"


def _place(parts: SplitResult, own: SplitResult) -> tuple[str | None, int | None]:
    """Host and port, with all names of this machine taken for the gateway's."""
    host = own.hostname if parts.hostname in _SELF and own.hostname in _SELF else parts.hostname
    return host, parts.port or 80


def _refuse(text: str) -> NoReturn:
    raise DraftError("target", text)


def parsed_headers(text: str) -> Headers:
    """The header fields of the lines. Raises DraftError, with the number of the first line that is none."""
    found = tuple(_fields(text))
    if len(found) > MAX_HEADERS:
        raise DraftError("headers", tr("More than {n} headers.", n=MAX_HEADERS))
    return found


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or _NAME.fullmatch(name.strip()) is None:
            raise DraftError("headers", tr("Line {n}: write it as Name: value.", n=number))
        if _CONTROL.search(value):
            raise DraftError("headers", tr("Line {n}: contains a control character.", n=number))
        if name.strip().lower() in FRAMING:
            text = tr("Line {n}: {name} is set by itself, from the body.", n=number, name=name.strip())
            raise DraftError("headers", text)
        yield name.strip(), value.strip()


def json_problem(body: str) -> str:
    """Why a body is not JSON, with the place; empty when it is, or is too large to be looked at while typing."""
    if len(body) > MAX_CHECKED or not body.strip():
        return ""
    try:
        json.loads(body, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return tr("line {line}, column {column}: {why}", line=error.lineno, column=error.colno, why=error.msg)
    except RecursionError:
        return tr("nested too deeply")
    except ValueError as error:
        return str(error)
    return ""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(tr("{name} is no JSON value", name=name))


def says_json(headers: str) -> bool:
    """Whether the body goes out as JSON: no other content type is named."""
    for line in headers.splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-type":
            return "json" in value.lower()
    return True


def names_authorization(headers: str) -> bool:
    """Whether the headers have an Authorization of their own, which then goes out instead of a token."""
    return any(line.partition(":")[0].strip().lower() == "authorization" for line in headers.splitlines())
