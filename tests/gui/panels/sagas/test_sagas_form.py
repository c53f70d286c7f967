"""The form sends what is typed, says at the field what is wrong with it, and arms failures for the next run only."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QMenu, QPlainTextEdit
from pytestqt.qtbot import QtBot

from app.core.messages import UserMessage
from app.panels.sagas.armed_words import choices_for, fault_word, prediction, wire
from app.panels.sagas.order_data import ItemText, items_of, order_of, start_data, subtotal
from app.panels.sagas.run_form import RunForm
from app.widgets.switch import Switch
from embedded_services.contracts.sagas import ArmedFault, FaultKind, NewSaga
from embedded_services.sagas.faulty import armed
from embedded_services.sagas.order_processing import ORDER_PROCESSING
from embedded_services.sagas.refund_order import REFUND_ORDER
from tests.gui.panels.sagas.conftest import child, press
from tests.gui.panels.sagas.shop import DEFINITIONS, ORDERS, completed
from tests.helpers.qt import texts

TEST_ORDER = {
    "userId": "usr_demo",
    "items": [
        {"productId": "prod1", "quantity": 2, "price": 29.99},
        {"productId": "prod2", "quantity": 1, "price": 59.99},
    ],
}


@pytest.fixture
def form(qtbot: QtBot) -> RunForm:
    form = RunForm()
    qtbot.addWidget(form)
    form.show_definitions(DEFINITIONS)
    form.resize(560, 300)
    form.show()
    return form


def asked(form: RunForm, do: Callable[[], object]) -> list[NewSaga]:
    found: list[NewSaga] = []
    form.run_requested.connect(found.append)
    do()
    form.run_requested.disconnect(found.append)
    return found


def test_test_order_is_one_click_away(form: RunForm) -> None:
    [saga] = asked(form, lambda: press(form, "runSaga"))
    assert (saga.name, saga.data, saga.faults, saga.step_mode) == ("order-processing", TEST_ORDER, {}, False)
    assert "119.97" in texts(form)


def test_what_is_no_number_is_sent_for_the_backend_to_refuse(form: RunForm) -> None:
    child(form, QLineEdit, "quantity-0").setText("two")
    child(form, QLineEdit, "price-1").setText("")
    child(form, QLineEdit, "customer").setText(" ann ")
    [saga] = asked(form, form.run)
    assert saga.data == {
        "userId": "ann",
        "items": [
            {"productId": "prod1", "quantity": "two", "price": 29.99},
            {"productId": "prod2", "quantity": 1},
        ],
    }


def test_refusal_is_said_at_each_field_that_it_names(form: RunForm) -> None:
    fields = {
        "items[1].quantity": "must be at least 1",
        "userId": "is required",
        "faults.create-order": "cannot be",
    }
    form.show_refusal(UserMessage("It is wrong."), fields)
    said = texts(form)
    assert "Quantity: must be at least 1" in said
    assert "is required" in said
    assert "cannot be" in said
    assert child(form, QLineEdit, "quantity-1").property("invalid") == "true"
    assert child(form, QLineEdit, "quantity-0").property("invalid") is None
    assert form.notice.isHidden(), "all of it is said where it belongs"
    child(form, QLineEdit, "quantity-1").setText("3")
    assert child(form, QLineEdit, "quantity-1").property("invalid") is None


def test_refusal_of_nothing_in_particular_is_a_notice(form: RunForm) -> None:
    form.show_refusal(UserMessage("The orchestrator is away."), {})
    assert form.notice.message.text == "The orchestrator is away."


def test_items_are_added_counted_and_taken_away(form: RunForm, qtbot: QtBot) -> None:
    press(form, "addItem")
    press(form, "remove-0")
    qtbot.keyClick(child(form, QLineEdit, "quantity-0"), Qt.Key.Key_Up)
    [saga] = asked(form, form.run)
    assert [(item["productId"], item["quantity"]) for item in saga.data["items"]] == [
        ("prod2", 2),
        ("prod1", 1),
    ]
    press(form, "remove-0")
    press(form, "remove-0")
    [saga] = asked(form, form.run)
    assert saga.data["items"] == []


def choose(menu: QMenu, key: str) -> None:
    action = menu.findChild(QAction, key)
    assert isinstance(action, QAction)
    action.trigger()
    menu.close()


def test_click_on_a_step_arms_it_for_one_run(form: RunForm, qtbot: QtBot) -> None:
    row = form.faults.row("process-payment")
    qtbot.mouseClick(row, Qt.MouseButton.LeftButton)
    choose(child(row, QMenu, "faultMenu"), "fail")
    assert form.faults.faults == {"process-payment": ArmedFault(FaultKind.FAIL_STEP)}
    assert "Will end as compensated" in child(form, QLabel, "prediction").text()
    [saga] = asked(form, form.run)
    assert saga.faults["process-payment"]["kind"] == "fail-step"
    form.started()
    assert form.faults.faults == {}


def test_slow_takes_the_delay_that_is_typed(form: RunForm) -> None:
    row = form.faults.row("create-order")
    row.arm(ArmedFault(FaultKind.SLOW, delay_ms=1000))
    delay = child(row, QLineEdit, "delay-create-order")
    delay.setText("2.5")
    delay.textEdited.emit("2.5")
    assert form.faults.faults["create-order"].delay_ms == 2500
    delay.textEdited.emit("never")
    assert form.faults.faults["create-order"].delay_ms == 2500
    assert any("From 0.001 to 120 s." in said for said in texts(row))


def test_switch_arms_what_was_armed_last_and_keyboard_reaches_all(form: RunForm, qtbot: QtBot) -> None:
    row = form.faults.row("process-payment")
    qtbot.keyClick(row, Qt.Key.Key_Return)
    choose(child(row, QMenu, "faultMenu"), "undo-fail")
    switch = child(row, Switch, "switch-process-payment")
    switch.click()
    assert form.faults.faults == {}
    switch.click()
    assert form.faults.faults["process-payment"].final
    qtbot.keyClick(row, Qt.Key.Key_Delete)
    assert form.faults.faults == {}


def test_every_choice_is_one_that_the_orchestrator_takes() -> None:
    for definition in DEFINITIONS:
        for step in definition.steps:
            for group in choices_for(step):
                for choice in group:
                    assert fault_word(choice.fault)
                    assert choice.says
                    told = {step.name: choice.fault}
                    known = ORDER_PROCESSING if definition is ORDERS else REFUND_ORDER
                    assert armed(known, wire(told)) == told


def test_prediction_knows_the_point_of_no_return() -> None:
    refund = DEFINITIONS[1]
    fail = ArmedFault(FaultKind.FAIL_STEP)
    assert "compensated" in prediction({"check-refund": fail}, refund.steps)
    assert "waits for you" in prediction({"cancel-order": fail}, refund.steps)
    assert (
        "will complete"
        in prediction({"check-refund": ArmedFault(FaultKind.SLOW, delay_ms=10)}, refund.steps).lower()
    )


def test_other_sagas_are_written_as_json_and_checked_as_typed(form: RunForm, qtbot: QtBot) -> None:
    form.offer_order("ord_77")
    child(form, QComboBox, "sagaKind").textActivated.emit("refund-order")
    editor = child(form, QPlainTextEdit, "sagaData")
    assert '"orderId": "ord_77"' in editor.toPlainText()
    assert [row.step.name for row in form.faults._rows] == [step.name for step in DEFINITIONS[1].steps]
    editor.setPlainText('{"orderId": ')
    assert asked(form, form.run) == []
    assert child(form, QLabel, "dataSays").text().startswith("No JSON")
    editor.setPlainText('{"orderId": "ord_1"}')
    [saga] = asked(form, form.run)
    assert (saga.name, saga.data) == ("refund-order", {"orderId": "ord_1"})
    form.show_refusal(UserMessage("x"), {"orderId": "is required"})
    assert child(form, QLabel, "dataSays").text() == "orderId is required"
    form.choose("order-processing")
    form.choose("refund-order")
    assert editor.toPlainText() == '{"orderId": "ord_1"}', "what was written is kept"


def test_order_can_be_written_as_json_and_comes_back(form: RunForm) -> None:
    press(form, "asJson")
    editor = child(form, QPlainTextEdit, "sagaData")
    editor.setPlainText('{"userId": "bob", "items": [{"productId": "prod3", "quantity": 9}], "coupon": 1}')
    press(form, "asJson")
    assert any("more than the form has fields for" in said for said in texts(form))
    editor.setPlainText('{"userId": "bob", "items": [{"productId": "prod3", "quantity": 9}]}')
    press(form, "asJson")
    assert editor.isHidden() or not editor.isVisible()
    assert form.data.order.data == {"userId": "bob", "items": [{"productId": "prod3", "quantity": 9}]}


def test_many_runs_are_asked_for_within_bounds(form: RunForm) -> None:
    wanted: list[tuple[NewSaga, int, float]] = []
    form.batch_requested.connect(lambda *told: wanted.append(told))
    press(form, "runMany")
    child(form, QLineEdit, "batchCount").setText("0")
    press(form, "startBatch")
    assert any("a whole number from 1 to" in said for said in texts(form))
    child(form, QLineEdit, "batchCount").setText("30")
    child(form, QLineEdit, "batchRate").setText("1000")
    press(form, "startBatch")
    assert any("How fast" in said for said in texts(form))
    child(form, QLineEdit, "batchRate").setText("2.5")
    press(form, "startBatch")
    assert [(count, rate) for _, count, rate in wanted] == [(30, 2.5)]


def test_nothing_is_started_while_nobody_could_run_it(form: RunForm) -> None:
    form.set_absence("The orchestrator is frozen.")
    assert asked(form, form.run) == []
    form.set_absence("")
    assert len(asked(form, form.run)) == 1


def test_amounts_that_are_no_numbers_have_no_sum() -> None:
    assert subtotal(ItemText("p", "2", "29.99")) == pytest.approx(59.98)
    assert subtotal(ItemText("p", "two", "29.99")) is None
    assert order_of("u", [ItemText("p", "nan", "1e999")])["items"] == [
        {"productId": "p", "quantity": "nan", "price": "1e999"}
    ]


def test_data_of_a_run_becomes_what_it_was_started_with() -> None:
    data = start_data("order-processing", completed(1).saga.data)
    assert data == {"userId": "usr_demo", "items": [{"productId": "prod1", "quantity": 2, "price": 29.99}]}
    assert items_of(data) == ("usr_demo", [ItemText("prod1", "2", "29.99")])
