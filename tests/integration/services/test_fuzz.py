"""Whatever is sent, a service answers with less than 500 and goes on: valid requests, spoilt at random places."""

import copy
import random
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.services.api import ADMIN, DEMO, Reply, serving

ODD: list[Any] = [
    None, True, 0, -1, 1, 1001, 2**31, 2**63, 2**64, 1e308, 0.1 + 0.2, 1.005, "", " ", "a", "\x00", "\n", "é" * 300, "x" * 5000,
    "💥", "' OR 1=1 --", "{{ 7 * 7 }}", "{% for x in y %}", "../..", "NaN", [], [[]], [None], {}, {"a": {}}, {"": 0}, [1] * 300,
]  # fmt: skip

REQUESTS: dict[str, list[tuple[str, str, Any]]] = {
    "user": [
        ("POST", "/auth/login", {"email": "demo@faultdeck.local", "password": "x"}),
        ("PATCH", "/users/usr_demo", {"name": "Demo"}),
        ("PATCH", "/users/usr_demo/role", {"role": "support"}),
        ("PUT", "/profiles/usr_demo", {"displayName": "D", "phone": "+49301", "address": {"city": "B", "country": "DE"}, "preferences": {"a": 1}}),
        ("PATCH", "/profiles/usr_demo", {"locale": "de", "preferences": {"a": "b"}}),
        ("GET", "/users", {"limit": "5", "cursor": "", "email": "demo@faultdeck.local", "role": "admin"}),
    ],
    "order": [
        ("POST", "/orders", {"items": [{"productId": "prod1", "quantity": 1, "price": 29.99}, {"productId": "prod2", "quantity": 2}]}),
        ("POST", "/products", {"name": "P", "price": 1.25, "stock": 5}),
        ("PATCH", "/products/prod1", {"name": "P", "price": 1.25, "stock": 5}),
        ("PUT", "/cart/items/prod1", {"quantity": 1}),
        ("POST", "/cart/checkout", {}),
        ("PATCH", "/orders/ord_1", {"status": "paid", "paymentId": "pay_1"}),
        ("GET", "/orders", {"limit": "5", "cursor": "", "status": "paid", "userId": "usr_demo", "from": "2026-01-01", "to": "5"}),
    ],
    "payment": [
        ("POST", "/payments", {"orderId": "ord_1", "amount": 10.5, "currency": "USD", "method": "card", "cardNumber": "4242424242424242"}),
        ("POST", "/payments/pay_1/refunds", {"amount": 1.5, "reason": "why"}),
        ("GET", "/payments", {"limit": "5", "orderId": "ord_1", "status": "failed", "userId": "usr_demo"}),
        ("GET", "/billing/2026-01", {"limit": "5", "cursor": "", "userId": "usr_demo"}),
    ],
    "notification": [
        ("POST", "/notifications", {"template": "welcome", "channel": "sms", "data": {"name": "A", "email": "b"}}),
        ("POST", "/templates/order_confirmation/preview", {"data": {"orderId": "o", "items": [{"productId": "p", "quantity": 1, "price": 1}], "total": 1}}),
        ("PUT", "/templates/fuzz", {"channel": "email", "subject": "{{ a }}", "body": "{% for x in xs %}{{ x|money }}{% endfor %}", "variables": ["a", "xs"]}),
        ("POST", "/templates/fuzz/preview", {"data": {"a": 1, "xs": [1, 2]}}),
        ("GET", "/notifications", {"unread": "true", "channel": "email", "userId": "usr_demo"}),
    ],
}  # fmt: skip


def spoil(value: Any, random_: random.Random) -> Any:
    """A copy in which one place holds something odd, or is missing, or is there twice."""
    if isinstance(value, dict) and value and random_.random() < 0.8:
        spoilt = copy.deepcopy(value)
        name = random_.choice(list(spoilt))
        if random_.random() < 0.15:
            del spoilt[name]
        else:
            spoilt[name] = spoil(spoilt[name], random_)
        return spoilt
    if isinstance(value, list) and value and random_.random() < 0.8:
        spoilt_list = [*value, *value][: random_.randrange(1, 2 * len(value) + 1)]
        place = random_.randrange(len(spoilt_list))
        spoilt_list[place] = spoil(spoilt_list[place], random_)
        return spoilt_list
    return random_.choice(ODD)


@pytest.mark.parametrize("role", list(REQUESTS))
async def test_no_request_makes_a_service_fail(tmp_path: Path, role: str) -> None:
    random_ = random.Random(role)
    async with serving(tmp_path, role) as api:
        for _ in range(150):
            method, path, valid = random_.choice(REQUESTS[role])
            given = spoil(valid, random_)
            who = random_.choice((ADMIN, DEMO))
            reply: Reply
            if method == "GET":
                fields = given.items() if isinstance(given, dict) else [("x", given)]
                query = "&".join(f"{name}={quote(str(value)[:2000])}" for name, value in fields)
                reply = await api("GET", f"{path}?{query}", who=who)
            else:
                reply = await api(method, path, given, who=who, key=random_.choice((None, "k1")))
            assert reply.status < 500, (method, path, given, reply.raw)
            assert reply.status < 400 or reply.error["message"]
        assert (await api("GET", "/health", who=None)).status == 200
