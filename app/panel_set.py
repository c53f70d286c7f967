"""Which panels there are, in the order of the rail, and how each is put together.

A panel's model, view and presenter meet here and nowhere else. The keys are those of the full set of ten panels, so
that they stay the same while the set grows.
"""

from app.core.session import Port
from app.core.settings import WindowSettings
from app.main_window import MainWindow
from app.panels.events.events_model import EventsModel
from app.panels.events.events_panel import EventsPanel
from app.panels.events.events_presenter import EventsPresenter
from app.panels.faults.faults_panel import FaultsPanel
from app.panels.faults.faults_presenter import FaultsPresenter
from app.panels.gateway.gateway_models import GatewayModels
from app.panels.gateway.gateway_panel import GatewayPanel
from app.panels.gateway.gateway_presenter import GatewayPresenter
from app.panels.limits.limits_model import LimitsModel
from app.panels.limits.limits_panel import LimitsPanel
from app.panels.limits.limits_presenter import LimitsPresenter
from app.panels.logs.logs_model import LogsModel
from app.panels.logs.logs_panel import LogsPanel
from app.panels.logs.logs_presenter import LogsPresenter
from app.panels.requests.requests_model import RequestsModel
from app.panels.requests.requests_panel import RequestsPanel
from app.panels.requests.requests_presenter import RequestsPresenter
from app.panels.sagas.runs_model import RunsModel
from app.panels.sagas.sagas_panel import SagasPanel
from app.panels.sagas.sagas_presenter import SagasPresenter
from app.panels.services.journal_model import JournalModel
from app.panels.services.services_model import ServicesModel
from app.panels.services.services_panel import ServicesPanel
from app.panels.services.services_presenter import ServicesPresenter
from app.panels.traffic.kinds_model import KindsModel
from app.panels.traffic.traffic_panel import TrafficPanel
from app.panels.traffic.traffic_presenter import TrafficPresenter


def add_panels(window: MainWindow, port: Port, settings: WindowSettings) -> None:
    window.add_panel(_services(port), "services", "Ctrl+2")
    window.add_panel(_gateway(port), "gateway", "Ctrl+3")
    window.add_panel(_limits(port), "limits", "Ctrl+4")
    window.add_panel(_events(port), "events", "Ctrl+5")
    window.add_panel(_sagas(port), "sagas", "Ctrl+6")
    window.add_panel(_faults(port, settings), "faults", "Ctrl+7")
    window.add_panel(_traffic(port), "traffic", "Ctrl+8")
    window.add_panel(_requests(port, settings), "requests", "Ctrl+9")
    window.add_panel(_logs(port), "logs", "Ctrl+0")


def _services(port: Port) -> ServicesPanel:
    model, journal = ServicesModel(), JournalModel()
    panel = ServicesPanel(model, journal)
    model.setParent(panel)
    journal.setParent(panel)
    ServicesPresenter(panel, model, journal, port)
    return panel


def _gateway(port: Port) -> GatewayPanel:
    models = GatewayModels()
    panel = GatewayPanel(models)
    models.set_parent(panel)
    GatewayPresenter(panel, models, port)
    return panel


def _limits(port: Port) -> LimitsPanel:
    model = LimitsModel()
    panel = LimitsPanel(model)
    model.setParent(panel)
    LimitsPresenter(panel, model, port)
    return panel


def _events(port: Port) -> EventsPanel:
    model = EventsModel()
    panel = EventsPanel(model)
    model.setParent(panel)
    EventsPresenter(panel, model, port)
    return panel


def _sagas(port: Port) -> SagasPanel:
    model = RunsModel()
    panel = SagasPanel(model)
    model.setParent(panel)
    SagasPresenter(panel, model, port)
    return panel


def _faults(port: Port, settings: WindowSettings) -> FaultsPanel:
    panel = FaultsPanel()
    FaultsPresenter(panel, port, settings)
    return panel


def _traffic(port: Port) -> TrafficPanel:
    model = KindsModel()
    panel = TrafficPanel(model)
    model.setParent(panel)
    TrafficPresenter(panel, model, port)
    return panel


def _requests(port: Port, settings: WindowSettings) -> RequestsPanel:
    model = RequestsModel()
    panel = RequestsPanel(model)
    model.setParent(panel)
    RequestsPresenter(panel, model, port, settings)
    return panel


def _logs(port: Port) -> LogsPanel:
    model = LogsModel()
    panel = LogsPanel(model)
    model.setParent(panel)
    LogsPresenter(panel, model, port)
    return panel
