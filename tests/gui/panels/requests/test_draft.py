"""A draft becomes the request that was written, for the gateway and nobody else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.panels.requests.draft import (
    Draft,
    DraftError,
    json_problem,
    outgoing,
    parsed_headers,
    resolved,
    says_json,
)

GATEWAY = "http://127.0.0.1:3000"


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("/api/products", "/api/products"),
        ("  /api/products?limit=2  ", "/api/products?limit=2"),
        ("/api/a/../b//c;x?y=%zz&z=[1]", "/api/a/../b//c;x?y=%zz&z=[1]"),
        ("/api/café au lait", "/api/caf%C3%A9%20au%20lait"),
        ("/api/products#part", "/api/products"),
        ("/api/r?next=http://elsewhere.example/", "/api/r?next=http://elsewhere.example/"),
        ("http://127.0.0.1:3000/api/x?y=1", "/api/x?y=1"),
        ("HTTP://localhost:3000/api/x", "/api/x"),
        ("http://127.0.0.1:3000", "/"),
        ("http://127.0.0.1:3000?x=1", "/?x=1"),
    ],
)
def test_path_goes_out_as_it_was_written(written: str, sent: str) -> None:
    assert resolved(written, GATEWAY) == sent


@pytest.mark.parametrize(
    "written",
    [
        "http://example.com/",
        "https://127.0.0.1:3000/",
        "http://127.0.0.1:3001/",
        "http://127.0.0.1:3000@example.com/",
        "http://user:secret@127.0.0.1:3000/",
        "http://127.0.0.1:3000\\@example.com/",
        "//example.com/x",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "http://",
    ],
)
def test_address_that_is_not_the_gateway_is_refused(written: str) -> None:
    with pytest.raises(DraftError, match="sends to the gateway alone") as refused:
        resolved(written, GATEWAY)
    assert refused.value.field == "target"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "Write a path"),
        ("api/products", "Begin the path with /"),
        ("localhost:3000/x", "Begin the path with /"),
        ("file:/etc/passwd", "Begin the path with /"),
        ("/a\r\nHost: x", "control character"),
        ("/" + "a" * 20_000, "longer than"),
    ],
)
def test_what_is_no_path_says_how_to_write_one(written: str, said: str) -> None:
    with pytest.raises(DraftError, match=said):
        resolved(written, GATEWAY)


@given(st.text(max_size=60))
def test_no_text_leads_elsewhere_or_breaks_the_request_line(text: str) -> None:
    try:
        target = resolved(text, GATEWAY)
    except DraftError:
        return
    assert target.startswith("/")
    assert target.isascii()
    assert target.isprintable()
    assert " " not in target


def test_headers_are_lines_of_name_and_value() -> None:
    assert parsed_headers("X-A: 1\n\nx-b:\n X-A :  two words ") == (
        ("X-A", "1"),
        ("x-b", ""),
        ("X-A", "two words"),
    )


@pytest.mark.parametrize(
    "line",
    [
        "no colon",
        ": empty",
        "Bad Name: x",
        "X\x00: y",
        "X-A: a\x00b",
        "é: x",
        "content-length: 3",
        "Transfer-Encoding: chunked",
    ],
)
def test_line_that_is_no_header_is_named(line: str) -> None:
    with pytest.raises(DraftError, match=r"^Line 2:") as refused:
        parsed_headers(f"X-Good: 1\n{line}")
    assert refused.value.field == "headers"


def test_body_goes_out_as_json_unless_the_headers_say_otherwise() -> None:
    draft = Draft("POST", "/x", body="{}")
    assert outgoing(draft, GATEWAY, None).headers == (("Content-Type", "application/json"),)
    draft = Draft("POST", "/x", "content-type: text/plain", "{}")
    assert outgoing(draft, GATEWAY, None).headers == (("content-type", "text/plain"),)
    assert says_json("X: y")
    assert says_json("Content-type: application/vnd.a+json")
    assert not says_json("X: y\nCONTENT-TYPE: text/plain")


def test_get_sends_no_body() -> None:
    request = outgoing(Draft("GET", "/x", body="{}"), GATEWAY, None)
    assert request.body == b""
    assert request.headers == ()


def test_token_is_sent_unless_the_headers_carry_an_authorization() -> None:
    assert outgoing(Draft(), GATEWAY, "abc").headers == (("Authorization", "Bearer abc"),)
    draft = Draft(headers="authorization: Basic eDp5")
    assert outgoing(draft, GATEWAY, "abc").headers == (("authorization", "Basic eDp5"),)


@pytest.mark.parametrize("body", ["", "  ", "{}", "[1, 2]", '"x"', "null", "1e3"])
def test_json_is_found_good(body: str) -> None:
    assert json_problem(body) == ""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{\n  "a": 1,\n}', "line 2, column 9|line 3, column 1"),
        ("{'a': 1}", "line 1, column 2"),
        ("NaN", "NaN is no JSON value"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5000, "digits"),
    ],
)
def test_what_is_not_json_says_where(body: str, said: str) -> None:
    assert re.search(said, json_problem(body))
