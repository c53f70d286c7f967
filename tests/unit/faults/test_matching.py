import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.faults import FaultTarget
from embedded_services.faults.matching import (
    call_test,
    event_matches,
    field_reader,
    matches,
    patterns_meet,
    route_test,
)


@pytest.mark.parametrize(
    ("target", "hit"),
    [
        (FaultTarget(), True),
        (FaultTarget(service="order"), True),
        (FaultTarget(service="payment"), False),
        (FaultTarget(service="order", instance="order-1"), True),
        (FaultTarget(service="order", instance="order-2"), False),
        (FaultTarget(queue="order.events"), False),
        (FaultTarget(event="payment.*"), True),
        (FaultTarget(event="order.*"), False),
    ],
)
def test_all_that_is_given_must_hold(target: FaultTarget, hit: bool) -> None:
    facts = {"service": "order", "instance": "order-1", "event": "payment.completed"}
    assert matches(target, facts) is hit


@pytest.mark.parametrize(
    ("pattern", "event", "hit"),
    [
        ("order.created", "order.created", True),
        ("order.*", "order.created", True),
        ("order.*", "order", False),
        ("order.*", "order.created.late", False),
        ("order.#", "order", True),
        ("order.#", "order.created.late", True),
        ("#", "anything.at.all", True),
        ("*.created", "user.created", True),
        ("#.created", "a.b.created", True),
    ],
)
def test_events_match_as_a_topic_exchange_has_it(pattern: str, event: str, hit: bool) -> None:
    assert event_matches(pattern, event) is hit


@pytest.mark.parametrize(
    ("route", "path", "hit"),
    [
        ("/orders", b"/orders", True),
        ("/orders", b"/orders?limit=3", True),
        ("/orders", b"/orders/o_1", True),
        ("/orders", b"/ordersandmore", False),
        ("/api/orders", b"/orders/o_1", True),
        ("/api/orders", b"/products", False),
        ("/orders/{id}", b"/orders", False),
        ("/orders/{id}", b"/orders/o_1", True),
        ("/orders/{id}", b"/orders/o_1/lines", True),
        ("/payments/*/refunds", b"/payments/p_1/refunds", True),
        ("/payments/*/refunds", b"/payments/p_1", False),
        ("/payments/*/refunds", b"/payments/p/1/refunds", False),
        ("/", b"/anything", True),
        ("/a.b", b"/aXb", False),
        ("/apiary", b"/apiary", True),
    ],
)
def test_a_route_covers_all_that_lies_below_it(route: str, path: bytes, hit: bool) -> None:
    assert route_test(route)(path) is hit


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=40))
def test_any_route_is_a_test_and_covers_itself(text: str) -> None:
    route = f"/{text}".split("?")[0]
    assert route_test(route)(route.removeprefix("/api").encode() or b"/") or "{" in route or "*" in route


def hits(target: FaultTarget, *, method: str = "GET", path: bytes = b"/orders", block: bytes = b"") -> bool:
    test = call_test(target)
    return test is None or test(method, path, [(b"X-User-ID", b"u_1"), (b"X-Tenant", b"blue")], block)


def test_a_call_is_told_by_its_method_user_and_fields() -> None:
    assert hits(FaultTarget(service="order"))
    assert hits(FaultTarget(method="GET"))
    assert not hits(FaultTarget(method="POST"))
    assert hits(FaultTarget(user="u_1"))
    assert not hits(FaultTarget(user="u_2"))
    assert hits(FaultTarget(header="x-tenant"))
    assert hits(FaultTarget(header="X-Tenant: blue"))
    assert not hits(FaultTarget(header="X-Tenant: green"))
    assert not hits(FaultTarget(header="X-Other"))
    assert hits(FaultTarget(method="GET", route="/orders", user="u_1"))
    assert not hits(FaultTarget(method="GET", route="/products", user="u_1"))


def test_a_field_is_read_wherever_it_is() -> None:
    read = field_reader("X-Request-ID")
    assert read([(b"x-request-id", b"r1")], b"") == b"r1"
    assert read([], b"Accept: */*\r\nx-request-id:  r2 \r\n") == b"r2"
    assert read([(b"Accept", b"r3")], b"Not-X-Request-ID: r4\r\n") == b""


def test_fields_that_a_client_sent_are_read_off_their_block() -> None:
    block = b"Accept: */*\r\nx-canary:  yes \r\n"
    assert hits(FaultTarget(header="X-Canary: yes"), block=block)
    assert hits(FaultTarget(header="X-Canary"), block=block)
    assert not hits(FaultTarget(header="X-Canary: ye"), block=block)
    assert not hits(FaultTarget(header="Canary: yes"), block=block)
    assert not hits(FaultTarget(header="Accept: yes"), block=block)


WORDS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=5)
PATTERNS = st.lists(st.sampled_from(["a", "b", "*", "#"]), min_size=1, max_size=5)


@given(PATTERNS, WORDS)
def test_an_event_matches_as_a_topic_exchange_has_it(pattern: list[str], words: list[str]) -> None:
    forms = {"*": "[^.]+[.]", "#": "(?:[^.]+[.])*"}
    as_regex = "".join(forms.get(part, f"{part}[.]") for part in pattern)
    wanted = re.fullmatch(as_regex, "".join(f"{word}." for word in words)) is not None
    assert event_matches(".".join(pattern), ".".join(words)) is wanted


@given(PATTERNS, PATTERNS, WORDS)
def test_patterns_meet_where_one_event_matches_both(
    one: list[str], other: list[str], words: list[str]
) -> None:
    first, second, event = ".".join(one), ".".join(other), ".".join(words)
    if event_matches(first, event) and event_matches(second, event):
        assert patterns_meet(first, second)
    assert patterns_meet(first, event) is event_matches(first, event)
    assert patterns_meet(first, second) is patterns_meet(second, first)


def test_a_pattern_of_many_hashes_holds_nobody_up() -> None:
    pattern = ".".join(["#"] * 40) + ".z"
    assert not event_matches(pattern, "a.b.c.d.e.f.g.h")
    assert not patterns_meet(pattern, "a.b.c.d.e.f.g.h")
