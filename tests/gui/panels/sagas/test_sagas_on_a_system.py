"""The Sagas panel on a system that runs: by click an order is run, fails and is undone, gets stuck and is repaired."""

from collections.abc import Iterator
from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLineEdit, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.panels.sagas.run_filter import RunFilter
from embedded_services.contracts.ledger import LineState
from embedded_services.contracts.sagas import SagaState
from embedded_services.contracts.system import Ready
from tests.gui.panels.sagas.conftest import Built, build, child, press
from tests.helpers.live import LivePort, live_port, served
from tests.helpers.qt import eventually, texts

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    with served(tmp_path_factory.mktemp("workspace")) as ready:
        yield ready


async def opened(port: LivePort, qtbot: QtBot) -> Built:
    built = build(port, qtbot)
    await eventually(lambda: built.panel.form.steps and built.presenter.history.is_loaded)
    await eventually(lambda: built.panel.absence == "")
    return built


def arm(built: Built, qtbot: QtBot, step: str, key: str) -> None:
    row = built.panel.form.faults.row(step)
    qtbot.mouseClick(row, LEFT)
    menu = child(row, QMenu, "faultMenu")
    child_action(menu, key).trigger()
    menu.close()


def child_action(menu: QWidget, key: str) -> QAction:
    found = menu.findChild(QAction, key)
    assert isinstance(found, QAction)
    return found


async def run(built: Built, qtbot: QtBot) -> str:
    """Start what the form asks for, by click; the id of the run."""
    before = built.panel.pane.saga.id if built.panel.pane.saga is not None else ""
    qtbot.mouseClick(child(built.panel.form, QPushButton, "runSaga"), LEFT)
    await eventually(lambda: built.panel.pane.saga is not None and built.panel.pane.saga.id != before)
    assert built.panel.pane.saga is not None
    return built.panel.pane.saga.id


def words(built: Built, way: str) -> list[str]:
    columns = built.panel.pane.shown_lanes.columns
    return [(column.undo if way == "undo" else column.forward).word for column in columns]


def is_ok(built: Built, key: str) -> bool:
    rule = built.panel.ledger.rule(key)
    return rule is not None and rule.state is LineState.OK


def holds(built: Built, words: str) -> bool:
    return built.panel.pane.hold == words


def state(built: Built) -> SagaState | None:
    return built.panel.pane.saga.state if built.panel.pane.saga is not None else None


async def test_failing_payment_undoes_the_reservation(ready: Ready, qtbot: QtBot) -> None:
    async with live_port(ready) as port:
        built = await opened(port, qtbot)
        await run(built, qtbot)
        await eventually(lambda: words(built, "forward") == ["completed"] * 5)
        arm(built, qtbot, "process-payment", "fail")
        failed = await run(built, qtbot)
        await eventually(lambda: state(built) is SagaState.COMPENSATED)
        await eventually(lambda: words(built, "undo")[:3] == ["undone", "undone", "not needed"])
        assert words(built, "forward")[2] == "failed"
        assert built.panel.pane.shown_lanes.columns[2].forward.tag == "fail-step hit"
        assert built.panel.form.faults.faults == {}, "what was armed belonged to that run alone"
        await eventually(
            lambda: (row := built.model.find(failed)) is not None and row.step == "process-payment"
        )
        await eventually(partial(is_ok, built, "stock"))
        await eventually(partial(holds_none, built))  # nothing stays reserved
        await built.end()


def holds_none(built: Built) -> bool:
    rule = built.panel.ledger.rule("stock")
    return rule is not None and " + 0 + " in rule.figures


async def test_compensation_that_fails_for_good_is_retried_and_skipped(ready: Ready, qtbot: QtBot) -> None:
    async with live_port(ready) as port:
        built = await opened(port, qtbot)
        arm(built, qtbot, "process-payment", "fail")
        arm(built, qtbot, "reserve-inventory", "undo-fail")
        stuck = await run(built, qtbot)
        await eventually(lambda: words(built, "undo")[1:2] == ["undo failed"])
        assert built.panel.pane.hold.startswith("Waits for you: reserve-inventory")
        await eventually(lambda: (rule := built.panel.ledger.rule("stuck")) and rule.named)
        press(built.panel.pane, "saga-retry")
        await eventually(lambda: any("tried again by you" in line for line in journal(built)))
        await eventually(lambda: words(built, "undo")[1] == "undo failed")  # its fault is for good
        press(built.panel.pane, "saga-skip")
        child(built.panel.pane, QLineEdit, "reason").setText("counted by hand")
        press(built.panel.pane, "giveReason")
        await eventually(lambda: state(built) is SagaState.COMPENSATED)
        await eventually(lambda: words(built, "undo")[:2] == ["undone", "skipped by you"])
        assert any("counted by hand" in line for line in journal(built))
        await eventually(partial(is_ok, built, "stuck"))
        assert built.panel.pane.saga is not None
        assert built.panel.pane.saga.id == stuck
        await built.end()


def journal(built: Built) -> list[str]:
    return [line.text for line in built.panel.saga_page.journal.lines]


async def test_run_goes_step_by_step_and_is_cancelled(ready: Ready, qtbot: QtBot) -> None:
    async with live_port(ready) as port:
        built = await opened(port, qtbot)
        press(built.panel.form, "stepMode")
        await run(built, qtbot)
        press(built.panel.form, "stepMode")
        for done in ("validate-order", "reserve-inventory"):
            await eventually(partial(holds, built, f"Step by step: Next lets {done} begin."))
            press(built.panel.pane, "saga-next")
        await eventually(lambda: "process-payment" in built.panel.pane.hold)
        press(built.panel.pane, "saga-cancel")
        press(built.panel.pane, "giveReason")
        await eventually(lambda: state(built) is SagaState.COMPENSATED)
        assert words(built, "forward")[2:] == ["not reached"] * 3
        await built.end()


async def test_wrong_order_is_refused_at_its_field_and_starts_nothing(ready: Ready, qtbot: QtBot) -> None:
    async with live_port(ready) as port:
        built = await opened(port, qtbot)
        before = (await port.control().sagas(RunFilter().query(0.0, 1))).items
        child(built.panel.form, QLineEdit, "quantity-0").setText("-1")
        press(built.panel.form, "runSaga")
        await eventually(lambda: "Quantity: must be at least 1" in texts(built.panel.form))
        press(built.panel.form, "remove-0")
        press(built.panel.form, "remove-0")
        press(built.panel.form, "runSaga")
        await eventually(lambda: "The items: must not be empty" in texts(built.panel.form))
        press(built.panel.form, "addItem")
        child(built.panel.form, QLineEdit, "product-0").setText("prod-unknown")
        await run(built, qtbot)
        await eventually(lambda: state(built) is SagaState.COMPENSATED)
        assert words(built, "forward")[0] == "failed"
        after = (await port.control().sagas(RunFilter().query(0.0, 1))).items
        assert after[0].seq == (before[0].seq if before else 0) + 1
        await built.end()


async def test_crash_of_the_orchestrator_is_survived_before_ones_eyes(ready: Ready, qtbot: QtBot) -> None:
    async with live_port(ready) as port:
        built = await opened(port, qtbot)
        arm(built, qtbot, "reserve-inventory", "crash-after")
        await run(built, qtbot)
        await eventually(lambda: words(built, "forward") == ["completed"] * 5)
        assert any("crash-orchestrator hit" in line for line in journal(built))
        await built.end()


async def test_frozen_orchestrator_is_told_and_thawed_from_here(ready: Ready, qtbot: QtBot) -> None:
    async with live_port(ready) as port:
        built = await opened(port, qtbot)
        await run(built, qtbot)
        await eventually(lambda: state(built) is SagaState.COMPLETED)
        await port.control().act_on_process("orchestrator", "freeze")
        await eventually(lambda: built.panel.absence.startswith("The orchestrator is frozen since "))
        assert built.model.held
        assert not child(built.panel.form, QPushButton, "runSaga").isEnabled()
        press(built.panel, "mendOrchestrator")
        await eventually(lambda: built.panel.absence == "")
        await run(built, qtbot)
        await eventually(lambda: state(built) is SagaState.COMPLETED)
        await built.end()
