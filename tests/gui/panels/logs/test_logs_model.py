"""The model tells views the smallest change, whatever the filter, and finds entries by number and by time."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QAbstractItemModel, QModelIndex
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy

from app.panels.logs.log_book import LogFilter, LogRow, Numbers
from app.panels.logs.logs_model import LogsModel, failure, lamp, tint
from app.qt.columns import Role
from tests.gui.panels.logs.test_log_book import row

Check = Callable[[QAbstractItemModel], None]
ERRORS = LogFilter("ERROR")


def shown(model: LogsModel) -> list[int]:
    return [held.seq for held in model.rows()]


def mixed(first: int, last: int) -> list[LogRow]:
    """Every third is an error."""
    return [row(seq, "ERROR" if seq % 3 == 0 else "INFO") for seq in range(first, last + 1)]


def test_new_entries_are_inserted_and_old_ones_removed_without_a_reset(check_model: Check) -> None:
    model = LogsModel(capacity=4)
    check_model(model)
    reset, inserted, removed = (
        QSignalSpy(s) for s in (model.modelReset, model.rowsInserted, model.rowsRemoved)
    )
    model.take(mixed(1, 4), 4)
    model.take(mixed(5, 6), 6)
    assert shown(model) == [3, 4, 5, 6]
    assert (reset.count(), inserted.count(), removed.count()) == (0, 2, 1)


def test_filter_holds_for_what_comes_later_too(check_model: Check) -> None:
    model = LogsModel()
    check_model(model)
    model.take(mixed(1, 4), 4)
    model.set_filter(ERRORS)
    assert shown(model) == [3]
    model.take(mixed(5, 9), 9)
    assert shown(model) == [3, 6, 9]
    assert model.account().held == 9
    model.set_filter(LogFilter())
    assert shown(model) == list(range(1, 10))


def test_hole_is_filled_in_place_in_one_insertion(check_model: Check) -> None:
    model = LogsModel()
    check_model(model)
    model.take(mixed(1, 2), 2)
    model.take(mixed(9, 9), 9)
    inserted = QSignalSpy(model.rowsInserted)
    assert model.wanted(100) == Numbers(3, 8)
    model.fill(Numbers(3, 8), list(reversed(mixed(3, 8))))
    assert shown(model) == list(range(1, 10))
    assert inserted.count() == 1
    assert list(inserted.at(0))[1:] == [2, 7]


def test_new_numbering_starts_empty(check_model: Check) -> None:
    model = LogsModel()
    check_model(model)
    model.take(mixed(1, 3), 3)
    model.restart()
    assert shown(model) == []
    assert model.processes == frozenset()
    assert model.newest == 0
    model.take(mixed(1, 1), 1)
    assert shown(model) == [1]


def test_entries_are_found_by_number_and_by_time() -> None:
    model = LogsModel()
    model.take(mixed(1, 9), 9)
    model.set_filter(ERRORS)
    assert model.index_of(6).row() == 1
    assert model.index_of(6).data(Role.ROW).seq == 6
    assert not model.index_of(5).isValid()
    assert not model.index_of(50).isValid()
    assert model.nearest(4.0).row() == 1
    assert model.nearest(99.0).row() == 2
    assert LogsModel().nearest(1.0) == QModelIndex()


def test_cells_say_level_in_word_shape_and_ground() -> None:
    error = row(1, "ERROR", message="first\nsecond", trace="Traceback…\nLookupError: prod9")
    assert (lamp(error), tint(error), failure(error)) == ("unhealthy", "bad_tint", "LookupError: prod9")
    assert (lamp(row(1)), tint(row(1))) == ("", None)
    assert lamp(row(1, "WARNING")) == "degraded"
    model = LogsModel()
    model.take([error, row(2, message="one\ntwo")], 2)
    assert [model.index(0, column).data() for column in (1, 2, 3, 4)] == [
        "Error", "user-1", "first  LookupError: prod9", "b",
    ]  # fmt: skip
    assert model.index(1, 3).data() == "one  …"


@given(
    st.integers(2, 8),
    st.lists(
        st.one_of(
            st.tuples(st.just("take"), st.integers(1, 6)),
            st.tuples(st.just("miss"), st.integers(1, 6)),
            st.tuples(st.just("fill"), st.integers(1, 4)),
            st.tuples(st.sampled_from(["errors", "all"]), st.just(0)),
        ),
        max_size=12,
    ),
)
def test_any_sequence_keeps_the_rules_of_models(capacity: int, moves: list[tuple[str, int]]) -> None:
    model = LogsModel(capacity=capacity)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    total = 0
    for move, count in moves:
        match move:
            case "take":
                model.take(mixed(total + 1, total + count), total + count)
                total += count
            case "miss":
                total += count
                model.take([], total)
            case "fill":
                if (span := model.wanted(count)) is not None:
                    model.fill(span, mixed(span.first, span.last))
            case "errors":
                model.set_filter(ERRORS)
            case _:
                model.set_filter(LogFilter())
        held = range(max(1, total - capacity + 1), total + 1)
        assert set(shown(model)) <= set(held)
        assert shown(model) == sorted(shown(model))
    model.set_filter(LogFilter())
    assert len(shown(model)) == model.account().held
    tester.deleteLater()
