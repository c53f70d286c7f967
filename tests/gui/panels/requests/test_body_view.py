"""What is shown of a body, and that it says what it leaves out."""

from typing import Any

import pytest

from app.core.console import Ending, Reply
from app.panels.requests.body_view import HEX_BYTES, TREE_MEMBERS, TREE_TEXT, body_view
from app.panels.requests.meanings import error_of, lamp, meaning, phrase


def reply(kept: bytes, kind: str = "application/json", **changed: Any) -> Reply:
    headers = (("Content-Type", kind), *changed.pop("headers", ()))
    whole: dict[str, Any] = {
        "status": 200, "phrase": "OK", "http": "HTTP/1.1", "headers": headers, "kept": kept, "size": len(kept),
        "first_ms": 1.0, "took_ms": 2.0,
    }  # fmt: skip
    return Reply(**{**whole, **changed})


def test_json_is_a_tree_and_indented_text() -> None:
    view = body_view(reply(b'{"a":[1,"\xc3\xa9"]}'))
    assert view.tree == ({"a": [1, "é"]},)
    assert '"é"' in view.text
    assert view.text.count("\n") == 5
    assert view.note == ""


def test_null_is_a_value() -> None:
    assert body_view(reply(b"null")).tree == (None,)


def test_no_body_says_so() -> None:
    assert body_view(reply(b"")).note == "The answer has no body."


def test_what_was_not_kept_is_said() -> None:
    view = body_view(reply(b"[1,", size=50_000_000))
    assert view.tree is None
    assert view.is_cut
    assert view.note == "Shown are the first 3 B of 50.0 MB; the rest was read and counted, not kept."


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (Ending.BROKEN, "The connection broke after 4 B of 9.0 KB: this is not all."),
        (Ending.TOO_SLOW, "Only 4 B came within the time limit"),
        (Ending.TOO_LARGE, "More than 4 B"),
    ],
)
def test_body_that_did_not_end_well_is_never_taken_for_whole(ending: Ending, said: str) -> None:
    view = body_view(reply(b"1234", ending=ending, headers=(("content-length", "9000"),)))
    assert said in view.note
    assert view.tree is None
    assert view.is_cut


def test_very_wide_json_is_text() -> None:
    wide = b"[" + b"0," * TREE_MEMBERS + b"0]"
    view = body_view(reply(wide))
    assert view.tree is None
    assert "Too large in one piece" in view.note
    assert body_view(reply(b'{"a":' + wide + b"}")).tree is None


def test_very_long_text_in_json_is_text() -> None:
    assert body_view(reply(b'{"a":{"b":["' + b"x" * (TREE_TEXT + 1) + b'"]}}')).tree is None
    assert body_view(reply(b'{"a":{"b":["' + b"x" * TREE_TEXT + b'"]}}')).tree is not None


def test_very_deep_json_is_text() -> None:
    assert body_view(reply(b"[" * 100_000)).tree is None


def test_bytes_are_shown_as_bytes() -> None:
    view = body_view(reply(bytes(range(256)) * 40, "application/octet-stream"))
    assert view.text.startswith("000000  00 01 02")
    assert len(view.text.splitlines()) == HEX_BYTES // 16
    assert "10.2 KB of application/octet-stream, shown as bytes." in view.note


def test_compressed_body_is_not_taken_for_text() -> None:
    assert "gzip" in body_view(reply(b"\x1f\x8b\x08", headers=(("Content-Encoding", "gzip"),))).note


def test_text_without_a_type_is_text_even_when_cut_in_a_character() -> None:
    assert body_view(reply("naïve é".encode()[:-1], "", size=900)).text.startswith("naïve")


def test_charset_is_heeded_and_an_unknown_one_is_not() -> None:
    assert body_view(reply("é".encode("latin-1"), "text/plain; charset=latin-1")).text == "é"
    assert body_view(reply("é".encode(), "text/plain; charset=nonsense")).text == "é"


def test_meaning_goes_by_the_errors_code_first() -> None:
    error = error_of(b'{"error":{"code":"RATE_LIMIT_EXCEEDED","message":"Too many","retryAfter":7}}')
    assert meaning(429, error) == "Too many requests; try again in 7 s."
    assert meaning(403, error_of(b'{"error":{"code":"INVALID_TOKEN","message":"x"}}')).startswith(
        "The gateway does not"
    )
    assert meaning(418, error_of(b"not json")) == "The request was refused as it was sent."
    assert (
        meaning(599, error_of(b'{"error":{"code":"NEW_CODE","message":"x"}}'))
        == "Something behind the gateway failed."
    )
    assert meaning(302, None) == "The answer is elsewhere; redirects are not followed."
    assert meaning(202, None).startswith("Accepted")
    assert meaning(200, None) == "The request was carried out."


def test_status_has_a_lamp_and_words() -> None:
    assert [lamp(status) for status in (101, 200, 302, 404, 503, None)] == [
        "unknown", "healthy", "healthy", "degraded", "unhealthy", "unhealthy",
    ]  # fmt: skip
    assert phrase(404) == "Not Found"
    assert phrase(599) == ""
