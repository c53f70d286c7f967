"""When an answer is complete, and what a percentile is."""

import pytest

from tests.benchmarks.offered import answered, percentile

ANSWER = b"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize("end", range(len(ANSWER)))
def test_answer_is_not_complete_before_its_last_byte(end: int) -> None:
    assert answered(bytearray(ANSWER[:end])) is None


def test_complete_answer_tells_its_status() -> None:
    assert answered(bytearray(ANSWER)) == b"200"


@pytest.mark.parametrize(
    ("count", "share", "reading"),
    [(100, 0.99, 99), (100, 0.5, 50), (10, 0.99, 10), (1, 0.5, 1), (1000, 0.99, 990), (3, 0.5, 2)],
)
def test_percentile_is_the_least_reading_that_the_share_does_not_exceed(
    count: int, share: float, reading: int
) -> None:
    assert percentile(range(1, count + 1), share) == reading
