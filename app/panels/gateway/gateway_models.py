"""The models of the panel, made together and owned by it."""

from collections.abc import Iterable

from PySide6.QtCore import QObject

from app.panels.gateway.breakers_model import BreakersModel
from app.panels.gateway.picks_model import PicksModel
from app.panels.gateway.requests_model import RequestsModel
from app.panels.gateway.routes_model import RoutesModel


class GatewayModels:
    def __init__(self) -> None:
        self.picks = PicksModel()
        self.breakers = BreakersModel()
        self.requests = RequestsModel()
        self.routes = RoutesModel()

    def set_parent(self, parent: QObject) -> None:
        for model in self._all():
            model.setParent(parent)

    def _all(self) -> Iterable[QObject]:
        return (self.picks, self.breakers, self.requests, self.routes)
