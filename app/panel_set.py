"""Which panels there are, in the order of the rail, and how each is put together.

A panel's model, view and presenter meet here and nowhere else. The keys are those of the full set of ten panels, so
that they stay the same while the set grows. What a panel needs is loaded when it is made: all of it at once would keep the
window still for a third of a second.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.core.session import Port
from app.core.settings import WindowSettings
from app.main_window import MainWindow
from app.widgets.panel import Panel


@dataclass(frozen=True)
class Place:
    """One of the rail, with the key of its panel, which is its icon's name too."""

    key: str
    shortcut: str
    make: Callable[[Port, WindowSettings], Panel]

    def fill(self, window: MainWindow, port: Port, settings: WindowSettings) -> None:
        window.add_panel(self.make(port, settings), self.key, self.shortcut)


def _services(port: Port, _: WindowSettings) -> Panel:
    from app.panels.services.journal_model import JournalModel
    from app.panels.services.services_model import ServicesModel
    from app.panels.services.services_panel import ServicesPanel
    from app.panels.services.services_presenter import ServicesPresenter

    model, journal = ServicesModel(), JournalModel()
    panel = ServicesPanel(model, journal)
    model.setParent(panel)
    journal.setParent(panel)
    ServicesPresenter(panel, model, journal, port)
    return panel


def _gateway(port: Port, _: WindowSettings) -> Panel:
    from app.panels.gateway.gateway_models import GatewayModels
    from app.panels.gateway.gateway_panel import GatewayPanel
    from app.panels.gateway.gateway_presenter import GatewayPresenter

    models = GatewayModels()
    panel = GatewayPanel(models)
    models.set_parent(panel)
    GatewayPresenter(panel, models, port)
    return panel


def _limits(port: Port, _: WindowSettings) -> Panel:
    from app.panels.limits.limits_model import LimitsModel
    from app.panels.limits.limits_panel import LimitsPanel
    from app.panels.limits.limits_presenter import LimitsPresenter

    model = LimitsModel()
    panel = LimitsPanel(model)
    model.setParent(panel)
    LimitsPresenter(panel, model, port)
    return panel


def _events(port: Port, _: WindowSettings) -> Panel:
    from app.panels.events.events_model import EventsModel
    from app.panels.events.events_panel import EventsPanel
    from app.panels.events.events_presenter import EventsPresenter

    model = EventsModel()
    panel = EventsPanel(model)
    model.setParent(panel)
    EventsPresenter(panel, model, port)
    return panel


def _sagas(port: Port, _: WindowSettings) -> Panel:
    from app.panels.sagas.runs_model import RunsModel
    from app.panels.sagas.sagas_panel import SagasPanel
    from app.panels.sagas.sagas_presenter import SagasPresenter

    model = RunsModel()
    panel = SagasPanel(model)
    model.setParent(panel)
    SagasPresenter(panel, model, port)
    return panel


def _faults(port: Port, settings: WindowSettings) -> Panel:
    from app.panels.faults.faults_panel import FaultsPanel
    from app.panels.faults.faults_presenter import FaultsPresenter

    panel = FaultsPanel()
    FaultsPresenter(panel, port, settings)
    return panel


def _traffic(port: Port, _: WindowSettings) -> Panel:
    from app.panels.traffic.kinds_model import KindsModel
    from app.panels.traffic.traffic_panel import TrafficPanel
    from app.panels.traffic.traffic_presenter import TrafficPresenter

    model = KindsModel()
    panel = TrafficPanel(model)
    model.setParent(panel)
    TrafficPresenter(panel, model, port)
    return panel


def _requests(port: Port, settings: WindowSettings) -> Panel:
    from app.panels.requests.requests_model import RequestsModel
    from app.panels.requests.requests_panel import RequestsPanel
    from app.panels.requests.requests_presenter import RequestsPresenter

    model = RequestsModel()
    panel = RequestsPanel(model)
    model.setParent(panel)
    RequestsPresenter(panel, model, port, settings)
    return panel


def _logs(port: Port, _: WindowSettings) -> Panel:
    from app.panels.logs.logs_model import LogsModel
    from app.panels.logs.logs_panel import LogsPanel
    from app.panels.logs.logs_presenter import LogsPresenter

    model = LogsModel()
    panel = LogsPanel(model)
    model.setParent(panel)
    LogsPresenter(panel, model, port)
    return panel


PLACES: Final = (
    Place("services", "Ctrl+2", _services),
    Place("gateway", "Ctrl+3", _gateway),
    Place("limits", "Ctrl+4", _limits),
    Place("events", "Ctrl+5", _events),
    Place("sagas", "Ctrl+6", _sagas),
    Place("faults", "Ctrl+7", _faults),
    Place("traffic", "Ctrl+8", _traffic),
    Place("requests", "Ctrl+9", _requests),
    Place("logs", "Ctrl+0", _logs),
)
