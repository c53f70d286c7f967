from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.upstream.messages import UpstreamRequest, field_block


async def nothing() -> AsyncIterator[bytes]:
    for piece in list[bytes]():
        yield piece


def head(request: UpstreamRequest) -> list[bytes]:
    return request.head(b"127.0.0.1:3001").split(b"\r\n")


def test_a_request_without_a_body_announces_none() -> None:
    assert head(UpstreamRequest("GET", b"/users?limit=5", [(b"Accept", b"*/*")])) == [
        b"GET /users?limit=5 HTTP/1.1",
        b"Host: 127.0.0.1:3001",
        b"Accept: */*",
        b"",
        b"",
    ]


def test_a_body_is_framed_by_what_is_known_of_it() -> None:
    assert b"Content-Length: 2" in head(UpstreamRequest("POST", b"/", [], b"{}"))
    assert b"Content-Length: 0" in head(UpstreamRequest("POST", b"/", []))
    assert b"Content-Length: 7" in head(UpstreamRequest("PUT", b"/", [], nothing(), length=7))
    assert b"Transfer-Encoding: chunked" in head(UpstreamRequest("PUT", b"/", [], nothing()))


@pytest.mark.parametrize(
    "request_",
    [
        UpstreamRequest("GET", b"/ HTTP/1.1\r\nX: y\r\n\r\n", []),
        UpstreamRequest("GET", b"/a b", []),
        UpstreamRequest("GET", b"http://elsewhere/", []),
        UpstreamRequest("GET", b"", []),
        UpstreamRequest("GET /other", b"/", []),
        UpstreamRequest("GET", b"/", [(b"X", b"a\r\nX-User-Role: admin")]),
        UpstreamRequest("GET", b"/", [(b"X", b"a\nX-User-Role: admin")]),
        UpstreamRequest("GET", b"/", [(b"X", b"a\rb")]),
        UpstreamRequest("GET", b"/", [(b"X\r\nY", b"a")]),
        UpstreamRequest("GET", b"/", [(b"X", b"a\0b")]),
    ],
)
def test_what_would_not_be_one_request_is_refused(request_: UpstreamRequest) -> None:
    with pytest.raises(ValueError, match=r"must not contain|method is one"):
        request_.head(b"127.0.0.1:3001")


@given(
    st.sampled_from(("GET", "POST", "TRACE")),
    st.binary(max_size=20),
    st.lists(st.tuples(st.binary(), st.binary())),
)
def test_a_head_is_always_exactly_as_many_lines_as_it_has_fields(
    method: str, target: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    try:
        lines = head(UpstreamRequest(method, b"/" + target, headers))
    except ValueError:
        return
    assert len(lines) == len(headers) + 4 + (method == "POST")


fields = st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=4)


@given(fields)
def test_a_block_of_fields_is_those_fields_or_refused(pairs: list[tuple[bytes, bytes]]) -> None:
    clean = not any(mark in text for pair in pairs for text in pair for mark in (b"\r", b"\n", b"\0"))
    try:
        block = field_block(pairs)
    except ValueError:
        assert not clean
        return
    assert clean
    own = UpstreamRequest("GET", b"/", [(b"A", b"b")], block=block)
    assert head(own) == [
        b"GET / HTTP/1.1",
        b"Host: 127.0.0.1:3001",
        b"A: b",
        *(name + b": " + value for name, value in pairs),
        b"",
        b"",
    ]
