"""Falsified tokens are wrong in the one way that they are meant to be."""

import time
from pathlib import Path

import jwt
import pytest

from app.panels.requests.draft import TOKEN_KINDS
from app.panels.requests.tokens import Token, read_token, sent_token
from embedded_services.client.signing import signing_keys

KEY = "k" * 32
NOW = time.time()
CLAIMS = {"iss": "faultdeck", "aud": "faultdeck", "sub": "u1", "role": "customer", "exp": int(NOW) + 3600}


def decode(raw: str, key: str = KEY) -> object:
    return jwt.decode(raw, key, algorithms=["HS256"], audience="faultdeck", issuer="faultdeck")


@pytest.fixture
def good() -> Token:
    return read_token(jwt.encode(CLAIMS, KEY, algorithm="HS256"))


def made(good: Token | None, kind: str, keys: list[str]) -> Token:
    found = sent_token(good, kind, keys, NOW)  # type: ignore[arg-type] # the test names kinds by text
    assert found is not None
    return found


def test_token_is_read(good: Token) -> None:
    assert good.header["alg"] == "HS256"
    assert good.claims == CLAIMS
    assert good.expires_at == CLAIMS["exp"]
    assert made(good, "good", []) is good


def test_expired_token_is_well_signed_and_too_old(good: Token) -> None:
    expired = made(good, "expired", ["another key", KEY])
    assert expired.signed
    with pytest.raises(jwt.ExpiredSignatureError):
        decode(expired.raw)


def test_expired_token_says_that_its_signature_is_wrong_where_the_key_is_not_known(good: Token) -> None:
    expired = made(good, "expired", ["another key"])
    assert not expired.signed
    assert read_token(expired.raw).claims["exp"] < NOW
    with pytest.raises(jwt.InvalidSignatureError):
        decode(expired.raw)


def test_forged_token_claims_more_below_the_old_signature(good: Token) -> None:
    forged = made(good, "forged", [KEY])
    assert read_token(forged.raw).claims["role"] == "admin"
    assert forged.raw.rpartition(".")[2] == good.raw.rpartition(".")[2]
    with pytest.raises(jwt.InvalidSignatureError):
        decode(forged.raw)


def test_forging_the_administrators_token_changes_it_too() -> None:
    good = read_token(jwt.encode({**CLAIMS, "role": "admin"}, KEY, algorithm="HS256"))
    with pytest.raises(jwt.InvalidSignatureError):
        decode(made(good, "forged", []).raw)


def test_unsigned_token_says_that_it_is(good: Token) -> None:
    unsigned = made(good, "alg-none", [KEY])
    assert unsigned.header["alg"] == "none"
    assert unsigned.raw.endswith(".")
    assert jwt.decode(unsigned.raw, options={"verify_signature": False}, algorithms=["none"]) == CLAIMS
    with pytest.raises(jwt.InvalidTokenError):
        decode(unsigned.raw)


def test_none_is_made_of_none(good: Token) -> None:
    assert all(sent_token(None, kind, [KEY], NOW) is None for kind in TOKEN_KINDS)
    assert sent_token(good, "none", [KEY], NOW) is None


@pytest.mark.parametrize(
    "raw", ["", "a.b", "a.b.c", "e30.W10.x", "e30.e30.x.y", "é.e30.x", "x" * 20_000 + "..", "e30.bnVsbA.x"]
)
def test_what_is_no_token_is_refused(raw: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - a bad token has no words of its own
        read_token(raw)


def test_expiry_that_is_no_number_is_unknown() -> None:
    assert Token("", {}, {"exp": "soon"}).expires_at is None
    assert Token("", {}, {"exp": True}).expires_at is None


def test_keys_are_the_environments_and_the_workspaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JWT_SECRET", raising=False)
    assert signing_keys(tmp_path) == []
    (tmp_path / "jwt-secret").write_text("abc\n")
    assert signing_keys(tmp_path) == ["abc"]
    monkeypatch.setenv("JWT_SECRET", "of the environment")
    assert signing_keys(tmp_path) == ["of the environment", "abc"]
    (tmp_path / "jwt-secret").write_bytes(b"\xff\xfe")
    assert signing_keys(tmp_path) == ["of the environment"]
