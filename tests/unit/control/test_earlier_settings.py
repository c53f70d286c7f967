from typing import Any

import msgspec
import pytest

from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.contracts.settings import Route, Settings
from embedded_services.control.earlier_settings import brought_up
from embedded_services.control.workspace import Workspace
from tests.helpers.child import demo_settings


def earlier(**routes: Route | None) -> dict[str, Any]:
    """A file from before there was an orchestrator, with other routes in place of those whose prefix ends so."""
    file: dict[str, Any] = msgspec.to_builtins(demo_settings())
    del file["orchestrator"]
    kept = []
    for route in demo_settings().routes:
        changed = routes.get(route.prefix.rsplit("/", 1)[1], route)
        if route.service != ORCHESTRATOR and changed is not None:
            kept.append(msgspec.to_builtins(changed))
    return file | {"routes": kept}


def loaded(file: dict[str, Any]) -> list[Route]:
    return brought_up(msgspec.convert(file, Settings), file, demo_settings()).routes


def test_an_earlier_file_gets_the_routes_of_a_new_one() -> None:
    assert loaded(earlier()) == demo_settings().routes


def test_a_file_of_this_version_is_left_as_it_is() -> None:
    file = earlier() | {"orchestrator": msgspec.to_builtins(demo_settings().orchestrator)}
    assert ORCHESTRATOR not in {route.service for route in loaded(file)}


@pytest.mark.parametrize(
    "changed",
    [
        Route(prefix="/api/orders", service="order", public=True),
        Route(prefix="/api/orders", service="payment"),
        Route(prefix="/api/orders", service="order", exact=True),
        None,
    ],
)
def test_a_route_that_its_user_changed_stays(changed: Route | None) -> None:
    routes = loaded(earlier(orders=changed))
    to_sagas = [route.prefix for route in routes if route.service == ORCHESTRATOR]
    assert to_sagas == ["/api/cart/checkout"], "the others are as they were, and served as by a new workspace"
    assert [route for route in routes if route.prefix == "/api/orders"] == ([changed] if changed else [])


def test_a_workspace_of_an_earlier_version_places_orders_through_sagas(tmp_path_factory: Any) -> None:
    workspace = Workspace(tmp_path_factory.mktemp("earlier"))
    workspace.settings_path.write_bytes(msgspec.json.encode(earlier() | {"name": "mine"}))
    settings = workspace.load_settings()
    assert (settings.name, settings.routes) == ("mine", demo_settings().routes)
    workspace.save_settings(settings, 2)
    assert workspace.load_settings() == settings
