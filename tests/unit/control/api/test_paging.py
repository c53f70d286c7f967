import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.common.ring import Ring
from embedded_services.contracts.errors import ApiError
from embedded_services.control.api.paging import newest_first, page_of
from embedded_services.control.api.table import PageQuery

limits = st.integers(1, 10)


@given(st.lists(st.text(min_size=1, max_size=5), unique=True), limits)
def test_pages_of_a_list_are_the_list(rows: list[str], limit: int) -> None:
    read, cursor, pages = list[str](), "", 0
    while True:
        page = page_of(rows, lambda row: row, PageQuery(limit=limit, cursor=cursor))
        read += page.items
        pages += 1
        assert len(page.items) == limit or page.next_cursor is None
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert read == rows
    assert pages == max(1, -(-len(rows) // limit))


def test_page_goes_on_after_its_row_while_others_come_and_go() -> None:
    first = page_of(["b", "c", "d", "e"], str, PageQuery(limit=2))
    assert first.next_cursor == "c"
    assert page_of(["a", "c", "d2", "e"], str, PageQuery(limit=2, cursor="c")).items == ["d2", "e"]


@pytest.mark.parametrize("cursor", ["gone", "-1", "3"])
def test_cursor_that_names_no_row_is_refused(cursor: str) -> None:
    with pytest.raises(ApiError) as refused:
        page_of(["a"], str, PageQuery(cursor=cursor))
    assert refused.value.code == "VALIDATION_FAILED"
    assert refused.value.details
    assert refused.value.details[0].field == "cursor"


@given(st.integers(0, 40), st.integers(1, 20), limits)
def test_pages_of_a_ring_go_back_to_its_oldest_entry(count: int, capacity: int, limit: int) -> None:
    ring: Ring[int] = Ring(capacity)
    for number in range(1, count + 1):
        ring.append(number)
    read, cursor = list[int](), ""
    while True:
        page = newest_first(ring, PageQuery(limit=limit, cursor=cursor))
        read += page.items
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert read == list(range(count, max(0, count - capacity), -1))


@given(st.integers(0, 30), limits)
def test_pages_of_a_filtered_ring_hold_all_that_is_wanted(count: int, limit: int) -> None:
    ring: Ring[int] = Ring(100)
    for number in range(1, count + 1):
        ring.append(number)
    read, cursor = list[int](), ""
    while True:
        page = newest_first(ring, PageQuery(limit=limit, cursor=cursor), lambda number: number % 3 == 0)
        read += page.items
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert read == [number for number in range(count, 0, -1) if number % 3 == 0]


def test_new_entries_do_not_shift_the_pages() -> None:
    ring: Ring[int] = Ring(100)
    for number in range(1, 6):
        ring.append(number)
    page = newest_first(ring, PageQuery(limit=2))
    assert page.items == [5, 4]
    ring.append(6)
    assert newest_first(ring, PageQuery(limit=2, cursor=page.next_cursor or "")).items == [3, 2]


def test_cursor_of_entries_that_are_no_longer_held_is_the_end() -> None:
    ring: Ring[int] = Ring(2)
    for number in range(1, 9):
        ring.append(number)
    page = newest_first(ring, PageQuery(limit=2, cursor="3"))
    assert (page.items, page.next_cursor) == ([], None)


@pytest.mark.parametrize("cursor", ["x", "-1", "1.0", "1 ", "½"])
def test_cursor_that_is_no_number_is_refused(cursor: str) -> None:
    with pytest.raises(ApiError) as refused:
        newest_first(Ring[int](1), PageQuery(cursor=cursor))
    assert refused.value.code == "VALIDATION_FAILED"


def test_longest_cursor_is_only_a_large_number() -> None:
    ring: Ring[int] = Ring(2)
    ring.append(1)
    assert newest_first(ring, PageQuery(cursor="9" * 200)).items == [1]
