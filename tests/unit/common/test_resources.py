import msgspec

from embedded_services.common.resources import resource
from embedded_services.common.version import __version__
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.contracts.settings import Settings


def test_default_workspace_ships_and_is_valid() -> None:
    settings = msgspec.json.decode(resource("workspaces", "demo-shop.json").read_bytes(), type=Settings)
    assert {route.service for route in settings.routes} <= {*settings.services, ORCHESTRATOR}
    assert {part.service for part in settings.dashboard.values()} <= set(settings.services)


def test_version_is_three_numbers() -> None:
    assert all(part.isdecimal() for part in __version__.split("."))
    assert __version__.count(".") == 2
