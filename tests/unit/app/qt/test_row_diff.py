"""The steps between two lists of keys lead from one to the other, and move no more than they must."""

from hypothesis import given
from hypothesis import strategies as st

from app.qt.row_diff import Insert, Move, Remove, Step, steps

keys = st.lists(st.integers(0, 15), unique=True)


def taken(old: list[int], new: list[int], plan: list[Step]) -> list[int]:
    rows = list(old)
    for step in plan:
        match step:
            case Remove(first, last):
                del rows[first : last + 1]
            case Move(source, target):
                rows.insert(target, rows.pop(source))
            case Insert(first, last):
                rows[first:first] = new[first : last + 1]
    return rows


@given(keys, keys)
def test_the_steps_lead_from_old_to_new(old: list[int], new: list[int]) -> None:
    assert taken(old, new, steps(old, new)) == new


@given(keys)
def test_equal_lists_need_no_step(same: list[int]) -> None:
    assert steps(same, list(same)) == []


@given(keys)
def test_one_row_that_moved_is_one_move(rows: list[int]) -> None:
    moved = [*rows[1:], *rows[:1]]
    assert len(steps(rows, moved)) == (len(rows) > 1)


def test_neighbours_come_and_go_together() -> None:
    assert steps([1, 2, 3, 4], [1, 4]) == [Remove(1, 2)]
    assert steps([1, 4], [1, 2, 3, 4]) == [Insert(1, 2)]
