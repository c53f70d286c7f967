import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.upstream.response_reader import LONG, MAX_HEAD, NotHttpError, ResponseReader


def read(*pieces: bytes, head_only: bool = False) -> ResponseReader:
    reader = ResponseReader()
    reader.expect(head_only=head_only)
    for piece in pieces:
        reader.feed(piece)
    return reader


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True) if a != b]


cuts = st.lists(st.integers(0, 10_000), max_size=12)
chunks = st.lists(st.binary(min_size=1, max_size=50), max_size=6)


@given(st.binary(max_size=300), cuts)
def test_a_body_of_known_length_is_read_however_it_is_cut(body: bytes, places: list[int]) -> None:
    wire = b"HTTP/1.1 201 Created\r\nA: 1\r\na: 2\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    reader = read(*split(wire, places))
    assert (reader.status, reader.complete, reader.reusable) == (201, True, True)
    assert reader.headers == [(b"A", b"1"), (b"a", b"2"), (b"Content-Length", b"%d" % len(body))]
    assert reader.length == len(body)
    assert reader.take() == body


BODY = bytes(range(256)) * 1024
long_cuts = st.lists(st.integers(0, len(BODY) + 60), max_size=6)


@given(
    long_cuts,
    st.sampled_from([b"", b"Connection: close\r\n"]),
    st.sampled_from([b"", b"x", b"HTTP/1.1 200 OK\r\n"]),
)
def test_a_long_body_is_handed_out_in_the_pieces_in_which_it_came(
    places: list[int], close: bytes, excess: bytes
) -> None:
    wire = b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (close, len(BODY), BODY)
    reader = read()
    pieces = []
    for came in split(wire, places):
        assert not reader.complete
        reader.feed(came)
        while piece := reader.piece():
            pieces.append(piece)
    assert b"".join(pieces) == BODY
    assert (reader.complete, reader.reusable, reader.buffered) == (True, not close, 0)
    if excess:
        reader.feed(excess)
        assert not reader.reusable


@given(long_cuts, st.integers(1, len(BODY) - LONG))
def test_a_long_body_that_breaks_off_is_never_complete(places: list[int], missing: int) -> None:
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
    reader = read(*split(wire[:-missing], places))
    assert (reader.eof(), reader.complete) == (False, False)


def test_after_a_long_body_comes_another_response() -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY), BODY)
    assert reader.reusable
    assert reader.take() == BODY
    reader.expect(head_only=False)
    reader.feed(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")
    assert (reader.status, reader.take(), reader.reusable) == (404, b"no", True)


def test_a_long_body_with_something_behind_it_is_cut_where_it_ends() -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY), BODY + b"more")
    assert (reader.complete, reader.reusable, reader.take()) == (True, False, BODY)


@given(chunks, cuts)
def test_a_chunked_body_is_read_and_its_trailers_dropped(parts: list[bytes], places: list[int]) -> None:
    body = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(part), part) for part in parts)
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\nX-Trailer: 1\r\n\r\n"
    reader = read(*split(wire, places))
    assert reader.complete
    assert reader.reusable
    assert reader.length is None
    assert reader.take() == b"".join(parts)
    assert reader.headers == [(b"Transfer-Encoding", b"chunked")]


@given(st.binary(max_size=100), cuts)
def test_a_body_without_framing_ends_with_the_connection(body: bytes, places: list[int]) -> None:
    reader = read(*split(b"HTTP/1.1 200 OK\r\n\r\n" + body, places))
    assert not reader.complete
    assert reader.eof()
    assert reader.take() == body
    assert not reader.reusable


@given(chunks.filter(bool), st.booleans(), st.integers(1, 1000))
def test_a_body_that_breaks_off_is_never_complete(parts: list[bytes], chunked: bool, missing: int) -> None:
    body = b"".join(parts)
    if chunked:
        framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed
        wire = wire[: -min(missing, len(framed))]
    else:
        wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body) + missing, body)
    reader = read(wire)
    assert not reader.eof()
    assert not reader.complete
    assert not reader.reusable


@given(cuts)
def test_interim_responses_are_passed_over(places: list[int]) -> None:
    wire = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    reader = read(*split(wire, places))
    assert (reader.status, reader.complete, reader.take()) == (200, True, b"ok")
    assert reader.headers == [(b"Content-Length", b"2")]


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_never_have_a_body(status: int) -> None:
    reader = read(b"HTTP/1.1 %d Whatever\r\nContent-Length: 7\r\n\r\n" % status)
    assert reader.complete
    assert reader.reusable
    assert reader.take() == b""


def test_the_answer_to_head_is_complete_with_its_head_and_the_next_one_is_read_as_usual() -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n", head_only=True)
    assert reader.complete
    assert reader.reusable
    assert reader.length == 700
    reader.expect(head_only=False)
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert reader.take() == b"ok"


@pytest.mark.parametrize(
    "excess",
    [b"X", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1", b"\r\n\r\nX"],
)
@pytest.mark.parametrize("head_only", [True, False])
def test_a_connection_with_something_left_over_is_not_used_again(excess: bytes, head_only: bool) -> None:
    body = b"" if head_only else b"ok"
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + body + excess, head_only=head_only)
    assert reader.complete
    assert reader.take() == body
    assert not reader.reusable


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n",
        b"HTTP/1.1 200 OK\r\nconnection: Close\r\n",
    ],
)
def test_a_connection_that_the_other_end_will_close_is_not_used_again(head: bytes) -> None:
    reader = read(head + b"Content-Length: 2\r\n\r\nok")
    assert reader.complete
    assert not reader.reusable


@pytest.mark.parametrize(
    "wire",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 099 Huh\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(wire: bytes) -> None:
    with pytest.raises(NotHttpError):
        read(wire)


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nX: ", *[b"a" * 1000] * 70],
        [b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"a" * 1000 + b"\r\n"] * 70],
        [b"HTTP/1.1 200 OK\r\nX: " + b"a" * (MAX_HEAD + 1) + b"\r\nContent-Length: 0\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n"] * 5000,
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", *[b"a" * 1000] * 70],
        [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            *[b"X: " + b"a" * 1000 + b"\r\n"] * 70,
        ],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", *[b"a" * 1000] * 70],
    ],
)
def test_everything_but_the_body_is_bounded(pieces: list[bytes]) -> None:
    with pytest.raises(NotHttpError, match=r"larger than|more than"):
        read(*pieces)


def test_a_large_body_behind_a_small_head_in_one_piece_is_fine() -> None:
    body = b"b" * (4 * MAX_HEAD)
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    assert reader.take() == body


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_are_read_or_refused(pieces: list[bytes]) -> None:
    reader = ResponseReader()
    try:
        for piece in [b"HTTP/1.1 200 OK\r\n", *pieces]:
            reader.feed(piece)
    except NotHttpError:
        return
    reader.eof()
