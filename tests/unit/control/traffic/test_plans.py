import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.traffic import (
    HEADROOM,
    CustomRequest,
    Mix,
    Step,
    TrafficPlan,
    TrafficWish,
    clients_for,
)
from embedded_services.control.traffic.plans import limit_note, planned

LIMITS = LimitSettings(limit=100, window_s=60)


def test_clients_are_as_many_as_the_limits_need_and_half_as_many_again() -> None:
    assert planned(TrafficWish(rate=50.0), None, LIMITS).clients == 45  # ⌈50 × 60 ÷ 100 × 1.5⌉


@given(st.floats(0.1, 5000), st.integers(1, 10**6), st.integers(1, 3600))
def test_clients_chosen_by_the_system_stay_below_their_limits(rate: float, limit: int, window_s: int) -> None:
    limits = LimitSettings(limit=limit, window_s=window_s)
    clients = clients_for(rate, limits)
    assert 1 <= clients <= 1000
    if clients < 1000:
        assert rate * window_s / clients <= limit / HEADROOM * (1 + 1e-9) or clients == 1
    assert (limit_note(TrafficPlan(rate=rate, clients=clients), clients, limits) is None) == (
        rate <= clients * limit / window_s
    )


def test_clients_are_reckoned_from_the_highest_rate() -> None:
    plan = planned(TrafficWish(rate=1.0, steps=[Step(at_s=5, rate=100)]), None, LIMITS)
    assert plan.clients == clients_for(100, LIMITS)


def test_what_is_left_out_stays_as_it_is() -> None:
    running = TrafficPlan(rate=10.0, mix=Mix(browse=1, checkout=0, login=0), duration_s=60.0, seed=9)
    plan = planned(TrafficWish(rate=20.0), running, LIMITS)
    assert (plan.rate, plan.mix, plan.duration_s, plan.seed) == (20.0, running.mix, 60.0, 9)


def test_what_is_left_out_at_the_start_has_its_default() -> None:
    assert planned(TrafficWish(), None, LIMITS).rate == TrafficPlan().rate


def test_rate_alone_does_away_with_steps() -> None:
    running = TrafficPlan(steps=[Step(at_s=1, rate=5)])
    assert planned(TrafficWish(rate=1.0), running, LIMITS).steps == []
    assert planned(TrafficWish(timeout_s=1.0), running, LIMITS).steps == running.steps


def test_mix_does_away_with_the_list() -> None:
    running = TrafficPlan(requests=[CustomRequest(method="GET", path="/")])
    assert planned(TrafficWish(mix=Mix()), running, LIMITS).requests == []
    assert planned(TrafficWish(rate=5.0), running, LIMITS).requests == running.requests


def test_clients_asked_for_stay_and_null_lets_them_be_reckoned_again() -> None:
    asked = planned(TrafficWish(rate=50.0, clients=7), None, LIMITS)
    assert (asked.clients, asked.auto_clients) == (7, False)
    assert planned(TrafficWish(rate=500.0), asked, LIMITS).clients == 7
    again = planned(TrafficWish(clients=None), asked, LIMITS)
    assert (again.clients, again.auto_clients) == (45, True)


def test_duration_can_be_taken_away() -> None:
    assert planned(TrafficWish(duration_s=None), TrafficPlan(duration_s=5.0), LIMITS).duration_s is None


def test_mix_and_list_together_are_refused() -> None:
    wish = TrafficWish(mix=Mix(), requests=[CustomRequest(method="GET", path="/")])
    with pytest.raises(ApiError) as refused:
        planned(wish, None, LIMITS)
    assert refused.value.details is not None
    assert refused.value.details[0].field == "requests"


def test_limits_that_refuse_what_is_asked_are_told() -> None:
    note = limit_note(TrafficPlan(rate=100.0), 10, LIMITS)
    assert note is not None
    assert "10 clients send 16.67 requests a second" in note
