"""Who wants to hear of what, by the settings."""

import importlib

import msgspec
import pytest

from embedded_services.contracts.settings import ServiceSettings
from embedded_services.services.kit.topology import bound_by, topology_of
from tests.helpers.child import demo_settings


def test_each_subscribing_service_has_its_queue_bound() -> None:
    settings = demo_settings()
    services = {
        **settings.services,
        "mailer": ServiceSettings(kind="notification"),
        "far": ServiceSettings(kind="external"),
    }
    topology = topology_of(msgspec.structs.replace(settings, services=services))
    assert set(topology) == {"order.events", "payment.events", "notification.events", "mailer.events"}
    assert topology["order.events"] == ("payment.completed", "payment.failed", "payment.refunded")
    assert topology["mailer.events"] == topology["notification.events"]


@pytest.mark.parametrize("kind", ["order", "payment", "notification"])
def test_what_a_kind_says_it_hears_is_what_it_reacts_to(kind: str) -> None:
    reactions = importlib.import_module(f"embedded_services.services.{kind}.reactions")
    table = reactions.Reactions.table.fget(object.__new__(reactions.Reactions))
    assert set(table) == set(bound_by(kind))
