import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.limits import Algorithm, LimitSettings
from embedded_services.gateway.exchange import Identity
from embedded_services.gateway.http import Headers
from embedded_services.gateway.limiting import RateLimit, too_many
from embedded_services.limits.verdict import Verdict

NOBODY = Headers(())
USER = Identity.of("u1", "customer")


def fields_of(block: bytes) -> dict[bytes, bytes]:
    *lines, end = block.split(b"\r\n")
    assert end == b""
    return {name: value for name, _, value in (line.partition(b": ") for line in lines)}


def test_a_client_is_its_address_unless_the_settings_say_otherwise() -> None:
    headers = Headers([(b"X-Api-Key", b"k1")])
    assert RateLimit(LimitSettings(), 0).key("127.0.0.9", headers, USER) == "127.0.0.9"
    assert RateLimit(LimitSettings(key="user"), 0).key("127.0.0.9", headers, USER) == "user u1"
    assert RateLimit(LimitSettings(key="header:X-API-Key"), 0).key("127.0.0.9", headers, USER) == "header k1"


@pytest.mark.parametrize("key", ["user", "header:X-API-Key"])
def test_who_does_not_show_what_clients_are_told_apart_by_counts_by_address(key: str) -> None:
    assert RateLimit(LimitSettings(key=key), 0).key("127.0.0.9", NOBODY, None) == "127.0.0.9"


def test_an_endless_key_is_cut() -> None:
    limit = RateLimit(LimitSettings(key="header:X-Key"), 0)
    assert len(limit.key("127.0.0.9", Headers([(b"x-key", b"k" * 10_000)]), None)) < 300


def test_the_fields_follow_the_draft() -> None:
    limit = RateLimit(LimitSettings(limit=100, window_s=60), 0)
    fields = fields_of(limit.block(limit.take("a", 0.5)))
    assert fields == {b"RateLimit-Policy": b'"default";q=100;w=60', b"RateLimit": b'"default";r=99;t=60'}


@given(st.builds(Verdict, st.just(False), st.just(0), st.floats(0, 100_000)))
def test_retry_after_is_never_earlier_than_the_reset_and_never_zero(verdict: Verdict) -> None:
    error = too_many(verdict)
    reset = re.search(rb"t=(\d+)", fields_of(RateLimit(LimitSettings(), 0).block(verdict))[b"RateLimit"])
    assert reset is not None
    assert error.retry_after is not None
    assert error.retry_after >= max(1, int(reset[1]))
    assert error.retry_after == max(1, math.ceil(verdict.reset_s))


def test_an_edit_keeps_counts_unless_clients_are_told_apart_in_another_way() -> None:
    limit = RateLimit(LimitSettings(limit=2), 0)
    assert [limit.take("a", 0).allowed for _ in range(3)] == [True, True, False]
    limit.apply(LimitSettings(limit=3, algorithm=Algorithm.TOKEN_BUCKET), 0)
    assert [limit.take("a", 0).allowed for _ in range(2)] == [True, False]
    limit.apply(LimitSettings(limit=3, key="user"), 0)
    assert limit.by_user
    assert limit.take("a", 0).allowed
