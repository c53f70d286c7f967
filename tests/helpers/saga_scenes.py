"""The Sagas panel as it is pictured: runs that ended well, one that is stuck, and one on its way back."""

import asyncio
from typing import Any, Final

from PySide6.QtWidgets import QPushButton

from app.bootstrap import Application
from app.panels.sagas.order_data import CUSTOMER, TEST_ORDER, order_of
from app.panels.sagas.sagas_panel import SagasPanel
from embedded_services.contracts.sagas import NewSaga, SagaState
from tests.helpers.qt import eventually

RUNS: Final = 12
APART_S: Final = 0.05
UNDOING_S: Final = 2.5
"""Until the next try of an undoing is so far off that it can be seen to be waited for."""


def sagas(application: Application) -> SagasPanel:
    found = application.window.panels["sagas"]
    assert isinstance(found, SagasPanel)
    return found


async def calm_sagas(application: Application) -> None:
    """Some ran, one of which was undone; the last one was started from the form and is looked at."""
    panel, control = sagas(application), application.session.control()
    application.window.show_panel("sagas")
    order = order_of(CUSTOMER, TEST_ORDER)
    refused = {"send-confirmation": {"kind": "fail-step"}}
    for number in range(RUNS):
        await control.start_saga(
            NewSaga(name="order-processing", data=order, faults=refused if number == RUNS // 2 else {})
        )
        await asyncio.sleep(APART_S)
    button = panel.form.findChild(QPushButton, "runSaga")
    assert button is not None
    before = panel.pane.saga.id if panel.pane.saga is not None else ""
    button.click()
    await eventually(lambda: panel.pane.saga is not None and panel.pane.saga.id != before)
    await eventually(lambda: panel.pane.saga is not None and panel.pane.saga.state is SagaState.COMPLETED)


async def troubled_sagas(application: Application) -> None:
    """One is stuck; another one undoes what it did, again and again, and is looked at where it failed."""
    panel, control = sagas(application), application.session.control()
    application.window.show_panel("sagas")
    order = order_of(CUSTOMER, TEST_ORDER)
    started = ""
    for final in (True, False):
        undoing: dict[str, Any] = {"kind": "fail-compensation", "final": final}
        faults = {"process-payment": {"kind": "fail-step"}, "reserve-inventory": undoing}
        started = (await control.start_saga(NewSaga(name="order-processing", data=order, faults=faults))).id
    panel.open_at(started)
    await eventually(lambda: panel.pane.shown_lanes.turn is not None)
    await asyncio.sleep(UNDOING_S)
    panel.pane.step_chosen.emit("process-payment", "forward")
