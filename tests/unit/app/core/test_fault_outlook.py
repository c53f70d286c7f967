"""What a client will see, said before the fault is armed: it must follow the present system."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.fault_outlook import BINS, Aim, outlook, spread
from embedded_services.contracts.faults import FaultTarget
from embedded_services.contracts.settings import Settings
from embedded_services.faults.catalogue import KINDS
from tests.helpers.child import demo_settings
from tests.helpers.fault_scene import instance, scene


def aim(kind: str, probability: float = 1.0, params: dict[str, Any] | None = None, **target: str) -> Aim:
    info = KINDS[kind].info
    known = {param.name: param.default for param in info.params}
    return Aim(kind, FaultTarget(**target), {**known, **(params or {})}, probability, 60.0, info.sees)


def without_retries() -> Settings:
    settings = demo_settings()
    services = {
        name: msgspec.structs.replace(
            one,
            policy=msgspec.structs.replace(
                one.policy, retries=msgspec.structs.replace(one.policy.retries, enabled=False)
            ),
        )
        for name, one in settings.services.items()
    }
    return msgspec.structs.replace(settings, services=services)


def test_the_sibling_that_takes_over_is_named() -> None:
    seen = outlook(aim("kill", instance="payment-2"), scene())
    assert "payment-1" in seen.says
    assert seen.how == "calm"


@pytest.mark.parametrize("kind", ["kill", "terminate", "freeze", "restart", "crash-loop"])
def test_the_last_instance_is_known_to_be_the_last(kind: str) -> None:
    there = scene(instance("payment-1"), instance("payment-2", in_rotation=False))
    seen = outlook(aim(kind, instance="payment-1"), there)
    assert "503" in seen.says
    assert seen.how == "failing"


def test_without_the_gateway_nobody_is_served() -> None:
    assert outlook(aim("kill", process="gateway"), scene()).how == "failing"


def test_an_abort_of_one_instance_is_hidden_by_a_retry() -> None:
    seen = outlook(aim("abort", instance="order-1"), scene())
    assert "another instance answers" in seen.says
    assert seen.how == "slower"


def test_an_abort_of_a_whole_service_gets_through_by_the_power_of_its_tries() -> None:
    seen = outlook(aim("abort", probability=0.1, service="order"), scene())
    assert "10 % of the tries fail" in seen.says
    assert "1 % of the calls still end with 503" in seen.says


def test_a_status_that_is_not_tried_again_reaches_the_client() -> None:
    seen = outlook(aim("abort", probability=0.5, params={"status": 418}, service="order"), scene())
    assert "50 % of the calls end with 418" in seen.says
    again = outlook(aim("abort", probability=0.5, service="order"), scene(settings=without_retries()))
    assert "50 % of the calls end with 503" in again.says


def test_latency_below_the_timeout_fails_nobody() -> None:
    seen = outlook(
        aim("latency", probability=0.25, params={"distribution": "uniform"}, service="order"), scene()
    )
    assert seen.says.startswith("1 in 4 calls takes 220 – 380 ms longer")
    assert "None fails" in seen.says
    assert seen.times is not None
    assert seen.how == "slower"


def test_latency_above_the_timeout_says_so() -> None:
    seen = outlook(aim("latency", params={"ms": 5_000}, service="order"), scene())
    assert "above the timeout of 1 s" in seen.says
    assert seen.how == "failing"
    assert seen.times is not None
    assert seen.times.timeout_ms == 1000


def test_without_retries_a_call_may_take_its_whole_time() -> None:
    seen = outlook(aim("latency", params={"ms": 2_000}, service="order"), scene(settings=without_retries()))
    assert "None fails: the timeout is 5 s" in seen.says


def test_what_is_never_injected_is_called_nothing() -> None:
    assert "Nothing" in outlook(aim("latency", probability=0, service="order"), scene()).says


def test_a_false_alarm_on_all_takes_the_service_away() -> None:
    assert outlook(aim("false-alarm", service="order"), scene()).how == "failing"
    assert outlook(aim("false-alarm", instance="order-1"), scene()).how == "calm"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_something_to_say(kind: str) -> None:
    assert outlook(aim(kind), scene()).says
    assert outlook(aim(kind), replace(scene(), services={}, instances={}, settings=None)).says


@given(
    shape=st.sampled_from(["fixed", "uniform", "normal", "lognormal"]),
    ms=st.floats(0, 60_000),
    jitter=st.floats(0, 60_000),
    sigma=st.floats(0, 3),
    share=st.floats(0, 1),
)
def test_shares_add_up_and_spreads_are_in_order(
    shape: str, ms: float, jitter: float, sigma: float, share: float
) -> None:
    params = {"distribution": shape, "ms": ms, "jitterMs": jitter, "medianMs": max(0.1, ms), "sigma": sigma}
    low, middle, high = spread(params)
    assert 0 <= low <= middle <= high
    times = outlook(aim("latency", probability=share, params=params, service="order"), scene()).times
    assert times is not None
    assert len(times.usual) == len(times.added) == BINS
    assert sum(times.usual) + sum(times.added) == pytest.approx(1.0)
