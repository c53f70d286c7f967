import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.traffic import CustomRequest, Mix, TrafficPlan
from embedded_services.traffic.mix import Choice, credentials, head, kinds_of, needs_accounts

HOST = "127.0.0.1:3000"
PRODUCTS = ["p1", "p2", "p3"]


def drawn(plan: TrafficPlan, count: int) -> Counter[str]:
    choice = Choice(kinds_of(plan, HOST, PRODUCTS), plan.seed)
    return Counter(choice.kinds[choice.draw()[0]].name for _ in range(count))


def test_kinds_are_drawn_by_weight() -> None:
    found = drawn(TrafficPlan(mix=Mix(browse=60, checkout=30, login=10)), 20_000)
    assert {name: round(100 * number / 20_000) for name, number in found.items()} == {
        "browse": pytest.approx(60, abs=1),
        "checkout": pytest.approx(30, abs=1),
        "login": pytest.approx(10, abs=1),
    }


@given(st.integers(0, 2**53 - 1))
def test_same_seed_draws_the_same(seed: int) -> None:
    first, second = (Choice(kinds_of(TrafficPlan(seed=seed), HOST, PRODUCTS), seed) for _ in range(2))
    assert [first.draw() for _ in range(50)] == [second.draw() for _ in range(50)]


def test_what_weighs_nothing_is_not_sent() -> None:
    plan = TrafficPlan(mix=Mix(browse=0, checkout=1, login=0))
    assert [kind.name for kind in kinds_of(plan, HOST, PRODUCTS)] == ["checkout"]


@given(st.lists(st.sampled_from(["a", "b", "c"]), unique=True))
def test_shares_are_percent(products: list[str]) -> None:
    kinds = kinds_of(TrafficPlan(), HOST, products)
    assert sum(kind.share for kind in kinds) == pytest.approx(100)
    assert all(len(kind.asks) == len(kind.weights) for kind in kinds)


def test_checkout_orders_one_piece_and_can_be_repeated() -> None:
    (kind,) = kinds_of(TrafficPlan(mix=Mix(browse=0, checkout=1, login=0)), HOST, ["p1"])
    (ask,) = kind.asks
    assert json.loads(ask.body) == {"items": [{"productId": "p1", "quantity": 1}]}
    assert (ask.keyed, ask.follows, ask.authorised) == (True, True, True)
    assert ask.head.startswith(b"POST /api/orders?wait=4 HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n")
    assert b"\r\nContent-Length: %d\r\n" % len(ask.body) in ask.head


def test_list_of_ones_own_takes_the_place_of_the_mix() -> None:
    requests = [
        CustomRequest(method="GET", path="/api/products", weight=3),
        CustomRequest(method="PUT", path="/x", body={"a": 1}, headers={"X-One": "1"}, anonymous=True),
    ]
    first, second = kinds_of(TrafficPlan(requests=requests), HOST, PRODUCTS)
    assert (first.name, first.share, first.asks[0].authorised) == ("GET /api/products", 75.0, True)
    assert second.asks[0].body == b'{"a":1}'
    assert not second.asks[0].authorised
    assert b"\r\nX-One: 1\r\n" in second.asks[0].head


def test_who_brings_a_token_needs_no_account() -> None:
    own = CustomRequest(method="GET", path="/", headers={"authorization": "Bearer x"})
    assert needs_accounts(TrafficPlan())
    assert not needs_accounts(TrafficPlan(requests=[own]))
    assert needs_accounts(TrafficPlan(requests=[own, CustomRequest(method="GET", path="/")]))


def test_sign_in_is_a_whole_request() -> None:
    request = head("POST", "/api/auth/login", HOST, None) + credentials("a@b.c", "secret")
    fields, _, body = request.partition(b"\r\n\r\n")
    assert fields.count(b"Content-Length") == 1
    assert b"Content-Length: %d" % len(body) in fields
    assert json.loads(body) == {"email": "a@b.c", "password": "secret"}
