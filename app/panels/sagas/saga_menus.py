"""The menus of a run in the list and of a step's card: what can be done there, by keyboard too."""

from collections.abc import Callable

from PySide6.QtWidgets import QMenu

from app.core.language import tr
from app.panels.sagas.hold_words import ActionKey, refusals
from app.panels.sagas.run_rows import RunRow
from app.panels.sagas.saga_head import fill_trace_menu
from app.panels.sagas.step_target import StepTarget
from embedded_services.contracts.sagas import ENDED, HoldReason, SagaDefinition, SagaState

Asked = Callable[[str], object]


def fill_run_menu(menu: QMenu, row: RunRow, asked: Asked) -> None:
    if row.state not in ENDED:
        waits = row.hold is HoldReason.PERSON
        _add(menu, "next", tr("Next"), asked, enabled=row.hold is HoldReason.NEXT)
        _add(menu, "retry", tr("Retry"), asked, enabled=waits)
        _add(menu, "skip", tr("Skip with a reason…"), asked, enabled=waits)
        _add(menu, "cancel", tr("Cancel…"), asked, enabled=row.state is SagaState.RUNNING)
        menu.addSeparator()
    _add(menu, "again", tr("Put its order into the form"), asked)
    _add(menu, "id", tr("Copy the id"), asked)
    _add(menu, "copy", tr("Copy as JSON"), asked)
    menu.addSeparator()
    fill_trace_menu(menu, asked)


def fill_step_menu(menu: QMenu, target: StepTarget, definition: SagaDefinition | None, asked: Asked) -> None:
    """Below what is there already."""
    if menu.actions():
        menu.addSeparator()
    _add(menu, "show", tr("Show in the inspector"), asked)
    _add(menu, "copy", tr("Copy as JSON"), asked)
    _add(menu, "logs", tr("Open logs"), asked)
    menu.addSeparator()
    why_not = refusals(target.saga, definition)
    words: dict[ActionKey, str] = {
        "next": tr("Next"), "retry": tr("Retry"), "skip": tr("Skip with a reason…"), "cancel": tr("Cancel the saga…"),
    }  # fmt: skip
    for key, text in words.items():
        _add(menu, key, text, asked, enabled=not why_not[key])
    menu.addSeparator()
    fill_trace_menu(menu, asked)


def _add(menu: QMenu, key: str, text: str, asked: Asked, *, enabled: bool = True) -> None:
    action = menu.addAction(text)
    action.setObjectName(key)
    action.setEnabled(enabled)
    action.triggered.connect(lambda: asked(key))
