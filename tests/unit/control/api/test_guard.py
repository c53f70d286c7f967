import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.errors import ApiError
from embedded_services.control.api.guard import check_origin, check_token

PORT = 40123
HERE = f"127.0.0.1:{PORT}"


def is_refused(host: str | None, origin: str | None = None) -> bool:
    try:
        check_origin(host, origin, PORT)
    except ApiError as error:
        error.encode("id")  # can be told, whatever was in it
        return error.code == "FORBIDDEN"
    return False


@pytest.mark.parametrize(
    "host", [HERE, f"localhost:{PORT}", f"LocalHost:{PORT}", f"LOCALHOST:{PORT}", f"[::1]:{PORT}"]
)
def test_every_loopback_name_is_welcome_with_and_without_its_own_origin(host: str) -> None:
    assert not is_refused(host)
    assert not is_refused(host, f"http://{host}")
    assert not is_refused(host, f"HTTP://{host.upper()}")


FOREIGN = [
    "", " ", ":", f":{PORT}", "*",
    # names that a DNS server can make point here
    f"evil.example:{PORT}", f"127.0.0.1.nip.io:{PORT}", f"localhost.evil.example:{PORT}", f"localhost.:{PORT}",
    f"rebind.localhost:{PORT}", f"xn--lcalhost-n1a:{PORT}", f"ⓛocalhost:{PORT}", f"127。0。0。1:{PORT}",
    # other writings of an address
    f"127.1:{PORT}", f"2130706433:{PORT}", f"0x7f.1:{PORT}", f"0.0.0.0:{PORT}", f"127.0.0.2:{PORT}",
    f"127.0.0.1.:{PORT}", f"[::]:{PORT}", f"[::ffff:127.0.0.1]:{PORT}", f"[::1%25lo]:{PORT}", f"[0:0:0:0:0:0:0:1]:{PORT}",
    f"::1:{PORT}", f"192.168.0.1:{PORT}",
    # other ports
    "127.0.0.1", "localhost", "[::1]", "127.0.0.1:", "127.0.0.1:80", f"127.0.0.1:{PORT + 1}", f"127.0.0.1:{PORT}0",
    f"127.0.0.1:0{PORT}", f"127.0.0.1:+{PORT}", f"127.0.0.1:-{PORT}", f"127.0.0.1: {PORT}", "127.0.0.1:\uff14\uff10\uff11\uff12\uff13",
    "127.0.0.1:99999999", f"127.0.0.1:{PORT}:{PORT}",
    # userinfo, paths and other things that do not belong in an authority
    f"user@{HERE}", f"@{HERE}", f"{HERE}@evil.example", f"evil.example@{HERE}", f"user:pass@{HERE}",
    f"{HERE}/evil", f"{HERE}?evil", f"{HERE}#evil", f"{HERE}\\evil", f"{HERE},evil.example", f"{HERE} evil.example",
    f"\t{HERE}", f"127.0.0.1\t:{PORT}", f"{HERE}\x00", f"{HERE}\n", f"http://{HERE}", f"//{HERE}", "[::1", "[", "[::1]x",
    "\udcff",
]  # fmt: skip


@pytest.mark.parametrize("host", [*FOREIGN, None], ids=repr)
def test_every_other_host_is_refused(host: str | None) -> None:
    assert is_refused(host)


@pytest.mark.parametrize("authority", FOREIGN, ids=repr)
def test_every_other_origin_is_refused(authority: str) -> None:
    assert is_refused(HERE, f"http://{authority}")


@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "file://", "about:blank", "data:", f"https://{HERE}", f"ws://{HERE}", f"http:{HERE}",
        f"http:///{HERE}", f"http://{HERE}/", f"http://{HERE} http://evil.example", f"chrome-extension://{HERE}",
        f"javascript:http://{HERE}", HERE, f"//{HERE}",
    ],
)  # fmt: skip
def test_opaque_and_foreign_origins_are_refused(origin: str) -> None:
    assert is_refused(HERE, origin)


@given(st.text(max_size=30))
def test_nothing_but_the_known_names_gets_through(text: str) -> None:
    known = {HERE, f"localhost:{PORT}", f"[::1]:{PORT}"}
    assert is_refused(text) == (text.lower() not in known)


@pytest.mark.parametrize(
    "authorization", ["Bearer secret", "bearer secret", "BEARER secret", "Bearer  secret "]
)
def test_right_token_is_let_in(authorization: str) -> None:
    check_token(authorization, "secret")


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "UNAUTHORIZED"),
        ("", "UNAUTHORIZED"),
        ("Bearer", "UNAUTHORIZED"),
        ("Bearer ", "UNAUTHORIZED"),
        ("Basic c2VjcmV0", "UNAUTHORIZED"),
        ("secret", "UNAUTHORIZED"),
        ("Bearer wrong", "INVALID_TOKEN"),
        ("Bearer secre", "INVALID_TOKEN"),
        ("Bearer secrett", "INVALID_TOKEN"),
        ("Bearer SECRET", "INVALID_TOKEN"),
        ("Bearer secret secret", "INVALID_TOKEN"),
        ("Bearer sécret", "INVALID_TOKEN"),
        ("Bearer \udcff", "INVALID_TOKEN"),
    ],
)
def test_any_other_is_told_what_is_missing(authorization: str | None, code: str) -> None:
    with pytest.raises(ApiError) as refused:
        check_token(authorization, "secret")
    assert refused.value.code == code
    assert "secret" not in refused.value.message


def test_empty_token_opens_nothing() -> None:
    with pytest.raises(ApiError):
        check_token("Bearer ", "")
