"""What a service's answer means for a step."""

import pytest

from embedded_services.sagas.participants import Answer, Done, No, Unknown, meaning

ERROR = b'{"error": {"code": "CONFLICT", "message": "Insufficient inventory", "requestId": "r"}}'


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (200, b'{"total": 1.5}', Done({"total": 1.5}, "x-1")),
        (201, b"", Done({}, "x-1")),
        (204, b"", Done({}, "x-1")),
        (200, b"[1]", Done({"answer": [1]}, "x-1")),
        (404, b"", No("Not Found", "x-1")),
        (418, b"tea", No("I'm a Teapot", "x-1")),
        (499, b"tea", No("answered 499", "x-1")),
    ],
)
def test_an_answer_below_500_is_the_service_s_word(status: int, content: bytes, expected: Answer) -> None:
    assert meaning(status, content, "x-1") == expected


def test_a_refusal_keeps_what_the_service_said() -> None:
    answer = meaning(409, ERROR, "x-1")
    assert isinstance(answer, No)
    assert (answer.error, answer.refusal and answer.refusal["code"]) == ("Insufficient inventory", "CONFLICT")


@pytest.mark.parametrize(
    ("status", "content"),
    [(200, b"not JSON"), (200, b"\xff"), (408, b""), (425, b""), (429, ERROR), (500, b""), (502, b"<html>"), (503, ERROR), (504, b""), (302, b"")],
)  # fmt: skip
def test_everything_else_leaves_it_open(status: int, content: bytes) -> None:
    answer = meaning(status, content, "x-1")
    assert isinstance(answer, Unknown)
    assert answer.instance == "x-1"
    assert answer.error
