"""The lanes say what the machine did, on the way there and on the way back, whatever happens to a run."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.fault_marks import StepFault
from app.panels.sagas.lanes import lanes_of
from embedded_services.contracts.sagas import ArmedFault, FaultKind, SagaState
from embedded_services.sagas.refund_order import REFUND_ORDER
from embedded_services.sagas.run import Direction
from embedded_services.sagas.signals import (
    Away,
    Cancel,
    Lost,
    Next,
    NotNow,
    Recovered,
    Refused,
    Skip,
    Succeeded,
    Tick,
    TryAgain,
)
from tests.gui.panels.sagas.shop import (
    CONFIRM,
    CREATE,
    DEFINITIONS,
    ORDERS,
    PAY,
    RESERVE,
    VALIDATE,
    Teller,
    compensated,
    completed,
    stuck,
)

NAMES = [step.name for step in ORDERS.steps]


def words(run: Teller, way: str) -> list[str]:
    lanes = lanes_of(run.saga, DEFINITIONS[0])
    return [(column.undo if way == "undo" else column.forward).word for column in lanes.columns]


def test_completed_run_needs_no_undoing() -> None:
    lanes = lanes_of(completed(1).saga, ORDERS)
    assert [column.forward.word for column in lanes.columns] == ["completed"] * 5
    assert [column.undo.word for column in lanes.columns] == ["not needed"] * 5
    assert lanes.turn is None
    first = lanes.columns[0].forward
    assert (first.instance, first.tries, first.of_tries) == ("order-1", 1, 3)
    assert first.took is not None
    assert 0.005 < first.took < 0.015


def test_failing_payment_turns_back_under_itself_and_undoes_what_was_done() -> None:
    lanes = lanes_of(compensated(1).saga, ORDERS)
    assert lanes.turn_column == PAY
    assert lanes.turn is not None
    assert lanes.turn.why == "Payment processing failed"
    assert [column.forward.word for column in lanes.columns] == [
        "completed", "completed", "failed", "not reached", "not reached",
    ]  # fmt: skip
    assert [column.undo.word for column in lanes.columns] == [
        "undone", "undone", "not needed", "not needed", "not needed",
    ]  # fmt: skip
    assert lanes.columns[PAY].undo.note == "it was refused: nothing was done"
    assert lanes.columns[CREATE].undo.note == "it never ran"
    assert lanes.columns[PAY].forward.note == "Payment processing failed"


def test_step_that_was_undone_still_says_how_it_went() -> None:
    lanes = lanes_of(compensated(1).saga, ORDERS)
    there, back = lanes.columns[VALIDATE].forward, lanes.columns[VALIDATE].undo
    assert (there.instance, there.tries, there.took is not None) == ("order-1", 1, True)
    assert (back.instance, back.tries, back.of_tries, back.took is not None) == ("order-2", 1, 24, True)


def test_undoing_that_fails_for_good_is_shown_and_what_is_left_waits() -> None:
    run = stuck(1)
    lanes = lanes_of(run.saga, ORDERS)
    card = lanes.columns[RESERVE].undo
    assert (card.word, card.ground, card.note) == ("undo failed", "bad", "made to fail")
    assert lanes.columns[VALIDATE].undo.word == "will be undone"
    run.take(Skip("counted by hand")).undone(VALIDATE)
    assert run.saga.state is SagaState.COMPENSATED
    assert words(run, "undo")[:2] == ["undone", "skipped by you"]
    assert lanes_of(run.saga, ORDERS).columns[RESERVE].undo.note == "made to fail"


def test_unknown_outcome_is_undone_too() -> None:
    run = Teller().done(VALIDATE, RESERVE)
    for _ in range(3):
        run.lost(PAY).take(Tick(), after_s=3.0)
    assert run.saga.state is SagaState.COMPENSATING
    lanes = lanes_of(run.saga, ORDERS)
    assert lanes.turn_column == PAY
    assert lanes.columns[PAY].forward.word == "outcome unknown"
    assert lanes.columns[PAY].undo.word == "undoing"


def test_retry_counts_down_to_its_next_try() -> None:
    run = Teller().done(VALIDATE, RESERVE).lost(PAY)
    card = lanes_of(run.saga, ORDERS).columns[PAY].forward
    assert (card.word, card.tries) == ("tries again", 1)
    assert card.is_live
    assert card.next_try_at is not None
    assert card.next_try_at > run.now


def test_hold_is_said_at_the_step_that_waits() -> None:
    assert words(Teller().done(VALIDATE, RESERVE).away(PAY), "forward")[PAY] == "waits for a service"
    stepped = Teller(step_mode=True).take(Next()).done(VALIDATE)
    assert words(stepped, "forward")[:3] == ["completed", "waits for Next", "pending"]


def test_armed_fault_hangs_on_the_card_that_it_acts_on() -> None:
    faults = {
        "process-payment": ArmedFault(FaultKind.FAIL_STEP),
        "reserve-inventory": ArmedFault(FaultKind.FAIL_COMPENSATION),
    }
    run = Teller(faults=faults).done(VALIDATE, RESERVE)
    column = lanes_of(run.saga, ORDERS).columns[PAY]
    assert (column.forward.tag, column.forward.is_hit, column.undo.tag) == ("fail-step hit", True, "")
    run.refused(PAY)
    column = lanes_of(run.saga, ORDERS).columns[RESERVE]
    assert (column.forward.tag, column.undo.tag) == ("", "fail-compensation hit")


def in_force(kind: str, *runs: str, undo: bool = False, saga: str | None = "order-processing") -> StepFault:
    return StepFault(kind, "process-payment", saga, undo, frozenset(runs))


def test_fault_in_force_hangs_on_the_step_of_every_run_and_says_whether_it_can_still_act() -> None:
    ahead = Teller().done(VALIDATE, RESERVE)
    past = completed(1)
    for run, runs, tag, is_hit in (
        (ahead, (), "fail-step in force", False),
        (past, (), "fail-step in next runs", False),
        (past, (past.saga.id,), "fail-step hit", True),
    ):
        columns = lanes_of(run.saga, ORDERS, [in_force("fail-step", *runs)]).columns
        card = columns[PAY].forward
        assert (card.tag, card.is_hit) == (tag, is_hit)
        assert "every run" in card.tag_says
        assert [column.forward.step for column in columns if column.forward.tag] == ["process-payment"]
        assert not any(column.undo.tag for column in columns)


def test_fault_in_force_on_the_undoing_hangs_on_the_card_beneath() -> None:
    column = lanes_of(
        Teller().done(VALIDATE).saga, ORDERS, [in_force("fail-compensation", undo=True)]
    ).columns[PAY]
    assert (column.forward.tag, column.undo.tag) == ("", "fail-compensation in force")


def test_what_the_run_was_started_with_comes_before_what_acts_on_all() -> None:
    run = Teller(faults={"process-payment": ArmedFault(FaultKind.SLOW)})
    assert lanes_of(run.saga, ORDERS, [in_force("fail-step")]).columns[PAY].forward.tag == "slow armed"


def test_fault_of_another_saga_is_none_of_this_ones() -> None:
    other = in_force("fail-step", saga="refund-order")
    assert lanes_of(completed(1).saga, ORDERS, [other]).columns[PAY].forward.tag == ""


def test_cancelled_run_turns_back_where_it_stood() -> None:
    run = Teller(step_mode=True).take(Next()).done(VALIDATE).take(Cancel("a typing error"))
    lanes = lanes_of(run.saga, ORDERS)
    assert lanes.turn_column == VALIDATE
    assert lanes.turn is not None
    assert (lanes.turn.step, lanes.turn.why) == (None, "cancelled: a typing error")


def test_parallel_steps_and_the_point_of_no_return_are_marked() -> None:
    run = Teller(definition=REFUND_ORDER).done(0, 1)
    lanes = lanes_of(run.saga, DEFINITIONS[1])
    assert [column.beside for column in lanes.columns] == [False, False, False, True]
    assert [column.forward.is_pivot for column in lanes.columns] == [False, True, False, False]
    assert [column.forward.word for column in lanes.columns[2:]] == ["running", "running"]
    assert {column.undo.word for column in lanes.columns} == {"nothing to undo"}


def test_without_journal_or_definition_what_is_known_is_shown() -> None:
    run = compensated(1)
    lanes = lanes_of(run.told, None)
    assert lanes.turn_column == PAY
    assert [column.forward.step for column in lanes.columns] == NAMES
    assert lanes.columns[VALIDATE].undo.word == "undone"


EVENTS = st.one_of(
    st.builds(
        Succeeded, st.integers(0, 4), st.sampled_from(Direction), st.just({"a": 1}), st.just("order-1")
    ),
    st.builds(
        Refused, st.integers(0, 4), st.sampled_from(Direction), st.just("no"), st.none(), st.booleans()
    ),
    st.builds(Lost, st.integers(0, 4), st.sampled_from(Direction), st.just("lost")),
    st.builds(Away, st.integers(0, 4), st.sampled_from(Direction), st.just("nobody")),
    st.sampled_from([Tick(), Next(), Cancel("why"), TryAgain(), Skip("why"), Recovered()]),
)


@given(st.lists(EVENTS, max_size=40), st.booleans())
def test_any_run_can_be_drawn_at_any_moment(events: list[object], step_mode: bool) -> None:
    run = Teller(step_mode=step_mode)
    for event in events:
        try:
            run.take(event, after_s=1.0)  # type: ignore[arg-type]  # the strategy's union is the machine's
        except NotNow:
            continue
        for saga in (run.saga, run.told):
            lanes = lanes_of(saga, ORDERS)
            assert [column.forward.step for column in lanes.columns] == NAMES
            assert all(column.forward.word and column.undo.word for column in lanes.columns)
            assert all(
                card.took is None or card.took >= 0
                for column in lanes.columns
                for card in (column.forward, column.undo)
            )
            turned = saga.state not in (SagaState.RUNNING, SagaState.COMPLETED)
            assert (lanes.turn is not None) == turned == (lanes.turn_column is not None)


def test_number_of_steps_is_that_of_the_definition() -> None:
    assert len(lanes_of(Teller().saga, ORDERS).columns) == CONFIRM + 1
