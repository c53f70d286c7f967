"""The step that a menu is about: what others need who add to it what can be broken there."""

from dataclasses import dataclass

from app.panels.sagas.cards import Way
from embedded_services.contracts.sagas import Saga


@dataclass(frozen=True)
class StepTarget:
    """`service` carries the step out and `instance` did, or does; both are empty where that is not known."""

    saga: Saga
    step: str
    way: Way
    service: str = ""
    instance: str = ""
