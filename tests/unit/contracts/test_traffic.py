from typing import Any

import msgspec
import pytest

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.traffic import MAX_BODY, TrafficPlan, TrafficWish
from embedded_services.contracts.validation import decode_json

DECODER = msgspec.json.Decoder(TrafficWish)


@pytest.mark.parametrize(
    ("wish", "field", "bound", "unit"),
    [
        ({"rate": 0}, "rate", 0.1, "1/s"),
        ({"rate": 5001}, "rate", 5000, "1/s"),
        ({"clients": 0}, "clients", 1, None),
        ({"clients": 1001}, "clients", 1000, None),
        ({"durationS": 0}, "durationS", 0.1, "s"),
        ({"timeoutS": 301}, "timeoutS", 300, "s"),
        ({"maxInFlight": 20001}, "maxInFlight", 20000, "requests"),
        ({"steps": [{"atS": -1, "rate": 1}]}, "steps[0].atS", 0, "s"),
        ({"steps": [{"atS": 1, "rate": 5001}]}, "steps[0].rate", 5000, "1/s"),
        ({"mix": {"browse": -1}}, "mix.browse", 0, None),
    ],
)
def test_bound_that_is_broken_is_named_with_its_unit(
    wish: Any, field: str, bound: float, unit: str | None
) -> None:
    with pytest.raises(ApiError) as refused:
        decode_json(DECODER, msgspec.json.encode(wish))
    assert refused.value.details is not None
    (detail,) = refused.value.details
    assert (detail.field, detail.bound, detail.unit) == (field, bound, unit)


@pytest.mark.parametrize(
    "wish",
    [
        {"speed": 3},
        {"arrivals": "uniform"},
        {"mix": {"browse": 0, "checkout": 0, "login": 0}},
        {"requests": [{"method": "HEAD", "path": "/"}]},
        {"requests": [{"method": "GET", "path": "http://elsewhere/"}]},
        {"requests": [{"method": "GET", "path": "/ x"}]},
        {"requests": [{"method": "GET", "path": "/", "headers": {"Host": "elsewhere"}}]},
        {"requests": [{"method": "GET", "path": "/", "headers": {"X-A": "b\r\nX-C: d"}}]},
        {"requests": [{"method": "POST", "path": "/", "body": "x" * MAX_BODY}]},
    ],
)
def test_what_makes_no_sense_is_refused(wish: Any) -> None:
    with pytest.raises(ApiError) as refused:
        decode_json(DECODER, msgspec.json.encode(wish))
    assert refused.value.code == "VALIDATION_FAILED"


def test_defaults_of_a_plan_are_within_the_bounds_of_a_wish() -> None:
    plan = msgspec.to_builtins(TrafficPlan())
    del plan["autoClients"]
    assert msgspec.convert(plan, TrafficWish).rate == TrafficPlan().rate
