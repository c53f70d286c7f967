import pytest

from embedded_services.gateway.affinity import affinity
from embedded_services.gateway.exchange import Exchange, Identity, Trace
from embedded_services.gateway.http import Headers, Request


def exchange(*, user: str | None = None) -> Exchange:
    headers = Headers([(b"X-Tenant", b"blue"), (b"Accept", b"*/*")])
    request = Request("GET", "/api/orders/1?a=b", "/api/orders/1", "a=b", headers, "127.0.0.9")
    identity = Identity.of(user, "") if user is not None else None
    return Exchange(request, "id", 0.0, 0.0, Trace("a" * 32, "b" * 16), identity=identity)


@pytest.mark.parametrize(
    ("hash_key", "expected"),
    [
        ("ip", "ip:127.0.0.9"),
        ("path", "path:/api/orders/1"),
        ("user", "user:ann"),
        ("header:x-tenant", "header x-tenant:blue"),
        ("header:X-Tenant", "header X-Tenant:blue"),
    ],
)
def test_a_request_goes_by_what_it_shows(hash_key: str, expected: str) -> None:
    assert affinity(exchange(user="ann"), hash_key) == expected


@pytest.mark.parametrize("hash_key", ["user", "header:X-Other"])
def test_a_request_that_does_not_show_the_key_goes_by_its_address(hash_key: str) -> None:
    assert affinity(exchange(), hash_key) == "ip:127.0.0.9"
