from collections.abc import Iterator

from embedded_services.gateway.http import Headers
from embedded_services.gateway.http_date import HttpDate
from embedded_services.gateway.identifiers import Identifiers
from embedded_services.gateway.memo import REMEMBERED, Memo


def test_ids_are_drawn_from_the_entropy_and_never_twice() -> None:
    batches: Iterator[int] = iter(range(1000))
    ids = Identifiers(lambda count: bytes([next(batches)] * count))
    assert ids.hex(16) == "00" * 8
    drawn = [ids.hex(64) for _ in range(1000)]
    assert all(len(digits) == 64 for digits in drawn)
    real = Identifiers()
    assert len({real.hex(16) for _ in range(5000)}) == 5000


def test_a_memo_remembers_up_to_its_bound_and_answers_beyond_it() -> None:
    asked: list[bytes] = []

    def lower(text: bytes) -> bytes:
        asked.append(text)
        return text.lower()

    memo = Memo(lower)
    assert [memo[b"A"], memo[b"A"]] == [b"a", b"a"]
    assert asked == [b"A"]
    for number in range(2 * REMEMBERED):
        assert memo[b"N%d" % number] == b"n%d" % number
        assert len(memo) <= REMEMBERED
    assert memo[b"L" * 1000] == b"l" * 1000
    asked.clear()
    assert [memo[b"A"], memo[b"A"]] == [b"a", b"a"]
    assert asked == [b"A"]


def test_header_fields_are_found_in_any_spelling() -> None:
    headers = Headers([(b"X-One", b"1"), (b"x-two", b"2"), (b"X-ONE", b"3")])
    assert headers.get(b"x-one") == b"1"
    assert headers.all(b"x-one") == [b"1", b"3"]
    assert headers.get(b"x-three") is None
    assert headers.all(b"x-three") == []


def test_the_date_is_written_as_http_wants_it() -> None:
    date = HttpDate()
    assert date.at(784111777.9) == b"Sun, 06 Nov 1994 08:49:37 GMT"
    assert date.at(784111778.0) == b"Sun, 06 Nov 1994 08:49:38 GMT"
