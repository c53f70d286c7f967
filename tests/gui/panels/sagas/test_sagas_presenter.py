"""The panel follows the stream and the orchestrator: the list pages and stays true, one saga is looked at whole, actions are
carried out where they are allowed, and absences are said."""

from collections.abc import Callable
from functools import partial

import msgspec
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QLineEdit, QMenu, QPushButton
from pytestqt.qtbot import QtBot

from app.core.breaking import BreakSubject
from app.panels.sagas import runs_model
from app.panels.sagas.run_filter import RunFilter
from app.panels.sagas.run_history import PAGE
from app.widgets.segmented_toggle import SegmentedToggle
from embedded_services.client.errors import ControlError
from embedded_services.contracts.errors import ErrorDetail
from embedded_services.contracts.faults import Affected, Fault, FaultScope, FaultState, FaultTarget, Proof
from embedded_services.contracts.ledger import LedgerItem, LedgerLine, LineName, LineState
from embedded_services.contracts.sagas import SagaCounts, SagaState
from embedded_services.sagas.signals import Next
from tests.gui.panels.sagas.conftest import Built, child, press
from tests.gui.panels.sagas.shop import (
    NOW,
    PAY,
    RESERVE,
    VALIDATE,
    FakeControl,
    FakePort,
    Teller,
    compensated,
    completed,
    numbers,
    stuck,
)
from tests.helpers.qt import eventually, texts

Make = Callable[[], Built]
AWAY = ControlError("SERVICE_UNAVAILABLE", "the orchestrator is frozen", 503)


async def loaded(built: Built) -> None:
    await eventually(lambda: built.presenter.history.is_loaded and built.presenter.look.definitions)


def said(built: Built) -> list[str]:
    return [line.text for line in built.panel.saga_page.journal.lines]


# --- the list ---------------------------------------------------------------------------------------------------------


async def test_hundred_thousand_runs_are_fetched_as_they_come_into_sight(
    make: Make, control: FakeControl
) -> None:
    control.made = 100_000
    built = make()
    await loaded(built)
    assert numbers(built.model.held)[:2] == [100_000, 99_999]
    assert len(built.model.held) == PAGE
    assert len(control.queries) == 1
    built.panel.list.view.scrollToBottom()
    await eventually(lambda: len(built.model.held) == 2 * PAGE)
    built.panel.list.view.scrollToBottom()
    await eventually(lambda: len(built.model.held) == 3 * PAGE)
    assert numbers(built.model.held) == list(range(100_000, 100_000 - 3 * PAGE, -1))
    assert len(control.queries) == 3
    await built.end()


async def test_live_runs_come_on_top_and_change_in_place(make: Make, port: FakePort) -> None:
    run = Teller(1).done(VALIDATE)
    port.tell(run)
    built = make()
    await loaded(built)
    assert built.model.held[0].step == "reserve-inventory"
    port.tell(run.done(RESERVE))
    await eventually(lambda: built.model.held[0].step == "process-payment")
    port.tell(Teller(2), Teller(3))
    await eventually(lambda: numbers(built.model.held) == [3, 2, 1])
    await built.end()


async def test_what_the_stream_left_out_is_fetched(make: Make, port: FakePort, control: FakeControl) -> None:
    port.tell(completed(1))
    built = make()
    await loaded(built)
    control.put(*(completed(seq).saga for seq in range(2, 60)))
    port.tell(completed(60))
    await eventually(lambda: numbers(built.model.held) == list(range(60, 0, -1)))
    control.put(msgspec.structs.replace(control.held[30], state=SagaState.COMPENSATED, updated_at=NOW + 99))
    port.tell(completed(61), missed=5)
    await eventually(lambda: built.model.held[31].state is SagaState.COMPENSATED)
    await built.end()


async def test_filter_is_the_orchestrators_and_live_rows_keep_to_it(
    make: Make, port: FakePort, control: FakeControl
) -> None:
    port.tell(completed(1), compensated(2), stuck(3))
    built = make()
    await loaded(built)
    toggle = child(built.panel, SegmentedToggle, "sagaStates")
    toggle.choice_requested.emit("compensated")
    await eventually(lambda: numbers(built.model.held) == [2])
    assert control.queries[-1].state is SagaState.COMPENSATED
    run = Teller(4).done(VALIDATE, RESERVE)
    port.tell(run)
    port.tell(run.refused(PAY).undone(RESERVE, VALIDATE))
    await eventually(lambda: numbers(built.model.held) == [4, 2])
    toggle.choice_requested.emit("compensation_failed")
    await eventually(lambda: numbers(built.model.held) == [3])
    built.panel.filter_to(RunFilter(text="nothing like that"))
    await eventually(lambda: built.presenter.history.is_loaded and not built.model.held)
    assert "No run passes the filter" in texts(built.panel.list)
    built.panel.list.clear_filter()
    await eventually(lambda: numbers(built.model.held) == [4, 3, 2, 1])
    await built.end()


async def test_states_are_counted_in_the_filter(make: Make, port: FakePort) -> None:
    built = make()
    port.tell(completed(1), completed(2), stuck(3))
    toggle = child(built.panel, SegmentedToggle, "sagaStates")
    await eventually(lambda: toggle._choices["all"] == "All 3")
    assert toggle._choices["completed"] == "Completed 2"
    assert toggle._choices["compensation_failed"] == "Stuck 1"
    await built.end()


async def test_more_than_can_be_held_is_said(
    make: Make, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_model, "MOST_HELD", 150)
    control.made = 1000
    built = make()
    await loaded(built)

    def scrolled() -> bool:
        built.panel.list.view.scrollToBottom()
        return len(built.model.held) >= 150

    await eventually(scrolled)
    assert "narrow the time" in built.panel.list.count
    await built.end()


# --- one saga ---------------------------------------------------------------------------------------------------------


async def test_newest_run_is_looked_at_until_another_is_chosen(
    make: Make, port: FakePort, control: FakeControl
) -> None:
    port.tell(completed(1), compensated(2))
    built = make()
    await eventually(lambda: built.panel.pane.shown_lanes.turn_column == PAY)
    assert built.inspected == [], "the inspector is not taken"
    built.panel.list.view.selectRow(1)
    await eventually(lambda: built.panel.pane.saga is not None and built.panel.pane.saga.seq == 1)
    assert built.inspected[-1] is built.panel.saga_page
    await eventually(lambda: said(built)[-1:] == ["saga completed"])
    assert control.looked_at[-1] == "saga_000000000001"
    await built.end()


async def test_chosen_saga_moves_live_with_its_journal(make: Make, port: FakePort) -> None:
    run = Teller(1).done(VALIDATE)
    port.tell(run)
    built = make()
    await eventually(lambda: built.panel.pane.shown_lanes.reached == 2)
    port.tell(run.done(RESERVE).refused(PAY))
    await eventually(lambda: built.panel.pane.shown_lanes.turn is not None)
    await eventually(lambda: built.panel.pane.shown_lanes.columns[VALIDATE].forward.instance == "order-1")
    assert [column.undo.word for column in built.panel.pane.shown_lanes.columns][:2] == [
        "will be undone",
        "undoing",
    ]
    await built.end()


async def test_brief_saga_is_fetched_whole(make: Make, port: FakePort) -> None:
    run = completed(1)
    large = {"note": "x" * 20_000, "list": [1, 2]}
    run.run = msgspec.structs.replace(run.run, data={**run.run.data, **large})
    assert run.told.brief
    assert "list" not in run.told.data
    port.tell(run)
    built = make()
    built.panel.open_at(run.run.id)
    await eventually(lambda: (built.panel.saga_page.data.value or {}).get("list") == [1, 2])
    await built.end()


async def test_saga_that_is_in_no_list_is_opened_by_its_id(
    make: Make, port: FakePort, control: FakeControl
) -> None:
    control.made = 1000
    control.put(compensated(3).saga)
    built = make()
    await loaded(built)
    built.panel.open_at("saga_000000000003")
    await eventually(lambda: built.panel.pane.shown_lanes.turn_column == PAY)
    assert built.panel.list.view.selected_row() is None
    built.panel.open_at("saga_unheard_of")
    await eventually(lambda: any("There is no saga" in said for said in texts(built.panel.pane)))
    await built.end()


async def test_step_fills_the_inspector(make: Make, port: FakePort, qtbot: QtBot) -> None:
    port.tell(stuck(1))
    built = make()
    await eventually(lambda: built.panel.pane.saga is not None and built.panel.pane.saga.journal)
    card = built.panel.pane.lanes.card("validate-order", "forward")
    assert card is not None
    qtbot.mouseClick(card, Qt.MouseButton.LeftButton)
    page = built.panel.step_page
    assert built.inspected[-1] is page
    assert page.subject == "validate-order"
    assert page.output.value == {"n": 0}
    assert page.input.value is not None
    assert page.input.value["userId"] == "usr_demo"
    assert [line.text for line in page.journal.lines] == [
        "validate-order called, try 1",
        "validate-order done by order-1",
    ]
    qtbot.keyClick(card, Qt.Key.Key_Down)
    focused = built.panel.pane.lanes.card("validate-order", "undo")
    assert focused is not None
    qtbot.keyClick(focused, Qt.Key.Key_Return)
    assert page.way == "undo"
    await built.end()


async def test_a_step_is_broken_by_its_key_and_from_the_inspector(
    make: Make, port: FakePort, qtbot: QtBot
) -> None:
    port.tell(stuck(1))
    built = make()
    await eventually(lambda: built.panel.pane.saga is not None and built.panel.pane.saga.journal)
    built.panel.activateWindow()
    await eventually(built.panel.isActiveWindow)
    asked: list[tuple[object, QRect]] = []
    built.panel.break_requested.connect(lambda subject, place: asked.append((subject, place)))
    card = built.panel.pane.lanes.card("reserve-inventory", "forward")
    assert card is not None
    card.setFocus()
    qtbot.keyClick(card, Qt.Key.Key_B)
    ((subject, place),) = asked
    assert subject == BreakSubject("step", "reserve-inventory", "order-processing")
    assert place.size() == card.size()
    qtbot.keyClick(card, Qt.Key.Key_Return)
    press(built.panel.step_page, "breakStep")
    assert asked[1][0] == subject
    await built.end()


async def test_fault_in_force_is_tagged_on_its_step_and_goes_with_it(make: Make, port: FakePort) -> None:
    port.tell(completed(1))
    built = make()
    await eventually(lambda: built.panel.pane.saga is not None and built.panel.pane.saga.journal)
    built.panel.pane.step_chosen.emit("process-payment", "forward")
    port.set(faults={"f": fail_step})
    await eventually(lambda: "fail-step in next runs" in accessible(built, "process-payment"))
    await eventually(lambda: "every run" in built.panel.step_page.fault.text)
    assert built.panel.step_page.fault.isVisible()
    hit = Proof(eligible=1, injected=1, last=[Affected(NOW, completed(1).saga.id, "")])
    port.set(faults={"f": msgspec.structs.replace(fail_step, proof=hit)})
    await eventually(lambda: "fail-step hit" in accessible(built, "process-payment"))
    port.set(faults={"f": msgspec.structs.replace(fail_step, state=FaultState.REMOVED)})
    await eventually(lambda: "fail-step" not in accessible(built, "process-payment"))
    await eventually(lambda: not built.panel.step_page.fault.isVisible())
    await built.end()


def accessible(built: Built, step: str) -> str:
    card = built.panel.pane.lanes.card(step, "forward")
    return card.accessibleName() if card is not None else ""


fail_step = Fault(
    id="f", kind="fail-step", target=FaultTarget(saga="order-processing", step="process-payment"), params={},
    probability=1.0, scope=FaultScope.REQUEST, seed=1, ttl=60, state=FaultState.ACTIVE, armed_at=NOW,
    expires_at=NOW + 60,
)  # fmt: skip


async def test_menu_of_a_step_leads_on(make: Make, port: FakePort) -> None:
    port.tell(stuck(1))
    built = make()
    await eventually(lambda: built.panel.pane.saga is not None and built.panel.pane.saga.journal)
    broken: list[object] = []
    built.panel.break_requested.connect(lambda subject, _: broken.append(subject))
    built.panel.pane.lanes.menu_requested.emit("validate-order", "forward", QPoint(0, 0))
    menu = child(built.panel, QMenu, "stepMenu")
    menu.actions()[0].trigger()
    assert broken == [BreakSubject("step", "validate-order", "order-processing")]
    trigger(menu, "copy")
    assert '"validate-order"' in QGuiApplication.clipboard().text()
    menu.close()
    built.panel.step_page.choose("validate-order", "forward")
    built.panel.step_page.action_requested.emit("logs")
    assert built.navigated[-1][0] == "logs"
    await built.end()


def trigger(menu: QMenu, key: str) -> None:
    action = menu.findChild(QAction, key)
    assert isinstance(action, QAction)
    assert action.isEnabled(), key
    action.trigger()


# --- repairing --------------------------------------------------------------------------------------------------------


async def test_stuck_saga_is_retried_or_skipped_with_a_reason(
    make: Make, port: FakePort, control: FakeControl
) -> None:
    port.tell(stuck(1))
    built = make()
    await eventually(lambda: built.panel.pane.hold.startswith("Waits for you"))
    pane = built.panel.pane
    press(pane, "saga-retry")
    await eventually(lambda: control.acted == [("saga_000000000001", "retry", "")])
    await eventually(child(pane, QPushButton, "saga-skip").isEnabled)
    press(pane, "saga-skip")
    assert not child(pane, QPushButton, "giveReason").isEnabled(), "a reason is needed"
    assert any("Skip reserve-inventory: why?" in said for said in texts(pane))
    child(pane, QLineEdit, "reason").setText("counted by hand")
    press(pane, "giveReason")
    await eventually(lambda: control.acted[-1] == ("saga_000000000001", "skip", "counted by hand"))
    await built.end()


async def test_refused_action_says_so_where_it_was_asked(
    make: Make, port: FakePort, control: FakeControl
) -> None:
    port.tell(stuck(1))
    built = make()
    await eventually(lambda: built.panel.pane.hold)
    control.refuse = ControlError("CONFLICT", "nothing of it waits for a person", 409)
    press(built.panel.pane, "saga-retry")
    await eventually(lambda: built.panel.pane.notice.message.text == "Nothing of it waits for a person.")
    assert built.panel.notice.isHidden()
    control.refuse = None
    await built.end()


async def test_running_saga_is_cancelled_and_a_stepped_one_goes_on_by_next(
    make: Make, port: FakePort, control: FakeControl
) -> None:
    run = Teller(1, step_mode=True).take(Next()).done(VALIDATE)
    port.tell(run)
    built = make()
    pane = built.panel.pane
    await eventually(lambda: pane.hold == "Step by step: Next lets reserve-inventory begin.")
    press(pane, "saga-next")
    await eventually(lambda: control.acted == [(run.run.id, "next", "")])
    press(pane, "saga-cancel")
    press(pane, "giveReason")
    await eventually(lambda: control.acted[-1] == (run.run.id, "cancel", ""))
    await built.end()


async def test_trace_is_copied_and_leads_to_its_events(make: Make, port: FakePort) -> None:
    port.tell(completed(1))
    built = make()
    await eventually(lambda: built.panel.pane.saga is not None)
    pane = built.panel.pane
    press(pane, "sagaTrace")
    menu = child(pane, QMenu, "traceMenu")
    trigger(menu, "trace")
    await eventually(lambda: QGuiApplication.clipboard().text() == f"{1:032x}")
    trigger(menu, "traceEvents")
    await eventually(lambda: built.navigated == [("events", f"{1:032x}")])
    trigger(menu, "traceRequest")
    await eventually(lambda: any("No request of this trace" in toast for toast in built.toasts))
    menu.close()
    await built.end()


# --- starting ---------------------------------------------------------------------------------------------------------


async def test_empty_panel_offers_the_test_order_and_shows_the_run(
    make: Make, port: FakePort, control: FakeControl
) -> None:
    built = make()
    port.set(saga_counts={"sagas": SagaCounts(by_state={}, total=0)})
    await eventually(lambda: "No saga has run yet" in texts(built.panel.pane))
    built.panel.pane.test_requested.emit()
    await eventually(lambda: [saga.name for saga in control.started] == ["order-processing"])
    await eventually(lambda: built.panel.pane.saga is not None)
    assert built.inspected[-1] is built.panel.saga_page
    await built.end()


async def test_refused_order_is_marked_in_the_form(make: Make, control: FakeControl) -> None:
    built = make()
    await loaded(built)
    details = (ErrorDetail(field="items[0].quantity", message="must be at least 1", bound=1, unit="pieces"),)
    control.refuse = ControlError("VALIDATION_FAILED", "items[0].quantity must be at least 1", 400, details)
    press(built.panel.form, "runSaga")
    await eventually(lambda: "Quantity: must be at least 1" in texts(built.panel.form))
    assert child(built.panel.form, QPushButton, "runSaga").isEnabled()
    control.refuse = None
    await built.end()


async def test_many_runs_report_what_became_of_them_and_can_be_cancelled(
    make: Make, port: FakePort, control: FakeControl
) -> None:
    built = make()
    await loaded(built)
    form = built.panel.form
    child(form, QLineEdit, "batchCount").setText("3")
    child(form, QLineEdit, "batchRate").setText("200")
    form.batch.open()
    press(form, "startBatch")
    await port.clock.advance(1.0)
    await eventually(lambda: len(control.started) == 3)
    await eventually(lambda: form.batch.words == "3 of 3 started · 3 running")
    port.tell(completed(1), completed(2), compensated(3))
    await eventually(lambda: form.batch.words == "3 of 3 started · 2 completed · 1 compensated")
    await eventually(lambda: not form.batch.is_running)
    child(form, QLineEdit, "batchCount").setText("1000")
    child(form, QLineEdit, "batchRate").setText("0.1")
    press(form, "startBatch")
    await eventually(lambda: form.batch.is_running)
    press(form, "cancelBatch")
    await eventually(lambda: "cancelled" in form.batch.words)
    started = len(control.started)
    await port.clock.advance(1000.0)
    assert len(control.started) == started
    await built.end()


async def test_wrong_order_is_not_sent_many_times(make: Make, port: FakePort, control: FakeControl) -> None:
    built = make()
    await loaded(built)
    control.refuse = ControlError("VALIDATION_FAILED", "items must not be empty", 400)
    built.panel.form.batch.open()
    press(built.panel.form, "startBatch")
    await eventually(lambda: not built.panel.form.batch.is_running)
    assert "refused" in built.panel.form.batch.words
    assert built.panel.form.notice.message.text == "Items must not be empty."
    control.refuse = None
    await built.end()


# --- what must hold, and who is away ----------------------------------------------------------------------------------


async def test_broken_rule_is_red_names_its_saga_and_leads_to_it(
    make: Make, port: FakePort, control: FakeControl
) -> None:
    control.put(compensated(9).saga)
    built = make()
    item = LedgerItem(
        what="payment pay_1 was captured, and order ord_1 is cancelled",
        order="ord_1",
        saga="saga_000000000009",
    )
    port.ledger(
        [
            LedgerLine(name=LineName.PAYMENTS, state=LineState.BROKEN, checked=5, broken=[item], broken_count=4),
            LedgerLine(
                name=LineName.STOCK, state=LineState.OK, checked=1,
                figures={"stock": 90, "reserved": 4, "sold": 6, "received": 100},
            ),
            LedgerLine(name=LineName.CONFIRMATIONS, state=LineState.UNKNOWN, why="notification-1 does not answer"),
        ]
    )  # fmt: skip
    rule = partial(built.panel.ledger.rule, "payments")
    await eventually(lambda: (found := rule()) is not None and found.state is LineState.BROKEN)
    said = texts(built.panel.ledger)
    assert "90 + 4 + 6 = 100" in said
    assert "and 3 more" in said
    assert any("notification-1 does not answer" in text for text in said)
    press(built.panel.ledger, "blamed")
    await eventually(lambda: built.panel.pane.saga is not None and built.panel.pane.saga.seq == 9)
    await built.end()


async def test_stuck_saga_is_named_by_the_ledger(make: Make, port: FakePort) -> None:
    built = make()
    port.tell(completed(1), stuck(2))
    await eventually(lambda: (rule := built.panel.ledger.rule("stuck")) is not None and rule.named)
    rule = built.panel.ledger.rule("stuck")
    assert rule is not None
    assert (rule.state, rule.named[0].saga) == (LineState.BROKEN, "saga_000000000002")
    await built.end()


async def test_absence_of_the_orchestrator_is_said_and_history_stays(
    make: Make, port: FakePort, control: FakeControl
) -> None:
    port.tell(completed(1), stuck(2))
    built = make()
    await loaded(built)
    await eventually(lambda: built.panel.pane.saga is not None)
    control.refuse = AWAY
    port.process("frozen", "frozen by you (SIGSTOP)")
    await eventually(lambda: built.panel.absence.startswith("The orchestrator is frozen since "))
    assert not child(built.panel.form, QPushButton, "runSaga").isEnabled()
    built.panel.list.view.selectRow(1)
    await eventually(lambda: built.panel.pane.saga is not None and built.panel.pane.saga.seq == 1)
    assert numbers(built.model.held) == [2, 1]
    press(built.panel, "mendOrchestrator")
    await eventually(lambda: control.processes == [("orchestrator", "thaw")])
    control.refuse = None
    port.process("healthy", incarnation=2)
    await eventually(lambda: built.panel.absence == "")
    assert child(built.panel.form, QPushButton, "runSaga").isEnabled()
    await built.end()


async def test_lost_contact_mutes_and_system_that_stops_forgets(make: Make, port: FakePort) -> None:
    port.tell(completed(1))
    built = make()
    await loaded(built)
    port.lose()
    await eventually(lambda: built.panel.list.view.is_stale)
    await eventually(lambda: not child(built.panel.form, QPushButton, "runSaga").isEnabled())
    port.feed.forget()
    await eventually(lambda: built.panel.shown == "state")
    assert not built.model.held
    await built.end()


async def test_filter_and_chosen_saga_are_remembered_by_the_next_panel(
    make: Make, port: FakePort, control: FakeControl
) -> None:
    port.tell(completed(1), compensated(2))
    first = make()
    await loaded(first)
    first.panel.filter_to(RunFilter(SagaState.COMPLETED, "usr"))
    first.panel.open_at("saga_000000000002")
    await eventually(lambda: first.panel.pane.saga is not None and first.panel.pane.saga.seq == 2)
    memory = first.panel.memory()
    await first.end()
    second = make()
    second.panel.recall(memory)
    await eventually(lambda: numbers(second.model.held) == [1])
    await eventually(lambda: second.panel.pane.saga is not None and second.panel.pane.saga.seq == 2)
    await second.end()
