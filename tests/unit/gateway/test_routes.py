from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.settings import Route
from embedded_services.gateway.routes import RouteTable, is_plain
from tests.helpers.child import demo_settings

TABLE = RouteTable(demo_settings().routes)


def service(path: str, table: RouteTable = TABLE) -> str | None:
    route = table.match(path)
    return route.service if route is not None else None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/users", "user"),
        ("/api/users/", "user"),
        ("/api/users/u1", "user"),
        ("/api/users/u1/roles/admin/and/more", "user"),
        ("/api/profiles/u1", "user"),
        ("/api/products", "order"),
        ("/api/orders/o1", "order"),
        ("/api/cart", "order"),
        ("/api/payments/p1/refunds", "payment"),
        ("/api/billing", "payment"),
        ("/api/notifications", "notification"),
        ("/api/templates", "notification"),
        ("/api/auth/login", "user"),
        ("/api/auth/register", "user"),
        ("/api/usersx", None),
        ("/api/user", None),
        ("/api/auth", None),
        ("/api/auth/", None),
        ("/api/auth/login/", None),
        ("/api/auth/login/x", None),
        ("/api/auth/loginx", None),
        ("/api/auth/logout", None),
        ("/api", None),
        ("/", None),
        ("/users", None),
        ("/api/Users", None),
        ("/health", None),
    ],
)
def test_paths_are_matched_segment_by_segment(path: str, expected: str | None) -> None:
    assert service(path) == expected


def test_only_login_and_register_are_public() -> None:
    public = [route.prefix for route in demo_settings().routes if route.public]
    assert public == ["/api/auth/login", "/api/auth/register"]
    login = TABLE.match("/api/auth/login")
    assert login is not None
    assert login.public
    assert login.methods == ["POST"]


def test_the_longest_prefix_wins_and_an_exact_one_for_its_own_path() -> None:
    table = RouteTable(
        [
            Route(prefix="/api/a", service="short"),
            Route(prefix="/api/a/b/c", service="long"),
            Route(prefix="/api/a/b", service="exact", exact=True),
        ]
    )
    paths = {
        "/api/a": "short",
        "/api/a/b": "exact",
        "/api/a/b/x": "short",
        "/api/a/b/c": "long",
        "/api/a/b/c/d": "long",
    }
    assert {path: service(path, table) for path in paths} == paths


def test_an_exact_route_leaves_other_methods_to_the_one_that_covers_its_path() -> None:
    def asked(method: str, path: str, table: RouteTable = TABLE) -> str | None:
        route = table.match_method(path, method)
        return route.service if route is not None else None

    assert asked("POST", "/api/orders") == asked("POST", "/api/cart/checkout") == "orchestrator"
    assert (
        asked("GET", "/api/orders") == asked("POST", "/api/orders/o1") == asked("GET", "/api/cart") == "order"
    )
    alone = RouteTable([Route(prefix="/api/a", service="a", exact=True, methods=["POST"])])
    assert asked("GET", "/api/a", alone) == "a", "it says which methods it takes"


segments = st.lists(st.sampled_from(["api", "a", "b", "aa", "", "c"]), max_size=5)


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(["a", "b", "aa"]), min_size=1, max_size=3), st.booleans()),
        max_size=6,
    ),
    segments,
)
def test_matching_agrees_with_the_rule_in_one_sentence(
    prefixes: list[tuple[list[str], bool]], asked: list[str]
) -> None:
    routes = {
        (prefix, exact): Route(prefix=prefix, service=f"s{number}", exact=exact)
        for number, (parts, exact) in enumerate(prefixes)
        for prefix in [f"/api/{'/'.join(parts)}"]
    }
    path = "/" + "/".join(asked)
    candidates = [
        (len(prefix), exact, route)
        for (prefix, exact), route in routes.items()
        if path == prefix or (not exact and path.startswith(f"{prefix}/"))
    ]
    best = max(candidates, key=lambda candidate: candidate[:2], default=None)
    assert RouteTable(list(routes.values())).match(path) is (best[2] if best is not None else None)


@pytest.mark.parametrize(
    "path",
    ["/", "/api/users", "/api/users/", "/api/users/u_1-2.json", "/a/~b", "/api/users/a%20b", "/x/%C3%A9", "/.well-known", "/a/...", "/a/b@c:d!$&'()*+,="],
)  # fmt: skip
def test_ordinary_paths_pass(path: str) -> None:
    assert is_plain(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "*",
        "api/users",
        "//api/users",
        "/api//users",
        "/api/users//",
        "/api/./users",
        "/api/../users",
        "/api/users/..",
        "/api/users/.",
        "/api/%2e%2e/admin",
        "/api/%2E%2E/admin",
        "/api/.%2e/admin",
        "/api/%2e/users",
        "/api/users%2fu1",
        "/api/users%2Fu1",
        "/api%5cusers",
        "/api\\users",
        "/api/users/%00",
        "/api/users/%0d%0aX:",
        "/api/users/%7f",
        "/api/users;x=1",
        "/api/users%3bx",
        "/api/users#x",
        "/api/us ers",
        "/api/us\x7fers",
        "/api/us\ters",
        "/api/é",
        "/api/\udce9",
        "/api/%",
        "/api/%2",
        "/api/%zz",
        "/api/%u0041",
    ],
)
def test_paths_that_a_service_could_read_differently_are_refused(path: str) -> None:
    assert not is_plain(path)


@given(st.text(st.sampled_from("/.%2eEfFcC5aA\\;?# \x00é"), max_size=24).map(lambda rest: "/" + rest))
def test_a_path_that_passes_means_the_same_decoded(path: str) -> None:
    if is_plain(path):
        decoded = unquote(path, errors="strict") if _is_utf8(path) else path
        assert "//" not in path
        assert decoded.count("/") == path.count("/")
        assert not {".", ".."} & set(decoded.split("/"))
        assert "\\" not in decoded
        assert decoded.startswith("/")


def _is_utf8(path: str) -> bool:
    try:
        unquote(path, errors="strict")
    except UnicodeDecodeError:
        return False
    return True
