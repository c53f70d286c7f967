from dataclasses import replace

import pytest

from app.panels.traffic.plan_form import FormError, PlanDraft, draft_of, summary, wish_of
from embedded_services.contracts.traffic import Arrivals, CustomRequest, Step, TrafficPlan

PLAN = TrafficPlan(
    arrivals=Arrivals.POISSON,
    duration_s=90.0,
    steps=[Step(at_s=30.0, rate=100.0), Step(at_s=60.0, rate=1500.0, ramp_s=10.0)],
    requests=[CustomRequest(method="POST", path="/api/cart", body={"a": 1}, weight=3)],
)


def test_what_is_shown_of_a_plan_means_that_plan() -> None:
    wish = wish_of(draft_of(PLAN))
    for name in ("arrivals", "duration_s", "timeout_s", "max_in_flight", "seed", "steps", "requests"):
        assert getattr(wish, name) == getattr(PLAN, name), name


def test_no_duration_is_until_stopped() -> None:
    assert wish_of(PlanDraft()).duration_s is None


@pytest.mark.parametrize(
    ("draft", "field", "says"),
    [
        (PlanDraft(duration="soon"), "duration", "must be a number"),
        (PlanDraft(duration="0"), "duration", "0.1"),
        (PlanDraft(timeout="301"), "timeout", "300"),
        (PlanDraft(in_flight="1.5"), "in_flight", "whole number"),
        (PlanDraft(seed="-1"), "seed", "0"),
        (PlanDraft(steps="10"), "steps", "Line 1"),
        (PlanDraft(steps="1 2\nx y"), "steps", "Line 2"),
        (PlanDraft(steps="1 2\n5 9999"), "steps", "Step 2"),
        (PlanDraft(requests="["), "requests", "JSON"),
        (PlanDraft(requests='[{"method": "HEAD", "path": "/"}]'), "requests", "method"),
    ],
)
def test_what_makes_no_sense_is_said_with_its_field(draft: PlanDraft, field: str, says: str) -> None:
    with pytest.raises(FormError) as wrong:
        wish_of(draft)
    assert wrong.value.field == field
    assert says in str(wrong.value)


def test_empty_lines_are_no_steps() -> None:
    assert wish_of(replace(PlanDraft(), steps="\n 10, 5 \n\n")).steps == [Step(at_s=10.0, rate=5.0)]


def test_summary_says_what_no_control_shows() -> None:
    assert summary(TrafficPlan()) == "even arrivals · until stopped"
    assert summary(PLAN) == "random arrivals (Poisson) · for 90 s · 2 steps"
