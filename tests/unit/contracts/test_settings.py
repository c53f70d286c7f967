from typing import Any

import msgspec
import pytest

from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.settings import ServicePatch, ServiceSettings, Settings
from embedded_services.contracts.system import Registration
from tests.helpers.child import demo_settings


def test_settings_survive_being_written_and_read() -> None:
    settings = demo_settings()
    assert msgspec.json.decode(msgspec.json.encode(settings), type=Settings) == settings


def test_limit_starts_as_the_guide_has_it() -> None:
    limits = LimitSettings()
    assert (limits.algorithm, limits.limit, limits.window_s, limits.key) == ("fixed-window", 100, 60, "ip")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ServiceSettings, {"kind": "a", "replicas": 65}),
        (ServiceSettings, {"kind": "a", "replicas": -1}),
        (ServiceSettings, {"kind": "a", "port": 0}),
        (ServiceSettings, {"kind": "../a"}),
        (ServiceSettings, {"kind": "a", "weights": {"a-1": 0}}),
        (ServiceSettings, {"kind": "a", "policy": {"timeoutS": 0}}),
        (ServicePatch, {"strategy": "best"}),
        (ServicePatch, {"replica": 3}),
        (LimitSettings, {"limit": 0}),
        (LimitSettings, {"limit": 10**9 + 1}),
        (LimitSettings, {"key": "header:"}),
        (LimitSettings, {"key": "header:a b"}),
        (Registration, {"host": "", "port": 80, "ttl": 5}),
        (Registration, {"host": "h", "port": 80, "ttl": 0.5}),
        (Registration, {"host": "h", "port": 80, "ttl": 5, "healthPath": "no-slash"}),
        (Registration, {"host": "h", "port": 80, "ttl": 5, "healthPath": "/a b"}),
    ],
)
def test_value_out_of_bounds_is_refused(kind: type[msgspec.Struct], value: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, kind)


def test_only_what_is_wished_is_sent() -> None:
    assert msgspec.to_builtins(ServicePatch(replicas=3)) == {"replicas": 3}
