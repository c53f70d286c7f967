import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.gateway.exchange import Exchange, Identity, Trace
from embedded_services.gateway.headers import (
    client_block,
    continue_trace,
    downstream_headers,
    exchange_block,
    inbound_request_id,
)
from embedded_services.gateway.http import Headers, Request
from embedded_services.upstream.messages import Pairs

TRACE_ID, SPAN_ID = "a" * 32, "b" * 16
NEW = Trace(TRACE_ID, SPAN_ID)


def sent_upstream(pairs: Pairs, identity: Identity | None = None) -> Pairs:
    headers = Headers(pairs)
    request = Request("GET", "/api/users", "/api/users", "", headers, "127.0.0.9")
    exchange = Exchange(request, "request-1", 1700000000.5, 0.0, NEW, identity=identity)
    lines = (client_block(request) + exchange_block(exchange)).split(b"\r\n")
    assert lines.pop() == b""
    return [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]


def names(pairs: Pairs) -> list[bytes]:
    return [name.lower() for name, _ in pairs]


def test_a_service_is_told_who_asks_where_from_and_in_which_trace() -> None:
    told = dict(sent_upstream([(b"Host", b"shop.local"), (b"Accept", b"*/*")], Identity.of("u1", "customer")))
    assert told == {
        b"Accept": b"*/*",
        b"X-Request-ID": b"request-1",
        b"X-Forwarded-For": b"127.0.0.9",
        b"X-Forwarded-Proto": b"http",
        b"X-Forwarded-Prefix": b"/api",
        b"X-Forwarded-Host": b"shop.local",
        b"X-Gateway-Time": b"1700000000500",
        b"traceparent": b"00-" + TRACE_ID.encode() + b"-" + SPAN_ID.encode() + b"-01",
        b"Via": b"1.1 faultdeck",
        b"X-User-ID": b"u1",
        b"X-User-Role": b"customer",
    }


def spellings(name: str) -> st.SearchStrategy[bytes]:
    """The name in any mixture of cases, and of hyphens and underscores."""
    letters = [
        st.sampled_from("-_") if letter == "-" else st.sampled_from(letter.lower() + letter.upper())
        for letter in name
    ]
    return st.tuples(*letters).map(lambda chosen: "".join(chosen).encode())


@given(
    st.lists(
        st.one_of(*(spellings(name) for name in ("x-user-id", "x-user-role", "x-user-anything"))), max_size=5
    )
)
def test_nobody_can_say_who_they_are_in_any_spelling(forged: list[bytes]) -> None:
    pairs = [(name, b"admin") for name in forged]
    assert not [name for name in names(sent_upstream(pairs)) if b"user" in name]
    told = sent_upstream(pairs, Identity.of("u1", "customer"))
    assert [pair for pair in told if b"user" in pair[0].lower()] == [
        (b"X-User-ID", b"u1"),
        (b"X-User-Role", b"customer"),
    ]


def test_a_client_cannot_have_our_fields_dropped_by_naming_them() -> None:
    pairs = [
        (b"Connection", b"X-User-ID, X-Request-ID, close"),
        (b"X-Mine", b"1"),
        (b"connection", b"x-mine"),
    ]
    told = names(sent_upstream(pairs, Identity.of("u1", "")))
    assert b"x-user-id" in told
    assert b"x-request-id" in told
    assert b"x-mine" not in told
    assert b"connection" not in told


HOP_BY_HOP = [
    b"Connection", b"Keep-Alive", b"Proxy-Authenticate", b"Proxy-Authorization", b"Proxy-Connection", b"TE", b"Trailer",
    b"Transfer-Encoding", b"Upgrade", b"Content-Length", b"Host", b"Expect",
]  # fmt: skip


@pytest.mark.parametrize("name", HOP_BY_HOP)
def test_what_belongs_to_one_connection_ends_here_both_ways(name: bytes) -> None:
    for spelled in (name, name.lower(), name.upper()):
        pairs = [(spelled, b"1"), (b"X-Stays", b"1")]
        assert name.lower() not in names(sent_upstream(pairs))
        assert name.lower() not in names(downstream_headers(pairs))
        assert b"x-stays" in names(downstream_headers(pairs))


def test_what_a_client_says_of_its_way_here_is_not_believed() -> None:
    claims = [
        (name, b"1.2.3.4") for name in (b"X-Forwarded-For", b"x-forwarded-for", b"Forwarded", b"X-Real-IP")
    ]
    told = sent_upstream(claims)
    assert [value for name, value in told if name.lower() == b"x-forwarded-for"] == [b"127.0.0.9"]
    assert b"forwarded" not in names(told)
    assert b"x-real-ip" not in names(told)


def test_a_service_cannot_speak_for_the_gateway() -> None:
    pairs = [
        (name, b"1")
        for name in (
            b"X-Request-Id",
            b"X-Response-Time",
            b"x-service-instance",
            b"RateLimit",
            b"ratelimit-policy",
            b"Access-Control-Allow-Origin",
        )
    ]
    assert downstream_headers(pairs) == []


def test_repeated_fields_stay_apart_and_in_order() -> None:
    pairs = [(b"Set-Cookie", b"a=1"), (b"X", b"2"), (b"Set-Cookie", b"b=2"), (b"Via", b"1.0 proxy")]
    assert downstream_headers(pairs) == pairs
    assert [pair for pair in sent_upstream(pairs) if pair[0] != b"Via"][:3] == pairs[:3]


def trace_of(*values: bytes) -> Trace:
    return continue_trace(
        Headers([(b"Traceparent", value) for value in values]), TRACE_ID, SPAN_ID, sampled=True
    )


def test_a_valid_trace_is_continued_with_a_new_span() -> None:
    headers = Headers(
        [
            (b"traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-00"),
            (b"tracestate", b"a=1"),
            (b"tracestate", b"b=2"),
        ]
    )
    assert continue_trace(headers, TRACE_ID, SPAN_ID, sampled=False) == Trace(
        "1" * 32, SPAN_ID, "00", b"a=1,b=2", "2" * 16
    )


@pytest.mark.parametrize("wished", [b"00", b"01", b"ff"])
def test_whether_a_trace_is_recorded_is_the_gateway_s_decision(wished: bytes) -> None:
    headers = Headers([(b"traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-" + wished)])
    for sampled, flags in ((True, b"01"), (False, b"00")):
        trace = continue_trace(headers, TRACE_ID, SPAN_ID, sampled=sampled)
        assert trace.traceparent.encode() == b"00-" + b"1" * 32 + b"-" + SPAN_ID.encode() + b"-" + flags


def test_a_later_version_of_the_format_may_carry_more() -> None:
    assert trace_of(b"01-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01-more").trace_id == "1" * 32


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"garbage",
        b"00-" + b"0" * 32 + b"-" + b"2" * 16 + b"-01",
        b"00-" + b"1" * 32 + b"-" + b"0" * 16 + b"-01",
        b"00-" + b"A" * 32 + b"-" + b"2" * 16 + b"-01",
        b"ff-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01",
        b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01-more",
        b"00-" + b"1" * 31 + b"-" + b"2" * 16 + b"-01",
        b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01\n",
    ],
)
def test_an_invalid_trace_is_replaced_by_a_new_one(value: bytes) -> None:
    assert trace_of(value) == NEW


@given(st.binary(max_size=80))
def test_any_traceparent_is_continued_or_replaced(value: bytes) -> None:
    trace = trace_of(value)
    assert len(trace.trace_id) == 32
    assert trace.span_id == SPAN_ID


@pytest.mark.parametrize("value", [b"12345678", b"a" * 64, b"A.b_c-d9"])
def test_a_sane_request_id_is_kept(value: bytes) -> None:
    assert inbound_request_id(Headers([(b"X-Request-Id", value)])) == value.decode()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"short",
        b"a" * 65,
        b"has space",
        b'quote"""""',
        b"12345678\n",
        b"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
    ],
)
def test_any_other_request_id_is_not(value: bytes) -> None:
    assert inbound_request_id(Headers([(b"X-Request-Id", value)])) is None
