"""What stands in the composer becomes a fault, or an error at the field that is wrong: before anybody is asked."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from app.panels.faults.draft import Draft, draft_of, first_draft, guess_share, is_used, parse
from embedded_services.contracts.faults import FaultScope, FaultTarget, NewFault
from embedded_services.faults.catalogue import KINDS

LATENCY = KINDS["latency"].info


def draft(**changes: Any) -> Draft:
    return replace(first_draft(LATENCY), **{"target": {"service": "order"}, "percent": "25"} | changes)


@pytest.mark.parametrize("kind", sorted(name for name, kind in KINDS.items() if kind.armable))
def test_defaults_of_every_kind_are_good(kind: str) -> None:
    info = KINDS[kind].info
    wanted = replace(first_draft(info), target={info.needs[0]: "order"})
    fault = parse(info, wanted)
    assert isinstance(fault, NewFault)
    KINDS[kind].read(fault.params)


def test_what_is_written_is_what_is_asked_for() -> None:
    fault = parse(LATENCY, draft(seed="7", ttl="15", scope=FaultScope.CONNECTION))
    assert isinstance(fault, NewFault)
    assert (fault.target, fault.probability, fault.seed, fault.ttl, fault.scope) == (
        FaultTarget(service="order"), 0.25, 7, 15.0, FaultScope.CONNECTION,
    )  # fmt: skip
    assert fault.params["ms"] == 300


def test_a_parameter_that_does_not_count_is_left_out() -> None:
    fault = parse(LATENCY, draft())
    assert isinstance(fault, NewFault)
    assert fault.params["distribution"] == "fixed"
    assert "sigma" not in fault.params
    assert "jitterMs" not in fault.params


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"target": {}}, "target", "Choose"),
        ({"percent": "101"}, "probability", "0 to 100"),
        ({"percent": "a lot"}, "probability", "0 to 100"),
        ({"percent": "nan"}, "probability", "0 to 100"),
        ({"ttl": "0"}, "ttl", "an hour"),
        ({"ttl": "3601"}, "ttl", "an hour"),
        ({"seed": "-1"}, "seed", "whole number"),
        ({"seed": "99999999999"}, "seed", "whole number"),
        ({"params": {**first_draft(LATENCY).params, "ms": "1e9"}}, "params.ms", "0 – 60,000 ms"),
        ({"params": {**first_draft(LATENCY).params, "ms": ""}}, "params.ms", "0 – 60,000 ms"),
        ({"target": {"route": "orders"}}, "target.route", "must be a path like /api/orders/{id}"),
        ({"target": {"service": "order", "user": "two words"}}, "target.user", "an id without spaces"),
        ({"target": {"service": "order", "method": "BREW"}}, "target.method", "GET, HEAD, POST"),
        ({"target": {"service": "order", "header": "two words"}}, "target.header", "name: value"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(changes: dict[str, Any], field: str, says: str) -> None:
    problems = parse(LATENCY, draft(**changes))
    assert isinstance(problems, dict)
    assert list(problems) == [field]
    assert says in problems[field]


def test_a_fraction_of_a_thread_is_none() -> None:
    info = KINDS["cpu-burn"].info
    first = first_draft(info)
    wrong = Draft(target={"instance": "order-1"}, params={**first.params, "threads": "1.5"})
    problems = parse(info, wrong)
    assert isinstance(problems, dict)
    assert "whole" in problems["params.threads"]


def test_a_comma_is_a_point() -> None:
    assert guess_share(draft(percent="12,5")) == 0.125


def test_what_was_armed_can_be_composed_again() -> None:
    fault = NewFault(
        kind="latency", target=FaultTarget(instance="order-1", method="GET"),
        params={"distribution": "normal", "ms": 40.0, "jitterMs": 5.5}, probability=0.1, seed=3, ttl=90,
        scope=FaultScope.REQUEST,
    )  # fmt: skip
    again = parse(LATENCY, draft_of(fault, LATENCY))
    assert isinstance(again, NewFault)
    assert KINDS["latency"].read(again.params) == KINDS["latency"].read(fault.params)
    assert msgspec.structs.replace(again, params=fault.params) == fault


def test_only_what_its_shape_needs_is_used() -> None:
    params = {param.name: param for param in LATENCY.params}
    assert not is_used(params["sigma"], {"distribution": "fixed"})
    assert is_used(params["sigma"], {"distribution": "lognormal"})
    assert is_used(params["distribution"], {})
