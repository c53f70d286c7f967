import base64
import hmac
import json
import math
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.errors import ApiError
from embedded_services.gateway.auth import LEEWAY_S, Authenticator
from embedded_services.gateway.exchange import Identity
from embedded_services.gateway.http import Headers
from tests.helpers.child import JWT_SECRET

NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def claims(**changes: Any) -> dict[str, Any]:
    complete = {
        "iss": "faultdeck", "aud": "faultdeck", "sub": "u1", "id": "u1", "role": "customer", "email": "a@b.c",
        "name": "A", "iat": int(NOW), "exp": int(NOW) + 60,
    }  # fmt: skip
    return {name: value for name, value in (complete | changes).items() if value is not ...}


def token(secret: str = JWT_SECRET, **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, algorithm="HS256")


def raw_token(header: object, payload: object, digest: str = "sha256") -> str:
    """A token with a correct signature over whatever is given."""
    parts = b".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, payload)
    )
    signature = hmac.new(JWT_SECRET.encode(), parts, digest).digest()
    return (parts + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def identify(value: str | None, authenticator: Authenticator | None = None) -> Identity:
    pairs = [(b"Authorization", value.encode())] if value is not None else []
    return (authenticator or Authenticator(JWT_SECRET, Clock())).identify(Headers(pairs))


def refused(value: str | None, authenticator: Authenticator | None = None) -> tuple[str, str]:
    with pytest.raises(ApiError) as raised:
        identify(value, authenticator)
    return raised.value.code, raised.value.message


def test_a_good_token_says_who_it_is() -> None:
    assert identify(f"Bearer {token()}") == Identity.of("u1", "customer")
    assert identify(f"bearer   {token()}") == Identity.of("u1", "customer")
    assert identify(f"Bearer {token(sub=..., id='u2')}") == Identity.of("u2", "customer")


@pytest.mark.parametrize("value", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Token abc", f"{token()}"])
def test_without_a_bearer_token_one_is_asked_for(value: str | None) -> None:
    assert refused(value) == ("UNAUTHORIZED", "Access token required")


@pytest.mark.parametrize(
    "bad",
    [
        "garbage",
        "a.b.c",
        "a b c",
        token(secret="another-secret-of-at-least-thirty-two-bytes"),
        raw_token({"alg": "HS512"}, claims(), "sha512"),
        raw_token({"alg": "HS384"}, claims(), "sha384"),
        jwt.encode(claims(), None, algorithm="none"),
        raw_token({"alg": "none", "typ": "JWT"}, claims()),
        raw_token({"alg": "HS512", "typ": "JWT"}, claims()),
        raw_token({"alg": "RS256", "typ": "JWT"}, claims()),
        raw_token({"typ": "JWT"}, claims()),
        raw_token({"alg": "HS256"}, ["not", "claims"]),
        raw_token({"alg": "HS256"}, "text"),
        token()[:-2],
        token() + "x",
        token(iss=...),
        token(iss="someone-else"),
        token(aud=...),
        token(aud="someone-else"),
        token(exp=...),
        token(exp=int(NOW) - LEEWAY_S - 1),
        token(nbf=int(NOW) + LEEWAY_S + 1),
        raw_token({"alg": "HS256"}, claims(exp="tomorrow")),
        raw_token({"alg": "HS256"}, claims(exp=True)),
        raw_token({"alg": "HS256"}, claims(exp=math.inf)),
        raw_token({"alg": "HS256"}, claims(exp=math.nan)),
        raw_token({"alg": "HS256"}, claims(exp=None)),
        raw_token({"alg": "HS256"}, claims(nbf="later")),
        raw_token({"alg": "HS256"}, claims(sub=None, id=...)),
        raw_token({"alg": "HS256"}, claims(sub=..., id=...)),
        raw_token({"alg": "HS256"}, claims(sub=..., id=7)),
        raw_token({"alg": "HS256"}, claims(sub="")),
        raw_token({"alg": "HS256"}, claims(sub="u1\r\nX-User-Role: admin")),
        raw_token({"alg": "HS256"}, claims(sub="é")),
        raw_token({"alg": "HS256"}, claims(role="admin\r\nX: y")),
        raw_token({"alg": "HS256"}, claims(role=["admin"])),
        raw_token({"alg": "HS256"}, claims(sub="u" * 5000)),
    ],
)  # fmt: skip
def test_a_token_that_is_not_good_is_invalid(bad: str) -> None:
    assert refused(f"Bearer {bad}") == ("INVALID_TOKEN", "Invalid access token")


def test_clocks_may_differ_a_little() -> None:
    assert identify(f"Bearer {token(exp=int(NOW) - LEEWAY_S + 1)}").user == "u1"
    assert identify(f"Bearer {token(nbf=int(NOW) + LEEWAY_S - 1)}").user == "u1"


def test_a_token_that_was_good_is_not_when_it_has_expired() -> None:
    clock = Clock()
    authenticator = Authenticator(JWT_SECRET, clock)
    value = f"Bearer {token()}"
    assert identify(value, authenticator).user == "u1"
    clock.time = NOW + 60 + LEEWAY_S - 0.1
    assert identify(value, authenticator).user == "u1"
    clock.time = NOW + 60 + LEEWAY_S
    assert refused(value, authenticator)[0] == "INVALID_TOKEN"
    assert refused(value, authenticator)[0] == "INVALID_TOKEN"


def test_only_so_many_tokens_are_remembered_and_all_stay_good() -> None:
    authenticator = Authenticator(JWT_SECRET, Clock(), capacity=10)
    values = [f"Bearer {token(sub=f'u{number}')}" for number in range(50)]
    for _ in range(2):
        assert [identify(value, authenticator).user for value in values] == [
            f"u{number}" for number in range(50)
        ]
    assert authenticator.remembered == 10


@given(st.text(max_size=60))
def test_any_text_is_refused_in_the_one_way_or_the_other(text: str) -> None:
    authenticator = Authenticator(JWT_SECRET, Clock())
    headers = Headers([(b"Authorization", b"Bearer " + text.encode("utf-8", "surrogatepass"))])
    with pytest.raises(ApiError) as raised:
        authenticator.identify(headers)
    assert raised.value.code in ("UNAUTHORIZED", "INVALID_TOKEN")
