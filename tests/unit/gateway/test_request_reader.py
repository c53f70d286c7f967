from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.gateway.http import Request, WholeBody
from embedded_services.gateway.request_reader import SMALL, RequestReader

TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
RESERVED = {
    b"host", b"content-length", b"transfer-encoding", b"expect", b"connection", b"upgrade", b"proxy-connection",
}  # fmt: skip

names = st.text(TOKEN, min_size=1, max_size=12).map(str.encode).filter(lambda n: n.lower() not in RESERVED)
values = st.text(
    [chr(code) for code in (*range(0x20, 0x7F), *range(0x80, 0x100), 9)], max_size=20
).map(lambda text: text.strip(" \t").encode("latin-1"))  # fmt: skip


@dataclass(frozen=True)
class Sent:
    method: str
    target: str
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def wire(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1".encode(), b"Host: x"]
        lines += [name + b":" + value for name, value in self.fields]
        if self.body:
            lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join([*lines, b"", b""]) + self.body


requests = st.builds(
    Sent,
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
    st.text([chr(code) for code in range(0x21, 0x7F)], max_size=20).map("/".__add__),
    st.lists(st.tuples(names, values), max_size=4).map(tuple),
    st.just(b"") | st.binary(max_size=100),
)


def read_all(wire: bytes, cuts: list[int]) -> tuple[list[Request], RequestReader]:
    """What is read when the bytes come in pieces cut at `cuts`."""
    reader = RequestReader("1.2.3.4", 32 * 1024)
    read: list[Request] = []
    edges = sorted({min(cut, len(wire)) for cut in cuts} | {0, len(wire)})
    for start, end in pairwise(edges):
        reader.feed(wire[start:end])
        while (request := reader.next()) is not None:
            read.append(request)
    return read, reader


@given(st.lists(requests, min_size=1, max_size=4), st.lists(st.integers(0, 600), max_size=8))
def test_however_the_bytes_are_cut_the_requests_are_the_ones_that_were_sent(
    sent: list[Sent], cuts: list[int]
) -> None:
    read, reader = read_all(b"".join(one.wire for one in sent), cuts)
    assert not reader.strange
    assert reader.rest == b""
    assert len(read) == len(sent)
    for request, one in zip(read, sent, strict=True):
        assert (request.method, request.target, request.client) == (one.method, one.target, "1.2.3.4")
        fields = [pair for pair in request.headers.pairs if pair[0].lower() not in RESERVED]
        assert fields == list(one.fields)
        body = request.body.data if isinstance(request.body, WholeBody) else b""
        assert body == one.body


@given(requests, st.binary(max_size=60), st.lists(st.integers(0, 200), max_size=4))
def test_what_is_strange_is_handed_on_from_its_first_byte(
    sent: Sent, garbage: bytes, cuts: list[int]
) -> None:
    wire = sent.wire + garbage
    read, reader = read_all(wire, cuts)
    assert wire.endswith(reader.rest)
    if len(read) == 1:
        assert reader.rest == garbage


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    read_all(data, [])


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([*lines, b"", b""])


@pytest.mark.parametrize(
    "wire",
    [
        head(b"GET / HTTP/1.0", b"Host: x"),
        head(b"GET http://x/ HTTP/1.1", b"Host: x"),
        head(b"BREW / HTTP/1.1", b"Host: x"),
        head(b"GET  / HTTP/1.1", b"Host: x"),
        head(b"", b"GET / HTTP/1.1", b"Host: x"),
        head(b"GET / HTTP/1.1"),
        head(b"GET / HTTP/1.1", b"Host: x", b"Host: x"),
        head(b"GET / HTTP/1.1", b"Host: x", b"X: trailing space "),
        head(b"POST / HTTP/1.1", b"Host: x", b"Transfer-Encoding: chunked"),
        head(b"POST / HTTP/1.1", b"Host: x", b"Content-Length: 3", b"Expect: 100-continue"),
        head(b"POST / HTTP/1.1", b"Host: x", b"Content-Length: %d" % (SMALL + 1)),
        head(b"GET / HTTP/1.1", b"Host: x", b"Connection: a", b"Connection: close"),
        head(b"GET / HTTP/1.1", b"Host: x", *[b"X: y"] * 130),
        head(b"GET / HTTP/1.1", b"Host: x", b"X: " + b"y" * 33_000),
        b"GET / HTTP/1.1\nHost",
        b"\x16\x03\x01",
        b"x" * 40_000,
    ],
)
def test_what_is_not_plain_is_strange(wire: bytes) -> None:
    read, reader = read_all(wire, [])
    assert (read, reader.strange, reader.rest) == ([], True, wire)


def test_fields_that_are_repeated_byte_for_byte_are_the_same_fields() -> None:
    fields = b"Host: x\r\nAuthorization: Bearer y\r\n\r\n"
    read, _ = read_all(
        b"GET /a HTTP/1.1\r\n" + fields + b"GET /b?c HTTP/1.1\r\n" + fields + Sent("GET", "/c", (), b"").wire,
        [],
    )
    assert [(request.path, request.query) for request in read] == [("/a", ""), ("/b", "c"), ("/c", "")]
    assert read[0].headers is read[1].headers
    assert read[2].headers.get(b"authorization") is None


@pytest.mark.parametrize(
    ("options", "keep_alive"), [(b"close", False), (b"x, Close", False), (b"keep-alive", True), (b"x", True)]
)
def test_the_client_says_whether_the_connection_goes_on(options: bytes, keep_alive: bool) -> None:
    for _ in range(2):
        read, reader = read_all(head(b"GET / HTTP/1.1", b"Host: x", b"Connection: " + options), [])
        assert (len(read), reader.keep_alive) == (1, keep_alive)


def test_an_upgrade_belongs_to_the_request_that_asks_for_it() -> None:
    upgrade = head(b"GET / HTTP/1.1", b"Host: x", b"Connection: Upgrade", b"Upgrade: websocket")
    read, reader = read_all(upgrade, [])
    assert (len(read), reader.upgrade) == (1, b"websocket")
    read, reader = read_all(upgrade + Sent("GET", "/", (), b"").wire, [])
    assert (len(read), reader.upgrade) == (2, None)


def test_a_small_body_is_awaited() -> None:
    reader = RequestReader("", 1024)
    reader.feed(Sent("POST", "/", (), b"hello").wire[:-2])
    assert reader.next() is None
    assert reader.awaits_body
    assert not reader.strange
    reader.feed(b"lo")
    request = reader.next()
    assert request is not None
    assert isinstance(request.body, WholeBody)
    assert request.body.data == b"hello"
    assert not reader.awaits_body
