"""Who gets how much, against what should be; and what is said of it."""

import msgspec
import pytest

from app.panels.gateway.budget_bars import budget_rows
from app.panels.gateway.shares import ServiceShares, rejected_words, service_shares
from embedded_services.contracts.gateway import Breaker, BreakerState, RetryBudget, Upstream
from embedded_services.contracts.settings import CallPolicy, RetryPolicy, Strategy
from tests.gui.panels.gateway.shop import NOW, instance, instances, settings, target, upstream, upstreams


def shares(*told: Upstream) -> dict[str, ServiceShares]:
    known = {row.service: row for row in upstreams()} | {row.service: row for row in told}
    return {row.name: row for row in service_shares(settings().services, known, instances())}


def test_services_stand_in_the_order_of_the_settings() -> None:
    assert list(shares()) == ["user", "order", "payment", "notification"]


def test_even_shares_say_how_even() -> None:
    user = shares()["user"]
    assert user.caption == "even to ± 0.4 points"
    assert [(row.share, row.expected, row.all_in) for row in user.rows] == [
        (0.504, 0.5, None),
        (0.496, 0.5, None),
    ]


def test_instance_that_may_not_be_picked_shows_what_it_would_get() -> None:
    payment = shares()["payment"]
    assert payment.caption == "one instance in rotation · 50 % each when both are"
    first, second = payment.rows
    assert (first.expected, first.all_in, first.in_rotation) == (1.0, 0.5, True)
    assert (second.expected, second.all_in, second.in_rotation) == (0.0, 0.5, False)
    assert (second.status, second.word) == ("frozen", "frozen")


def test_healthy_instance_that_may_not_be_picked_says_what_keeps_it_out() -> None:
    opened = Breaker(state=BreakerState.OPEN, since=NOW, calls=9, failed=9, until=NOW + 1)
    told = [
        target("order-1", eligible=False, breaker=opened, why="its breaker is open"),
        target("order-2", eligible=False, ejected_until=NOW + 9),
    ]
    first, second = shares(upstream("order", told))["order"].rows
    assert (first.status, first.word, first.tooltip) == ("degraded", "breaker open", "its breaker is open")
    assert (second.status, second.word) == ("degraded", "ejected")


def test_instance_that_the_gateway_does_not_know_is_out_of_rotation() -> None:
    alone = upstream("payment", [target("payment-1", share=1.0, expected=1.0)])
    row = shares(alone)["payment"].rows[1]
    assert (row.id, row.in_rotation, row.share, row.all_in) == ("payment-2", False, 0.0, 0.5)
    assert row.tooltip == "frozen; 3 checks in a row failed"


def test_what_was_not_told_is_unknown_and_not_zero() -> None:
    [row] = service_shares({"user": settings().services["user"]}, {}, [instance("user-1")])
    assert row.caption == "the gateway has not told yet"
    assert (row.rows[0].share, row.rows[0].rate) == (None, None)


def test_weights_set_what_each_would_get() -> None:
    weighted = upstream(
        "order", [target("order-1", weight=3, share=0.748, expected=0.75), target("order-2", share=0.252, expected=0.25)],
        strategy=Strategy.WEIGHTED_ROUND_ROBIN,
    )  # fmt: skip
    found = shares(weighted)["order"]
    assert found.caption.startswith("as weighted, to ± 0.2 points")
    assert [row.weight for row in found.rows] == [3, 1]


def test_hash_tells_its_fairness() -> None:
    hashed = upstream(
        "user", [target("user-1", expected=None), target("user-2", expected=None)], strategy=Strategy.CONSISTENT_HASH,
        fairness=0.912,
    )  # fmt: skip
    found = shares(hashed)["user"]
    assert found.caption == "as the keys fall, fairness 0.91"
    assert found.caption_tip == "Jain's index: 0.912"
    assert found.rows[0].all_in is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"panic": True}, "panic: too few would be left, so all are used"),
        ({"queued": 3}, "3 waiting for a free instance · even to ± 0.4 points"),
        ({"targets": []}, "nobody in rotation"),
    ],
)
def test_trouble_comes_first_and_is_a_warning(changes: dict[str, object], said: str) -> None:
    user = msgspec.structs.replace(upstreams()[0], **changes)
    found = shares(user)["user"]
    assert (found.caption, found.caption_tone) == (said, "warn")


def test_rejections_say_why() -> None:
    assert rejected_words(upstream("user", [])) == ""
    many = upstream("user", [], rejected={"queue-full": 1200, "nobody": 34, "queue-timeout": 0})
    assert rejected_words(many) == "rejected 1,234: queue full, nobody in rotation"


def test_budget_tells_what_is_used_and_what_was_refused() -> None:
    spent = upstream(
        "order", [], hedges=12, hedges_won=3, budget=RetryBudget(calls=200, used=40, allowed=40, refused=7)
    )
    [row] = budget_rows({"order": spent}, settings().services)
    assert (row.share, row.text, row.extra) == (1.0, "20.0 % · 40 of 40", "7 refused · 12 hedges, 3 won")
    off = settings(order={"policy": CallPolicy(retries=RetryPolicy(enabled=False))}).services
    [row] = budget_rows({"order": spent}, off)
    assert (row.share, row.text) == (None, "retries are off")
