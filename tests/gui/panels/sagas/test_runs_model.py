"""The list holds runs by number without gaps or doubles, whatever comes in which order."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QAbstractItemModel

from app.panels.sagas import runs_model
from app.panels.sagas.run_filter import BETWEEN, RunFilter, moment_of
from app.panels.sagas.run_rows import RunRow, run_row
from app.panels.sagas.runs_model import RunsModel
from embedded_services.contracts.sagas import SagaState
from tests.gui.panels.sagas.shop import NOW, Teller, compensated, completed, numbers, stuck

Check = Callable[[QAbstractItemModel], None]


def row(seq: int, updated: float = 0.0) -> RunRow:
    return RunRow(
        f"saga_{seq}", seq, "order-processing", SagaState.RUNNING, None, float(seq), seq + updated, "", "", ""
    )


def rows(newest: int, oldest: int) -> list[RunRow]:
    return [row(seq) for seq in range(newest, oldest - 1, -1)]


def test_pages_join_and_what_is_newer_comes_on_top(check_model: Check) -> None:
    model = RunsModel()
    check_model(model)
    assert not model.show(rows(10, 6), is_whole=False)
    model.add_older(rows(5, 1), is_whole=True)
    model.put([row(11), row(12)])
    assert numbers(model.held) == list(range(12, 0, -1))


def test_newest_page_again_keeps_what_is_older(check_model: Check) -> None:
    model = RunsModel()
    check_model(model)
    model.show(rows(10, 1), is_whole=True)
    assert model.show(rows(14, 8), is_whole=False), "they join"
    assert numbers(model.held) == list(range(14, 0, -1))
    assert model.is_whole
    assert not model.show(rows(100, 90), is_whole=False), "there is a gap: what is below it would lie"
    assert numbers(model.held) == list(range(100, 89, -1))


def test_what_moved_below_what_is_held_waits_until_it_is_fetched() -> None:
    model = RunsModel()
    model.show(rows(10, 6), is_whole=False)
    model.put([row(3, 1.0), row(7, 1.0)])
    assert numbers(model.held) == list(range(10, 5, -1))
    assert model.held[3].updated_at == 8.0


def test_older_word_of_a_run_changes_nothing() -> None:
    model = RunsModel()
    model.show([row(1, 5.0)], is_whole=True)
    model.put([row(1, 4.0)])
    assert model.held[0].updated_at == 6.0


def test_list_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_model, "MOST_HELD", 20)
    model = RunsModel()
    model.show(rows(20, 1), is_whole=True)
    model.put([row(21), row(22)])
    assert numbers(model.held) == list(range(22, 2, -1))
    assert model.is_full
    assert not model.is_whole


PUT = st.tuples(st.just("put"), st.lists(st.integers(1, 40), max_size=8))
DROP = st.tuples(st.just("drop"), st.lists(st.integers(1, 40), max_size=8))
SHOW = st.tuples(st.just("show"), st.lists(st.integers(1, 40), max_size=12))
OLDER = st.tuples(st.just("older"), st.lists(st.integers(1, 40), max_size=12))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.one_of(PUT, DROP, SHOW, OLDER), max_size=12))
def test_rows_stay_in_order_whatever_comes(check_model: Check, steps: list[tuple[str, list[int]]]) -> None:
    model = RunsModel()
    check_model(model)
    for at, (what, seqs) in enumerate(steps):
        fresh = [row(seq, at) for seq in sorted(set(seqs), reverse=True)]
        match what:
            case "put":
                model.put(fresh)
            case "drop":
                model.drop(seqs)
                assert not set(numbers(model.held)) & set(seqs)
            case "show":
                model.show(fresh, is_whole=at % 2 == 0)
                assert set(seqs) <= set(numbers(model.held))
            case _:
                model.add_older(fresh, is_whole=at % 2 == 0)
        held = numbers(model.held)
        assert held == sorted(set(held), reverse=True)


# --- rows and filters -------------------------------------------------------------------------------------------------


def test_row_names_the_step_that_matters() -> None:
    assert run_row(completed(1).saga).step == ""
    assert run_row(compensated(1).saga).step == "process-payment"
    assert run_row(stuck(1).saga).step == "reserve-inventory"
    assert run_row(Teller().done(0).saga).step == "reserve-inventory"


def test_row_lasts_until_its_end_and_goes_on_while_it_is_open() -> None:
    ended, open_ = run_row(completed(1).saga), run_row(Teller().done(0).saga)
    assert ended.lasted(NOW + 1000) < 1.0
    assert open_.lasted(NOW + 1000) == pytest.approx(1000.0)


def test_filter_accepts_what_the_orchestrator_would() -> None:
    saga = compensated(7).saga
    for wanted, belongs in (
        (RunFilter(), True),
        (RunFilter(SagaState.COMPENSATED), True),
        (RunFilter(SagaState.COMPLETED), False),
        (RunFilter(text="PAYMENT processing"), True),
        (RunFilter(text="usr_demo"), True),
        (RunFilter(text="000000000007"), True),
        (RunFilter(text="usr_other"), False),
        (RunFilter(span="1m"), True),
        (RunFilter(span=BETWEEN, since=NOW + 1), False),
        (RunFilter(span=BETWEEN, until=NOW), False),
        (RunFilter(span=BETWEEN, since=NOW, until=NOW + 1), True),
    ):
        assert wanted.accepts(saga, NOW + 30) is belongs, wanted
    assert not RunFilter(span="1m").accepts(saga, NOW + 61)


def test_moments_are_read_as_people_write_them() -> None:
    midnight = moment_of("2026-11-23", NOW)
    assert midnight is not None
    assert moment_of("2026-11-23 14:32", NOW) == midnight + 14 * 3600 + 32 * 60
    assert moment_of(" 2026-11-23T14:32:08 ", NOW) == midnight + 14 * 3600 + 32 * 60 + 8
    assert moment_of("14:32", midnight + 5) == midnight + 14 * 3600 + 32 * 60
    assert moment_of("", NOW) is None
    for wrong in ("soon", "25:00", "2026-13-01", "14:60", "99999999999"):
        with pytest.raises(ValueError, match="A time as"):
            moment_of(wrong, NOW)
